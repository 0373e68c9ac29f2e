//! What agent and engine say to each other over the control socket.
//!
//! The agent compares an [`Observed`] with what it wants, and sends a [`crate::control::Step`] list; the engine
//! performs each on its own and answers with an [`Outcome`] for each object. Nothing here holds a clear stream key.
//!
//! Wire: one JSON object per line (UTF-8, `\n`), request then response, in order, over one unix stream connection.
//! The engine closes a connection whose line exceeds [`MAX_LINE_BYTES`].

use std::collections::BTreeMap;
use std::net::SocketAddr;

use nixcast_schema::{
    Autoplay, Effect, Encoder, ExternalAction, Network, Overload, Preset, Scope, SocialHandle, Takeover, Theme,
    WebhookEvent,
};
use serde::{Deserialize, Serialize};

use crate::certificates::{CertificateChain, PrivateKey};
use crate::chat::rules::ChatRules;
use crate::facts::{QueueFacts, RungFacts, SourceFacts, WorkerFacts};
use crate::health::Health;
use crate::webhooks::SigningSecret;

/// Longest line either side accepts: 16 MiB of emoji and a 2 MiB logo in base64 are the largest thing sent, 24 MiB.
pub const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;

/// Asked by the agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "request")]
pub enum Request {
    Observe,
    Apply {
        generation: u64,
        digest: String,
        steps: Vec<Step>,
    },
    /// For the operator's page; nothing is done by it. Sent whenever it says something new, and to each new engine.
    Tell(Box<Word>),
}

/// Answered by the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "response")]
pub enum Response {
    Observed(Box<Observed>),
    Applied {
        outcomes: Vec<Outcome>,
    },
    Told,
    /// The request made no sense to this engine (another build, broken JSON); nothing was done.
    Rejected {
        reason: String,
    },
}

/// What the agent knows and the engine cannot, for whoever looks at the operator's page. Holds no secret, and not the
/// path of one: the engine faces the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// Of the accepted settings; 0: nothing was ever accepted.
    pub generation: u64,
    pub digest: String,
    /// RFC 3339; empty if nothing was ever accepted.
    pub accepted_at: String,
    /// Why the source as it is now is not what runs.
    pub refusal: Option<String>,
    /// What does not run as declared.
    pub unsettled: Vec<Unsettled>,
    /// Objects found to run otherwise than declared since the agent started, and of those the ones put right.
    pub drift_found: u64,
    pub drift_healed: u64,
    /// Every option with its value, in the schema's order.
    pub settings: Vec<Setting>,
}

/// An object that does not run as declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsettled {
    pub option: String,
    /// "held", "waiting", "pending" or "drifted".
    pub state: String,
    pub reason: String,
}

/// One option as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// The NixOS option.
    pub option: String,
    /// Of long texts the beginning; null where it is withheld.
    pub value: serde_json::Value,
    /// It names the file of a secret.
    pub is_withheld: bool,
    pub effect: Option<Effect>,
}

/// Which listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Listener {
    Http,
    Rtmp,
    Rtmps,
}

/// An independently managed thing. Its `Display` is the NixOS option (or option prefix) that declares it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ObjectId {
    Listener(Listener),
    /// What publishers with TLS are shown.
    Certificate,
    TrustedProxies,
    StreamKey(String),
    Admin,
    Page,
    Latency,
    Encoder,
    Overload,
    Stills,
    Broadcast,
    /// The chat's rules.
    Chat,
    /// All custom emoji together.
    Emoji,
    /// By name.
    Moderator(String),
    Rung(String),
    Webhook(String),
    /// By name.
    AccessToken(String),
    Metrics,
}

/// What the engine knows of a stream key: enough to compare, not enough to publish with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyGrant {
    /// 16 random bytes, lowercase hex.
    pub salt: String,
    /// HMAC-SHA-256 of the key under the salt, lowercase hex.
    pub hash: String,
    pub comment: String,
    pub enabled: bool,
    /// Seconds since 1970 from which the key is refused.
    pub expires_at: Option<i64>,
}

/// What the engine knows of a declared access token: enough to recognise it, not enough to show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken {
    pub token: Fingerprint,
    pub scopes: Vec<Scope>,
}

/// Everything the page draws, resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    pub name: String,
    pub summary: String,
    pub tags: Vec<String>,
    pub social_handles: Vec<SocialHandle>,
    /// Markdown.
    pub offline_message: String,
    pub theme: Theme,
    pub logo: Option<LogoRef>,
    /// Markdown.
    pub page_content: String,
    pub custom_css: String,
    pub custom_javascript: String,
    pub external_actions: Vec<ExternalAction>,
    pub search_indexing: bool,
    pub show_viewer_count: bool,
    pub autoplay: Autoplay,
    pub nsfw: bool,
    /// Without a slash at its end.
    pub public_url: Option<String>,
}

/// Who may log in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminGrant {
    pub user: String,
    /// argon2id, PHC string form. For [`crate::passwords::verify`].
    pub password_hash: String,
}

impl std::fmt::Debug for AdminGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminGrant").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Whom to tell what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    pub enabled: bool,
    pub url: String,
    pub events: Vec<WebhookEvent>,
    /// None: messages are not signed.
    pub secret: Option<Fingerprint>,
}

/// What a certificate and its private key are compared by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// SHA-256 of the chain in PEM, lowercase hex.
    pub chain_digest: String,
    pub key: Fingerprint,
}

/// What a signing secret, a private key, the secret of a moderator or an access token is compared by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fingerprint {
    /// 16 random bytes, lowercase hex.
    pub salt: String,
    /// HMAC-SHA-256 of the secret under the salt, lowercase hex.
    pub hash: String,
}

/// Who may read the figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    pub enabled: bool,
    pub allow_from: Vec<Network>,
}

/// Which picture an emoji is.
pub type PictureRef = LogoRef;

/// Which picture is the logo. The bytes travel once, in [`Action::PutPage`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogoRef {
    /// SHA-256 of the picture, lowercase hex.
    pub digest: String,
    /// One of image/svg+xml, image/png, image/jpeg, image/gif, image/webp.
    pub media_type: String,
}

/// How a broadcast waits for its publisher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BroadcastRules {
    /// Seconds from a lost publisher to the end of the broadcast; 0: at once.
    pub grace_seconds: u16,
    pub takeover: Takeover,
}

/// One enabled rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rung {
    pub name: String,
    /// Place in the ladder, from 0, without gaps.
    pub position: u16,
    pub audio_bitrate_kbps: u32,
    pub encode: Encode,
}

/// Where a rung's pictures come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Encode {
    Passthrough,
    #[serde(rename_all = "camelCase")]
    Transcode {
        width: Option<u16>,
        height: Option<u16>,
        framerate: Option<u8>,
        video_bitrate_kbps: u32,
        preset: Preset,
    },
}

/// What the engine runs right now, read from the running parts and not from what it was last told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// Changes with each engine process.
    pub engine_pid: u32,
    pub engine_version: String,
    /// The generation of the last apply this process performed; 0: none.
    pub generation: u64,
    pub listeners: BTreeMap<Listener, SocketAddr>,
    /// None: there is none to show, and no listener for publishers with TLS.
    pub certificate: Option<Certificate>,
    /// None until the agent has spoken.
    pub trusted_proxies: Option<Vec<Network>>,
    pub stream_keys: BTreeMap<String, KeyGrant>,
    /// None: nobody can log in.
    pub admin: Option<AdminGrant>,
    pub page: Option<Page>,
    pub latency_level: Option<u8>,
    /// As declared; what really encodes is among the conditions where it differs.
    pub encoder: Option<Encoder>,
    pub when_overloaded: Option<Overload>,
    pub stills: Option<bool>,
    pub broadcast_rules: Option<BroadcastRules>,
    /// None until the agent has spoken.
    pub chat: Option<ChatRules>,
    /// The custom emoji offered, by name. None until the agent has spoken.
    pub emoji: Option<BTreeMap<String, PictureRef>>,
    /// What the secret of each declared moderator is recognised by.
    pub moderators: BTreeMap<String, Fingerprint>,
    pub ladder: BTreeMap<String, Rung>,
    pub webhooks: BTreeMap<String, Webhook>,
    /// By name.
    pub access_tokens: BTreeMap<String, AccessToken>,
    /// None until the agent has spoken.
    pub metrics: Option<Metrics>,
    /// Objects that were changed and whose change waits for a segment boundary of the running broadcast.
    pub pending: Vec<ObjectId>,
    pub broadcast: Option<BroadcastFacts>,
    /// True things an operator should know, each a sentence ("worker restarted 2 times in the last minute").
    pub conditions: Vec<Condition>,
}

/// The live broadcast, for `status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BroadcastFacts {
    pub channel: String,
    pub state: BroadcastState,
    /// Present while nothing arrives from the publisher.
    pub reconnecting: Option<Reconnecting>,
    /// Which declared stream key the publisher used.
    pub stream_key: String,
    /// The connection that publishes, or the last one that did.
    pub session: u64,
    /// Seconds since 1970.
    pub started_at: i64,
    pub width: u16,
    pub height: u16,
    /// Rungs now published, in order.
    pub variants: Vec<String>,
    /// Pid of the worker, if the ladder needs one.
    pub worker_pid: Option<u32>,
    /// Units dropped because the worker's queue was full, since the broadcast began.
    pub dropped_units: u64,
    pub source: SourceFacts,
    /// Declared rungs, in order.
    pub rungs: Vec<RungFacts>,
    /// None without a worker, or while it reports nothing.
    pub worker: Option<WorkerFacts>,
    pub queues: QueueFacts,
    pub health: Health,
}

/// Where a broadcast stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BroadcastState {
    /// The publisher is there; nothing can be played yet.
    Starting,
    Live,
    /// The publisher is lost or silent; viewers keep what there is.
    Reconnecting,
}

/// A wait for the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconnecting {
    /// When the last of it arrived, seconds since 1970.
    pub since: i64,
    /// When the broadcast ends without it, seconds since 1970; none while its connection stands.
    pub until: Option<i64>,
}

/// A named truth about the engine, in the manner of Kubernetes conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// CamelCase, steady: "WorkerDegraded".
    pub kind: String,
    pub message: String,
}

/// Which third of an apply a step belongs to: bring the new up beside the old, flip, let the old go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    Prepare,
    Switch,
    Retire,
}

/// One ordered piece of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub object: ObjectId,
    pub phase: Phase,
    pub effect: Effect,
    pub action: Action,
}

/// One verb of the engine. Each is idempotent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "a plan holds a handful of steps; a box would be in everybody's way")]
pub enum Action {
    /// Listen on `address`, let go of the address served before; connections accepted there live on.
    Bind {
        listener: Listener,
        address: SocketAddr,
    },
    /// Listen no more; connections accepted there live on.
    Unbind {
        listener: Listener,
    },
    /// Show this certificate to whoever connects from now on. Refused unless chain and key belong together.
    #[serde(rename_all = "camelCase")]
    SetCertificate {
        certificate: Certificate,
        chain: CertificateChain,
        private_key: PrivateKey,
    },
    RemoveCertificate,
    SetTrustedProxies {
        networks: Vec<Network>,
    },
    #[serde(rename_all = "camelCase")]
    PutStreamKey {
        name: String,
        grant: KeyGrant,
    },
    RemoveStreamKey {
        name: String,
    },
    /// None: nobody can log in any more.
    SetAdmin {
        grant: Option<AdminGrant>,
    },
    /// `logo_bytes` (base64, standard alphabet, padded) is present when `page.logo` is.
    #[serde(rename_all = "camelCase")]
    PutPage {
        page: Page,
        logo_base64: Option<String>,
    },
    SetLatency {
        level: u8,
    },
    SetEncoder {
        encoder: Encoder,
    },
    SetOverload {
        policy: Overload,
    },
    SetStills {
        enabled: bool,
    },
    SetBroadcastRules {
        rules: BroadcastRules,
    },
    SetChat {
        rules: ChatRules,
    },
    /// Offer these emoji and no others. `pictures` has the bytes (base64, standard alphabet, padded) of each digest that
    /// the engine does not hold already.
    SetEmoji {
        emoji: BTreeMap<String, PictureRef>,
        pictures: BTreeMap<String, String>,
    },
    /// Whoever shows this secret together with this name is the moderator of that name.
    PutModerator {
        name: String,
        grant: Fingerprint,
    },
    RemoveModerator {
        name: String,
    },
    PutRung {
        rung: Rung,
    },
    RemoveRung {
        name: String,
    },
    /// `signing_secret` is present when `webhook.secret` is, except where the engine holds that very secret already.
    #[serde(rename_all = "camelCase")]
    PutWebhook {
        name: String,
        webhook: Webhook,
        signing_secret: Option<SigningSecret>,
    },
    RemoveWebhook {
        name: String,
    },
    /// Whoever shows this token is the program of that name.
    PutAccessToken {
        name: String,
        access: AccessToken,
    },
    RemoveAccessToken {
        name: String,
    },
    SetMetrics {
        metrics: Metrics,
    },
}

/// How one object fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub object: ObjectId,
    pub result: OutcomeResult,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum OutcomeResult {
    Applied,
    /// Taken, and in force at the next segment boundary of the running broadcast.
    Pending,
    /// Not possible right now; the object stays as it was and the step may be tried again.
    Held {
        reason: String,
    },
}

//! The wire types. Each doc comment is what the operator reads, each `x-effect` says when a change takes hold.

mod chat;
mod instance;
mod integrations;
mod listeners;
mod video;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use chat::*;
pub use instance::*;
pub use integrations::*;
pub use listeners::*;
pub use video::*;

/// The only document version this build reads. Checked before anything else in a document.
pub const API_VERSION: &str = "nixcast/v1";

/// When a changed value takes hold on the running engine. There is no "restart".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The next read sees it; open pages are told and redraw.
    Live,
    /// Cut over at the next segment boundary of the running broadcast.
    Segment,
    /// Takes hold for the publisher concerned at once.
    Session,
    /// Who connects from now on finds the new address or certificate, without a moment in which nobody listens;
    /// connections made before live on.
    Rebind,
}

/// A complete settings document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Version of the document's shape; always "nixcast/v1".
    #[schemars(extend("x-effect" = "live", "const" = "nixcast/v1"))]
    pub api_version: String,
    /// Address under which viewers reach the page from outside, for previews of links and for webhooks, without a
    /// slash at its end; null: unknown, and previews have no picture.
    #[schemars(extend("x-effect" = "live", "format" = "web-url"))]
    pub public_url: Option<String>,
    /// Where viewers connect.
    pub http: Http,
    /// Where publishers connect.
    pub rtmp: Rtmp,
    /// Where publishers connect with TLS.
    pub rtmps: Rtmps,
    /// Who may publish, ordered by name.
    pub stream_keys: Vec<StreamKey>,
    /// Who may read what viewers may not.
    pub admin: Admin,
    /// What the page says and looks like.
    pub instance: Instance,
    /// How the picture is encoded and cut.
    pub video: Video,
    /// How a broadcast begins, waits and ends.
    pub broadcast: Broadcast,
    /// What people who watch may say to each other.
    pub chat: Chat,
    /// Who is told what happens, ordered by name. At most 32.
    #[schemars(length(max = 32))]
    pub webhooks: Vec<Webhook>,
    /// Programs that take part.
    pub integrations: Integrations,
    /// Figures for a monitoring system.
    pub metrics: Metrics,
    /// How the agent keeps the engine at the declared settings.
    pub reconcile: Reconcile,
}

/// One credential that lets a publisher go live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamKey {
    /// Name by which status and logs speak of this key: 1 to 64 letters, digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 64), extend("x-effect" = "session", "format" = "name"))]
    pub name: String,
    /// Absolute path, outside the Nix store, of the file that holds the key. One trailing newline is ignored.
    #[schemars(extend("x-effect" = "session", "format" = "secret-path"))]
    pub key_file: String,
    /// A note for people, at most 200 characters.
    #[schemars(length(max = 200), extend("x-effect" = "session"))]
    pub comment: String,
    /// Whether the key may be used. Turning it off ends a session that uses it.
    #[schemars(extend("x-effect" = "session"))]
    pub enable: bool,
    /// Moment (RFC 3339, with time zone) from which the key is refused and a session that uses it ends; null: never.
    #[schemars(extend("x-effect" = "session", "format" = "date-time"))]
    pub expires: Option<String>,
}

/// Who may read what viewers may not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Admin {
    /// Name to log in with: 1 to 64 letters, digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 64), extend("x-effect" = "live", "format" = "name"))]
    pub user: String,
    /// Absolute path, outside the Nix store, of the file that holds the password or its argon2id hash; null: nobody
    /// can log in.
    #[schemars(extend("x-effect" = "live", "format" = "secret-path"))]
    pub password_file: Option<String>,
}

/// Figures for a monitoring system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    /// Whether "/metrics" answers, in the text format of Prometheus.
    #[schemars(extend("x-effect" = "live"))]
    pub enable: bool,
    /// Networks that may read them, trusted proxies looked through. At most 64.
    #[schemars(length(max = 64), extend("x-effect" = "live"))]
    pub allow_from: Vec<Network>,
}

/// How a broadcast begins, waits and ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Broadcast {
    /// Seconds that a broadcast waits for a lost publisher to come back before it ends, 0 to 3600. Viewers see the last
    /// picture meanwhile.
    #[schemars(range(min = 0, max = 3600), extend("x-effect" = "live"))]
    pub grace_seconds: u16,
    /// When a second connection with the stream key of the running broadcast takes its place: "whenSilent" once the
    /// first has sent nothing for two seconds, "always" at once, "never" only when the first is gone.
    #[schemars(extend("x-effect" = "live"))]
    pub takeover: Takeover,
}

/// When a second connection with the same stream key takes the place of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum Takeover {
    #[default]
    WhenSilent,
    Always,
    Never,
}

/// How the agent keeps the engine at the declared settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reconcile {
    /// Seconds between two comparisons of what runs with what is declared, 5 to 3600.
    #[schemars(range(min = 5, max = 3600), extend("x-effect" = "live"))]
    pub interval_seconds: u32,
    /// Seconds `nixcast apply --wait` gives the engine to converge when it is not told, 1 to 600.
    #[schemars(range(min = 1, max = 600), extend("x-effect" = "live"))]
    pub timeout_seconds: u32,
    /// What to do when the engine no longer runs what is declared: "heal" puts it right, "report" only says so.
    #[schemars(extend("x-effect" = "live"))]
    pub on_drift: OnDrift,
}

/// What to do about drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum OnDrift {
    Heal,
    Report,
}

impl Default for Settings {
    /// What an operator gets who enables the service and declares nothing else.
    fn default() -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            public_url: None,
            http: Http { address: "127.0.0.1".to_owned(), port: 8080, trusted_proxies: Network::loopback() },
            rtmp: Rtmp { address: "::".to_owned(), port: 1935 },
            rtmps: Rtmps {
                enable: false,
                address: "::".to_owned(),
                port: 1936,
                certificate_file: None,
                key_file: None,
            },
            stream_keys: Vec::new(),
            admin: Admin { user: "admin".to_owned(), password_file: None },
            instance: Instance::default(),
            video: Video {
                latency_level: 2,
                variants: vec![Variant { passthrough: true, ..Variant::named("source") }],
                encoder: Encoder::default(),
                when_overloaded: Overload::default(),
                stills: true,
            },
            broadcast: Broadcast { grace_seconds: 60, takeover: Takeover::default() },
            chat: Chat::default(),
            webhooks: Vec::new(),
            integrations: Integrations::default(),
            metrics: Metrics { enable: false, allow_from: Network::loopback() },
            reconcile: Reconcile { interval_seconds: 30, timeout_seconds: 60, on_drift: OnDrift::Heal },
        }
    }
}

//! The wire types. Each doc comment is what the operator reads, each `x-effect` says when a change takes hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// Where viewers connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    /// IP address to listen on for the page and the video. Use "127.0.0.1" behind a reverse proxy, "::" for all.
    #[schemars(extend("x-effect" = "rebind", "format" = "ip"))]
    pub address: String,
    /// TCP port of the page and the video, 1 to 65535.
    #[schemars(range(min = 1, max = 65535), extend("x-effect" = "rebind"))]
    pub port: u16,
    /// Networks whose word about a client's address ("X-Forwarded-For") is believed: the reverse proxies. At most 64.
    #[schemars(length(max = 64), extend("x-effect" = "live"))]
    pub trusted_proxies: Vec<Network>,
}

/// A network in CIDR notation such as "10.0.0.0/8", or a single IP address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "network"))]
pub struct Network(pub String);

/// Where publishers connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rtmp {
    /// IP address to listen on for publishers. "::" means every address of the machine.
    #[schemars(extend("x-effect" = "rebind", "format" = "ip"))]
    pub address: String,
    /// TCP port for publishers, 1 to 65535. 1935 is what OBS assumes.
    #[schemars(range(min = 1, max = 65535), extend("x-effect" = "rebind"))]
    pub port: u16,
}

/// Where publishers connect with TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rtmps {
    /// Whether publishers may connect with TLS (RTMPS), beside plain RTMP.
    #[schemars(extend("x-effect" = "rebind"))]
    pub enable: bool,
    /// IP address to listen on for publishers with TLS. "::" means every address of the machine.
    #[schemars(extend("x-effect" = "rebind", "format" = "ip"))]
    pub address: String,
    /// TCP port for publishers with TLS, 1 to 65535. Encoders have no usual one but 443, so it is entered with the
    /// address: "rtmps://host:1936/live".
    #[schemars(range(min = 1, max = 65535), extend("x-effect" = "rebind"))]
    pub port: u16,
    /// Absolute path of the certificate and its chain (PEM, at most 64 KiB), which may lie in the Nix store; null: none,
    /// which excludes "enable".
    #[schemars(extend("x-effect" = "rebind", "format" = "absolute-path"))]
    pub certificate_file: Option<String>,
    /// Absolute path, outside the Nix store, of the certificate's private key (PEM without passphrase, at most
    /// 16 KiB); null: none, which excludes "enable".
    #[schemars(extend("x-effect" = "rebind", "format" = "secret-path"))]
    pub key_file: Option<String>,
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

/// What the page says and looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// Name of the server: page title and heading, 1 to 100 characters.
    #[schemars(length(min = 1, max = 100), extend("x-effect" = "live"))]
    pub name: String,
    /// One paragraph about the stream, at most 500 characters.
    #[schemars(length(max = 500), extend("x-effect" = "live"))]
    pub summary: String,
    /// Picture for the page's head and icon (SVG, PNG, JPEG, GIF or WebP, at most 2 MiB); null: the built-in mark.
    #[schemars(extend("x-effect" = "live", "format" = "absolute-path"))]
    pub logo: Option<String>,
    /// Words viewers find the stream by; at most 24 tags of 1 to 40 characters.
    #[schemars(length(max = 24), inner(length(min = 1, max = 40)), extend("x-effect" = "live"))]
    pub tags: Vec<String>,
    /// Links to the instance's other places; at most 32.
    #[schemars(length(max = 32))]
    pub social_handles: Vec<SocialHandle>,
    /// What the page says while nobody publishes, in Markdown, at most 2500 characters.
    #[schemars(length(max = 2500), extend("x-effect" = "live"))]
    pub offline_message: String,
    /// Text below the player in Markdown, at most 50000 characters. What could run or load something from elsewhere is
    /// left out.
    #[schemars(length(max = 50000), extend("x-effect" = "live"))]
    pub page_content: String,
    /// Style sheet added to the page's own, at most 100000 characters.
    #[schemars(length(max = 100_000), extend("x-effect" = "live"))]
    pub custom_css: String,
    /// Script run in the page under its content security policy, at most 100000 characters.
    #[schemars(length(max = 100_000), extend("x-effect" = "live"))]
    pub custom_javascript: String,
    /// Buttons that lead elsewhere; at most 16.
    #[schemars(length(max = 16))]
    pub external_actions: Vec<ExternalAction>,
    /// Whether search engines may list the page.
    #[schemars(extend("x-effect" = "live"))]
    pub search_indexing: bool,
    /// Whether viewers are told how many they are.
    #[schemars(extend("x-effect" = "live"))]
    pub show_viewer_count: bool,
    /// When the player starts by itself: "off", "always" (without sound where the browser wants it so) or "soundOnly"
    /// (only where the browser allows sound).
    #[schemars(extend("x-effect" = "live"))]
    pub autoplay: Autoplay,
    /// Whether the stream is not for everyone: the page says so and tells search engines.
    #[schemars(extend("x-effect" = "live"))]
    pub nsfw: bool,
    /// Colours of the page.
    pub theme: Theme,
}

/// A link to another place of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SocialHandle {
    /// Name of the platform as shown, for example "mastodon"; 1 to 40 characters.
    #[schemars(length(min = 1, max = 40), extend("x-effect" = "live"))]
    pub platform: String,
    /// Address of the profile, http or https.
    #[schemars(extend("x-effect" = "live", "format" = "web-url"))]
    pub url: String,
}

/// Colours of the page, "#rrggbb" or "#rrggbbaa"; null: the page's own light or dark palette.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Theme {
    /// Behind everything.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub background: Option<String>,
    /// Cards and bars.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub surface: Option<String>,
    /// Text.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub text: Option<String>,
    /// Secondary text.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub muted_text: Option<String>,
    /// Buttons, links, the live badge.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub accent: Option<String>,
    /// Text on the accent colour.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub accent_text: Option<String>,
    /// Radius of rounded corners in CSS pixels, 0 to 40; null: the page's own.
    #[schemars(range(min = 0, max = 40), extend("x-effect" = "live"))]
    pub corner_radius: Option<u8>,
}

/// A button of the page that leads somewhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalAction {
    /// Text of the button, 1 to 60 characters.
    #[schemars(length(min = 1, max = 60), extend("x-effect" = "live"))]
    pub title: String,
    /// What it leads to, http or https.
    #[schemars(extend("x-effect" = "live", "format" = "web-url"))]
    pub url: String,
    /// What happens there, shown with the button; at most 200 characters.
    #[schemars(length(max = 200), extend("x-effect" = "live"))]
    pub description: String,
    /// Colour of the button, "#rrggbb" or "#rrggbbaa"; null: the accent colour.
    #[schemars(extend("x-effect" = "live", "format" = "colour"))]
    pub colour: Option<String>,
    /// Whether a click opens another tab; otherwise the address is shown inside the page, over the picture.
    #[schemars(extend("x-effect" = "live"))]
    pub open_externally: bool,
}

/// When the player starts by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum Autoplay {
    Off,
    #[default]
    Always,
    SoundOnly,
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

/// A web address that is told what happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// Name by which status and logs speak of this webhook: 1 to 64 letters, digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 64), extend("x-effect" = "live", "format" = "name"))]
    pub name: String,
    /// Whether the address is told anything.
    #[schemars(extend("x-effect" = "live"))]
    pub enable: bool,
    /// Where events are sent by POST, http or https. The address is no secret: everyone on the machine can read it.
    #[schemars(extend("x-effect" = "live", "format" = "web-url"))]
    pub url: String,
    /// Which events are sent: "STREAM_STARTED" when a broadcast went on air, "STREAM_STOPPED" when it ended,
    /// "STREAM_TITLE_UPDATED" when its title changed; of the chat "CHAT" for each message, "NAME_CHANGE", "USER_JOINED",
    /// "USER_PARTED", and "VISIBILITY-UPDATE" when messages were hidden or shown again.
    #[schemars(length(max = 16), extend("x-effect" = "live"))]
    pub events: Vec<WebhookEvent>,
    /// Absolute path, outside the Nix store, of the file that holds the secret with which each message is signed
    /// (HMAC-SHA-256); null: messages are not signed.
    #[schemars(extend("x-effect" = "live", "format" = "secret-path"))]
    pub secret_file: Option<String>,
}

/// What a webhook can be told; the names are Owncast's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum WebhookEvent {
    StreamStarted,
    StreamStopped,
    StreamTitleUpdated,
    Chat,
    NameChange,
    UserJoined,
    UserParted,
    #[serde(rename = "VISIBILITY-UPDATE")]
    VisibilityUpdate,
}

/// Programs that take part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Integrations {
    /// What programs show to be let in, ordered by name. At most 32.
    #[schemars(length(max = 32))]
    pub access_tokens: Vec<AccessToken>,
}

/// What one program shows to be let in: a bot, an overlay, a timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessToken {
    /// Name by which status and logs speak of this token, and under which its program talks in the chat: 1 to 30 letters,
    /// digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 30), extend("x-effect" = "live", "format" = "name"))]
    pub name: String,
    /// Absolute path, outside the Nix store, of the file that holds the token. One trailing newline is ignored.
    #[schemars(extend("x-effect" = "live", "format" = "secret-path"))]
    pub token_file: String,
    /// What the program may do, each once and at least one: "CAN_SEND_MESSAGES" talk under its own name,
    /// "CAN_SEND_SYSTEM_MESSAGES" talk in the name of the server, "HAS_ADMIN_ACCESS" read what the operator is told, hide
    /// messages and name the stream.
    #[schemars(length(max = 3), extend("x-effect" = "live"))]
    pub scopes: Vec<Scope>,
}

/// What a program may do; the names are Owncast's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum Scope {
    CanSendMessages,
    CanSendSystemMessages,
    HasAdminAccess,
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

/// How the picture is encoded and cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Video {
    /// 0 (lowest delay) to 4 (smoothest): segments of 1, 2, 3, 4 or 5 seconds in parts of 0.21, 0.35, 0.53, 1.03 or 1.03 second,
    /// and an encoder tuned to match.
    #[schemars(range(min = 0, max = 4), extend("x-effect" = "segment"))]
    pub latency_level: u8,
    /// The ladder: one entry per quality, ordered as the quality menu shows them. At most 8.
    #[schemars(length(max = 8))]
    pub variants: Vec<Variant>,
    /// What encodes the rungs that are not passed through: "x264" on the CPU, or the machine's hardware through
    /// "vaapi", "nvenc", "qsv" or "v4l2m2m". Hardware that cannot be used is reported, and x264 encodes instead.
    #[schemars(extend("x-effect" = "segment"))]
    pub encoder: Encoder,
    /// Which rungs go first while the machine cannot encode them all in real time.
    #[schemars(extend("x-effect" = "live"))]
    pub when_overloaded: Overload,
    /// Whether a thumbnail and an animated preview are made of the running broadcast.
    #[schemars(extend("x-effect" = "live"))]
    pub stills: bool,
}

/// What encodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Encoder {
    #[default]
    X264,
    Vaapi,
    Nvenc,
    Qsv,
    V4l2m2m,
}

/// Which rungs go first while the machine cannot encode them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum Overload {
    #[default]
    DropHighest,
    DropLowest,
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

/// What people who watch may say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chat {
    /// Whether there is a chat. Turning it off closes it for everybody and forgets nothing.
    #[schemars(extend("x-effect" = "live"))]
    pub enable: bool,
    /// Whether everybody is told who comes and goes while the stream is live.
    #[schemars(extend("x-effect" = "live"))]
    pub join_messages: bool,
    /// What somebody who comes into the chat is told first, alone, in the Markdown of messages; at most 2500 characters.
    /// Empty: nothing.
    #[schemars(length(max = 2500), extend("x-effect" = "live"))]
    pub welcome_message: String,
    /// Whether only those may write who have been known for "establishedAfterMinutes". Moderators may always.
    #[schemars(extend("x-effect" = "live"))]
    pub established_users_only: bool,
    /// Minutes after which somebody counts as established, 1 to 10080 (a week).
    #[schemars(range(min = 1, max = 10080), extend("x-effect" = "live"))]
    pub established_after_minutes: u32,
    /// Names nobody may take, nor one that looks like them or has them as a word; at most 200 of 1 to 30 characters.
    #[schemars(length(max = 200), inner(length(min = 1, max = 30)), extend("x-effect" = "live"))]
    pub forbidden_names: Vec<String>,
    /// Names for those who bring none, 10 to 500 of 1 to 30 characters; empty: names are made up.
    #[schemars(length(max = 500), inner(length(min = 1, max = 30)), extend("x-effect" = "live"))]
    pub suggested_names: Vec<String>,
    /// Whether whoever floods the chat is muted for a while, and an address that many write from is slowed down.
    #[schemars(extend("x-effect" = "live"))]
    pub spam_protection: bool,
    /// Least number of seconds between two messages of one person, 0 (any) to 3600. Moderators need not wait.
    #[schemars(range(min = 0, max = 3600), extend("x-effect" = "live"))]
    pub slow_mode_seconds: u32,
    /// Longest message as typed, in bytes of UTF-8, 64 to 8192.
    #[schemars(range(min = 64, max = 8192), extend("x-effect" = "live"))]
    pub max_message_bytes: u32,
    /// How many of the last messages a newcomer is shown, 0 to 500.
    #[schemars(range(min = 0, max = 500), extend("x-effect" = "live"))]
    pub history_messages: u32,
    /// Hours after which a message is deleted, 1 to 720 (thirty days).
    #[schemars(range(min = 1, max = 720), extend("x-effect" = "live"))]
    pub history_hours: u32,
    /// Whether a message can be marked as a question for the speaker, and voted for.
    #[schemars(extend("x-effect" = "live"))]
    pub questions: bool,
    /// Folder with pictures (PNG, GIF, JPEG, WebP or SVG) that stand for ":name:" in messages, the name being that of the
    /// file without its ending: at most 200 files of 512 KiB, 16 MiB in all; null: none.
    #[schemars(extend("x-effect" = "live", "format" = "absolute-path"))]
    pub emoji_folder: Option<String>,
    /// Who keeps order, ordered by name. At most 64.
    #[schemars(length(max = 64))]
    pub moderators: Vec<Moderator>,
}

/// Somebody who keeps order in the chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moderator {
    /// Name to log in with, and in the chat: 1 to 30 letters, digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 30), extend("x-effect" = "live", "format" = "name"))]
    pub name: String,
    /// Absolute path, outside the Nix store, of the file that holds the secret to log in with. One trailing newline is
    /// ignored.
    #[schemars(extend("x-effect" = "live", "format" = "secret-path"))]
    pub secret_file: String,
}

/// One rung of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variant {
    /// Name in the quality menu and in addresses: 1 to 32 letters, digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 32), extend("x-effect" = "segment", "format" = "name"))]
    pub name: String,
    /// Whether the rung is offered.
    #[schemars(extend("x-effect" = "segment"))]
    pub enable: bool,
    /// Serve the publisher's own picture and sound without encoding; excludes the settings that shape the picture.
    #[schemars(extend("x-effect" = "segment"))]
    pub passthrough: bool,
    /// Width in pixels, even, 64 to 7680; null: from the height, or as the publisher sends it.
    #[schemars(range(min = 64, max = 7680), extend("x-effect" = "segment", "multipleOf" = 2))]
    pub width: Option<u16>,
    /// Height in pixels, even, 64 to 4320; null: from the width, or as the publisher sends it.
    #[schemars(range(min = 64, max = 4320), extend("x-effect" = "segment", "multipleOf" = 2))]
    pub height: Option<u16>,
    /// Most frames per second, 1 to 120; null: as the publisher sends it. Frames are dropped, never invented.
    #[schemars(range(min = 1, max = 120), extend("x-effect" = "segment"))]
    pub framerate: Option<u8>,
    /// Video bitrate in kbit/s, 50 to 100000. Ignored for a pass-through rung.
    #[schemars(range(min = 50, max = 100000), extend("x-effect" = "segment"))]
    pub video_bitrate_kbps: u32,
    /// Audio bitrate in kbit/s, 16 to 512. All rungs share one sound: the highest of the enabled rungs is used, and
    /// the publisher's own sound as soon as one enabled rung is pass-through.
    #[schemars(range(min = 16, max = 512), extend("x-effect" = "segment"))]
    pub audio_bitrate_kbps: u32,
    /// How much work the encoder puts into each picture: faster presets need less CPU at the same bitrate, and look
    /// worse.
    #[schemars(extend("x-effect" = "segment"))]
    pub preset: Preset,
    /// Place in the quality menu, smallest first; rungs with the same order go by name. 0 to 1000.
    #[schemars(range(min = 0, max = 1000), extend("x-effect" = "segment"))]
    pub order: u16,
}

/// x264's presets, fastest first, up to what a live encoder can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Preset {
    Ultrafast,
    Superfast,
    Veryfast,
    Faster,
    Fast,
    Medium,
    Slow,
}

impl Encoder {
    /// The name it has in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X264 => "x264",
            Self::Vaapi => "vaapi",
            Self::Nvenc => "nvenc",
            Self::Qsv => "qsv",
            Self::V4l2m2m => "v4l2m2m",
        }
    }
}

impl Preset {
    /// The name x264 knows the preset by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
        }
    }
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

impl Default for Chat {
    fn default() -> Self {
        Self {
            enable: true,
            join_messages: true,
            welcome_message: String::new(),
            established_users_only: false,
            established_after_minutes: 15,
            forbidden_names: ["owncast", "operator", "admin", "system"].map(str::to_owned).into(),
            suggested_names: Vec::new(),
            spam_protection: true,
            slow_mode_seconds: 0,
            max_message_bytes: 2048,
            history_messages: 50,
            history_hours: 2,
            questions: true,
            emoji_folder: None,
            moderators: Vec::new(),
        }
    }
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            name: "nixcast".to_owned(),
            summary: String::new(),
            logo: None,
            tags: Vec::new(),
            social_handles: Vec::new(),
            offline_message: String::new(),
            page_content: String::new(),
            custom_css: String::new(),
            custom_javascript: String::new(),
            external_actions: Vec::new(),
            search_indexing: true,
            show_viewer_count: true,
            autoplay: Autoplay::default(),
            nsfw: false,
            theme: Theme::default(),
        }
    }
}

impl Network {
    /// This machine: whoever connects from here has been let in by its operator.
    fn loopback() -> Vec<Self> {
        ["127.0.0.0/8", "::1/128"].map(|network| Self(network.to_owned())).into()
    }
}

impl WebhookEvent {
    pub const ALL: [Self; 8] = [
        Self::StreamStarted,
        Self::StreamStopped,
        Self::StreamTitleUpdated,
        Self::Chat,
        Self::NameChange,
        Self::UserJoined,
        Self::UserParted,
        Self::VisibilityUpdate,
    ];

    /// As the settings and Owncast name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StreamStarted => "STREAM_STARTED",
            Self::StreamStopped => "STREAM_STOPPED",
            Self::StreamTitleUpdated => "STREAM_TITLE_UPDATED",
            Self::Chat => "CHAT",
            Self::NameChange => "NAME_CHANGE",
            Self::UserJoined => "USER_JOINED",
            Self::UserParted => "USER_PARTED",
            Self::VisibilityUpdate => "VISIBILITY-UPDATE",
        }
    }
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::CanSendMessages, Self::CanSendSystemMessages, Self::HasAdminAccess];

    /// As the settings and Owncast name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CanSendMessages => "CAN_SEND_MESSAGES",
            Self::CanSendSystemMessages => "CAN_SEND_SYSTEM_MESSAGES",
            Self::HasAdminAccess => "HAS_ADMIN_ACCESS",
        }
    }
}

impl Variant {
    /// An enabled rung with the default of every other option.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            enable: true,
            passthrough: false,
            width: None,
            height: None,
            framerate: None,
            video_bitrate_kbps: 2500,
            audio_bitrate_kbps: 128,
            preset: Preset::Superfast,
            order: 100,
        }
    }
}

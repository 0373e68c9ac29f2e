//! What should run: the settings with every reference resolved.
//!
//! [`Desired::resolve`] joins a parsed document with what the agent found behind its paths ([`Material`]). Whatever
//! cannot be resolved is held on its own and leaves the rest alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use nixcast_schema::{
    AccessToken, Admin, Chat, Encoder, Instance, Integrations, Moderator, Network, Overload, Rtmps, Scope, Settings,
    StreamKey, Variant, Video, WebhookEvent,
};

use super::Held;
use crate::certificates::{CertificateChain, PrivateKey};
use crate::chat::rules::ChatRules;
use crate::control::{BroadcastRules, Encode, Listener, LogoRef, Metrics, ObjectId, Page, Rung};
use crate::keys::{Salt, StreamKeySecret};
use crate::passwords::AdminPassword;
use crate::webhooks::SigningSecret;

/// Everything declared, comparable with an `Observed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    pub listeners: BTreeMap<Listener, SocketAddr>,
    /// None: there is to be none.
    pub certificate: Option<DesiredCertificate>,
    pub trusted_proxies: Vec<Network>,
    pub stream_keys: BTreeMap<String, DesiredKey>,
    /// None: nobody is to log in.
    pub admin: Option<DesiredAdmin>,
    /// `logo` is empty here; `self.logo` decides it.
    pub page: Page,
    pub logo: DesiredLogo,
    pub latency_level: u8,
    pub encoder: Encoder,
    pub when_overloaded: Overload,
    pub stills: bool,
    pub broadcast_rules: BroadcastRules,
    pub chat: ChatRules,
    pub emoji: DesiredEmoji,
    pub moderators: BTreeMap<String, DesiredModerator>,
    /// Enabled rungs by name; their positions count from 0 without gaps.
    pub ladder: BTreeMap<String, Rung>,
    pub webhooks: BTreeMap<String, DesiredWebhook>,
    pub access_tokens: BTreeMap<String, DesiredAccessToken>,
    pub metrics: Metrics,
    /// Objects that could not even be resolved.
    pub held: Vec<Held>,
}

/// A declared stream key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredKey {
    /// Shown in plans; the file's content never is.
    pub key_file: String,
    pub comment: String,
    pub enabled: bool,
    /// Seconds since 1970.
    pub expires_at: Option<i64>,
    /// The key itself, or why there is none right now.
    pub secret: Result<StreamKeySecret, String>,
    /// Salt for a new grant, should one be needed.
    pub fresh_salt: Salt,
}

/// The declared admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredAdmin {
    pub user: String,
    /// The password, or why there is none right now.
    pub password: Result<AdminPassword, String>,
    /// Salt for a new hash, should one be needed.
    pub fresh_salt: Salt,
}

/// The declared certificate of publishers with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredCertificate {
    pub chain: Result<CertificateChain, String>,
    pub private_key: Result<PrivateKey, String>,
    /// Salt for a new fingerprint, should one be needed.
    pub fresh_salt: Salt,
}

/// A declared webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredWebhook {
    pub enabled: bool,
    pub url: String,
    pub events: Vec<WebhookEvent>,
    /// None: messages are not signed.
    pub secret: Option<DesiredSecret>,
}

/// A declared signing secret, or why there is none right now; and the salt for a new fingerprint.
pub(crate) type DesiredSecret = (Result<SigningSecret, String>, Salt);

/// The secret of a declared moderator, under the rules of a stream key, or why there is none right now; and the salt for
/// a new fingerprint.
pub type DesiredModerator = (Result<StreamKeySecret, String>, Salt);

/// A declared access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredAccessToken {
    /// The token itself, under the rules of a stream key, or why there is none right now.
    pub token: Result<StreamKeySecret, String>,
    pub scopes: Vec<Scope>,
    /// Salt for a new fingerprint, should one be needed.
    pub fresh_salt: Salt,
}

/// The page's picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DesiredLogo {
    #[default]
    BuiltIn,
    Picture(Picture),
    /// Declared, but not readable right now; the picture shown last stays if it is still at hand.
    Held {
        reason: String,
        last_good: Option<Picture>,
    },
}

/// The custom emoji.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredEmoji {
    /// By name. None: the folder cannot be read right now, and what is offered stays.
    pub pictures: Option<BTreeMap<String, Arc<Picture>>>,
    /// What cannot be offered, and why.
    pub refused: Option<String>,
}

impl Default for DesiredEmoji {
    fn default() -> Self {
        Self { pictures: Some(BTreeMap::new()), refused: None }
    }
}

/// A picture and its bytes as they travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub logo: LogoRef,
    /// Standard alphabet, padded.
    pub base64: String,
}

/// What the agent found behind the document's paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Material {
    /// By name of the stream key: its secret or why it cannot be had, and a fresh salt.
    pub keys: BTreeMap<String, (Result<StreamKeySecret, String>, Salt)>,
    /// Present if a password is declared.
    pub admin: Option<(Result<AdminPassword, String>, Salt)>,
    /// By name of the moderator.
    pub moderators: BTreeMap<String, DesiredModerator>,
    /// By name of the webhook, where a secret is declared.
    pub webhooks: BTreeMap<String, DesiredSecret>,
    /// By name: the access token or why it cannot be had, and a fresh salt.
    pub access_tokens: BTreeMap<String, (Result<StreamKeySecret, String>, Salt)>,
    /// Present if publishers may connect with TLS.
    pub certificate: Option<DesiredCertificate>,
    pub logo: DesiredLogo,
    pub emoji: DesiredEmoji,
}

impl Desired {
    /// Resolves a parsed document.
    #[must_use]
    pub fn resolve(settings: &Settings, material: &Material) -> Self {
        let Settings {
            api_version: _,
            public_url,
            http,
            rtmp,
            rtmps,
            stream_keys,
            admin,
            instance,
            video,
            broadcast,
            chat,
            webhooks,
            integrations,
            metrics,
            reconcile: _,
        } = settings;
        let mut held = Vec::new();
        let mut listeners = BTreeMap::new();
        let with_tls = rtmps.enable.then_some((Listener::Rtmps, &rtmps.address, rtmps.port));
        for (listener, address, port) in
            [(Listener::Http, &http.address, http.port), (Listener::Rtmp, &rtmp.address, rtmp.port)]
                .into_iter()
                .chain(with_tls)
        {
            match address.parse::<IpAddr>() {
                Ok(ip) => drop(listeners.insert(listener, SocketAddr::new(ip, port))),
                Err(_) => held.push(Held {
                    object: ObjectId::Listener(listener),
                    reason: format!("services.nixcast.{listener}.address: {address:?} is not an IP address"),
                }),
            }
        }
        Self {
            listeners,
            certificate: desired_certificate(rtmps, material),
            stream_keys: stream_keys.iter().map(|key| (key.name.clone(), DesiredKey::resolve(key, material))).collect(),
            trusted_proxies: http.trusted_proxies.clone(),
            admin: desired_admin(admin, material),
            page: page(instance, public_url.clone()),
            logo: material.logo.clone(),
            latency_level: video.latency_level,
            encoder: video.encoder,
            when_overloaded: video.when_overloaded,
            stills: video.stills,
            broadcast_rules: BroadcastRules { grace_seconds: broadcast.grace_seconds, takeover: broadcast.takeover },
            moderators: chat.moderators.iter().map(|moderator| desired_moderator(moderator, material)).collect(),
            emoji: material.emoji.clone(),
            chat: chat_rules(chat),
            ladder: ladder(video),
            webhooks: webhooks
                .iter()
                .map(|webhook| (webhook.name.clone(), desired_webhook(webhook, material)))
                .collect(),
            access_tokens: access_tokens(integrations, material),
            metrics: Metrics { enabled: metrics.enable, allow_from: metrics.allow_from.clone() },
            held,
        }
    }

    /// Every object that should exist.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> {
        let listeners = [Listener::Http, Listener::Rtmp].map(ObjectId::Listener);
        let keys = self.stream_keys.keys().cloned().map(ObjectId::StreamKey);
        let rungs = self.ladder.keys().cloned().map(ObjectId::Rung);
        let moderators = self.moderators.keys().cloned().map(ObjectId::Moderator);
        let webhooks = self.webhooks.keys().cloned().map(ObjectId::Webhook);
        let access_tokens = self.access_tokens.keys().cloned().map(ObjectId::AccessToken);
        listeners
            .into_iter()
            .chain(self.certificate.iter().flat_map(|_| [ObjectId::Listener(Listener::Rtmps), ObjectId::Certificate]))
            .chain([ObjectId::TrustedProxies])
            .chain(keys)
            .chain(self.admin.as_ref().map(|_| ObjectId::Admin))
            .chain([
                ObjectId::Page,
                ObjectId::Latency,
                ObjectId::Encoder,
                ObjectId::Overload,
                ObjectId::Stills,
                ObjectId::Broadcast,
                ObjectId::Chat,
                ObjectId::Emoji,
            ])
            .chain(moderators)
            .chain(rungs)
            .chain(webhooks)
            .chain(access_tokens)
            .chain([ObjectId::Metrics])
    }
}

impl DesiredKey {
    fn resolve(key: &StreamKey, material: &Material) -> Self {
        let StreamKey { name, key_file, comment, enable, expires } = key;
        let option = ObjectId::StreamKey(name.clone());
        let (mut secret, fresh_salt) = material
            .keys
            .get(name)
            .cloned()
            .unwrap_or_else(|| (Err(format!("{option}.keyFile: {key_file} was not read")), Salt::new([0; 16])));
        let expires_at = match expires.as_deref().map(str::parse::<jiff::Timestamp>) {
            None => None,
            Some(Ok(moment)) => Some(moment.as_second()),
            Some(Err(_)) => {
                // A key whose end cannot be read must not become a key without an end.
                secret = Err(format!("{option}.expires: not a moment in RFC 3339 with a time zone"));
                Some(0)
            }
        };
        Self { key_file: key_file.clone(), comment: comment.clone(), enabled: *enable, expires_at, secret, fresh_salt }
    }
}

fn desired_admin(admin: &Admin, material: &Material) -> Option<DesiredAdmin> {
    let Admin { user, password_file } = admin;
    let path = password_file.as_ref()?;
    let unread = || (Err(format!("{}.passwordFile: {path} was not read", ObjectId::Admin)), Salt::new([0; 16]));
    let (password, fresh_salt) = material.admin.clone().unwrap_or_else(unread);
    Some(DesiredAdmin { user: user.clone(), password, fresh_salt })
}

fn desired_certificate(rtmps: &Rtmps, material: &Material) -> Option<DesiredCertificate> {
    let Rtmps { enable, address: _, port: _, certificate_file, key_file } = rtmps;
    let unread = |option: &str, path: &Option<String>| {
        let path = path.as_deref().unwrap_or("no file");
        format!("{}.{option}: {path} was not read", ObjectId::Listener(Listener::Rtmps))
    };
    enable.then(|| {
        material.certificate.clone().unwrap_or_else(|| DesiredCertificate {
            chain: Err(unread("certificateFile", certificate_file)),
            private_key: Err(unread("keyFile", key_file)),
            fresh_salt: Salt::new([0; 16]),
        })
    })
}

fn desired_webhook(webhook: &nixcast_schema::Webhook, material: &Material) -> DesiredWebhook {
    let nixcast_schema::Webhook { name, enable, url, events, secret_file } = webhook;
    let option = ObjectId::Webhook(name.clone());
    let secret = secret_file.as_ref().map(|path| {
        let unread = || (Err(format!("{option}.secretFile: {path} was not read")), Salt::new([0; 16]));
        material.webhooks.get(name).cloned().unwrap_or_else(unread)
    });
    DesiredWebhook { enabled: *enable, url: url.clone(), events: events.clone(), secret }
}

fn access_tokens(integrations: &Integrations, material: &Material) -> BTreeMap<String, DesiredAccessToken> {
    let Integrations { access_tokens } = integrations;
    let desired = |declared: &AccessToken| {
        let AccessToken { name, token_file, scopes } = declared;
        let option = ObjectId::AccessToken(name.clone());
        let unread = || (Err(format!("{option}.tokenFile: {token_file} was not read")), Salt::new([0; 16]));
        let (token, fresh_salt) = material.access_tokens.get(name).cloned().unwrap_or_else(unread);
        (name.clone(), DesiredAccessToken { token, scopes: scopes.clone(), fresh_salt })
    };
    access_tokens.iter().map(desired).collect()
}

fn desired_moderator(moderator: &Moderator, material: &Material) -> (String, DesiredModerator) {
    let Moderator { name, secret_file } = moderator;
    let option = ObjectId::Moderator(name.clone());
    let unread = || (Err(format!("{option}.secretFile: {secret_file} was not read")), Salt::new([0; 16]));
    (name.clone(), material.moderators.get(name).cloned().unwrap_or_else(unread))
}

fn chat_rules(chat: &Chat) -> ChatRules {
    let Chat {
        enable,
        join_messages,
        welcome_message,
        established_users_only,
        established_after_minutes,
        forbidden_names,
        suggested_names,
        spam_protection,
        slow_mode_seconds,
        max_message_bytes,
        history_messages,
        history_hours,
        questions,
        emoji_folder: _,
        moderators: _,
    } = chat.clone();
    ChatRules {
        enable,
        join_messages,
        welcome_message,
        established_users_only,
        established_after_minutes,
        forbidden_names,
        suggested_names,
        spam_protection,
        slow_mode_seconds,
        max_message_bytes,
        history_messages,
        history_hours,
        questions,
    }
}

fn page(instance: &Instance, public_url: Option<String>) -> Page {
    let Instance {
        name,
        summary,
        logo: _,
        tags,
        social_handles,
        offline_message,
        page_content,
        custom_css,
        custom_javascript,
        external_actions,
        search_indexing,
        show_viewer_count,
        autoplay,
        nsfw,
        theme,
    } = instance.clone();
    Page {
        name,
        summary,
        tags,
        social_handles,
        offline_message,
        theme,
        logo: None,
        page_content,
        custom_css,
        custom_javascript,
        external_actions,
        search_indexing,
        show_viewer_count,
        autoplay,
        nsfw,
        public_url,
    }
}

fn ladder(video: &Video) -> BTreeMap<String, Rung> {
    let mut enabled: Vec<&Variant> = video.variants.iter().filter(|variant| variant.enable).collect();
    enabled.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    (0..).zip(enabled).map(|(position, variant)| (variant.name.clone(), rung(variant, position))).collect()
}

fn rung(variant: &Variant, position: u16) -> Rung {
    let Variant {
        name,
        enable: _,
        passthrough,
        width,
        height,
        framerate,
        video_bitrate_kbps,
        audio_bitrate_kbps,
        preset,
        order: _,
    } = variant.clone();
    let encode = if passthrough {
        Encode::Passthrough
    } else {
        Encode::Transcode { width, height, framerate, video_bitrate_kbps, preset }
    };
    Rung { name, position, audio_bitrate_kbps, encode }
}

//! Plan texts in `tests/plans/`: read them in review as you would code.

use std::sync::Arc;

use nixcast_schema::{
    AccessToken, Autoplay, ExternalAction, Moderator, Network, Scope, Settings, SocialHandle, StreamKey, Variant,
    Webhook, WebhookEvent,
};

use super::model;
use crate::certificates::{CertificateChain, PrivateKey};
use crate::control::{LogoRef, ObjectId, Observed};
use crate::keys::{Salt, StreamKeySecret};
use crate::passwords::AdminPassword;
use crate::plan::{Colour, Desired, DesiredCertificate, DesiredLogo, Material, Picture, plan, render};
use crate::webhooks::SigningSecret;

struct World {
    settings: Settings,
    material: Material,
}

impl World {
    fn new() -> Self {
        let mut settings = Settings::default();
        "NixOS Live".clone_into(&mut settings.instance.name);
        settings.instance.tags = vec!["nix".to_owned()];
        settings.video.variants = vec![
            Variant { passthrough: true, order: 10, ..Variant::named("source") },
            Variant { height: Some(480), video_bitrate_kbps: 1000, order: 30, ..Variant::named("480p") },
        ];
        let mut world = Self { settings, material: Material::default() };
        world.key("main", Ok("correct-horse"));
        world
    }

    fn key(&mut self, name: &str, secret: Result<&str, &str>) {
        self.settings.stream_keys.retain(|key| key.name != name);
        self.settings.stream_keys.push(StreamKey {
            name: name.to_owned(),
            key_file: format!("/run/secrets/{name}"),
            comment: "OBS, room A".to_owned(),
            enable: true,
            expires: None,
        });
        let secret = secret.map(|key| StreamKeySecret::from_file_content(key.as_bytes()).unwrap()).map_err(|reason| {
            format!("{}.keyFile: /run/secrets/{name} {reason}", ObjectId::StreamKey(name.to_owned()))
        });
        self.material.keys.insert(name.to_owned(), (secret, Salt::new([1; 16])));
    }

    fn moderator(&mut self, name: &str, secret: Result<&str, &str>) {
        let secret_file = format!("/run/secrets/{name}");
        self.settings.chat.moderators.retain(|moderator| moderator.name != name);
        let object = ObjectId::Moderator(name.to_owned());
        let secret = secret
            .map(|secret| StreamKeySecret::from_file_content(secret.as_bytes()).unwrap())
            .map_err(|reason| format!("{object}.secretFile: {secret_file} {reason}"));
        self.settings.chat.moderators.push(Moderator { name: name.to_owned(), secret_file });
        self.material.moderators.insert(name.to_owned(), (secret, Salt::new([1; 16])));
    }

    fn access_token(&mut self, name: &str, token: Result<&str, &str>, scopes: &[Scope]) {
        let token_file = format!("/run/secrets/{name}");
        let tokens = &mut self.settings.integrations.access_tokens;
        tokens.retain(|token| token.name != name);
        tokens.push(AccessToken { name: name.to_owned(), token_file: token_file.clone(), scopes: scopes.into() });
        let object = ObjectId::AccessToken(name.to_owned());
        let token = token
            .map(|token| StreamKeySecret::from_file_content(token.as_bytes()).unwrap())
            .map_err(|reason| format!("{object}.tokenFile: {token_file} {reason}"));
        self.material.access_tokens.insert(name.to_owned(), (token, Salt::new([1; 16])));
    }

    fn emoji(&mut self, emoji: &[(&str, &str)]) {
        let picture = |(name, digest): &(&str, &str)| {
            let logo = LogoRef { digest: digest.repeat(8), media_type: "image/png".to_owned() };
            ((*name).to_owned(), Arc::new(Picture { logo, base64: String::new() }))
        };
        self.material.emoji.pictures = Some(emoji.iter().map(picture).collect());
    }

    fn desired(&self) -> Desired {
        Desired::resolve(&self.settings, &self.material)
    }

    fn observed(&self) -> Observed {
        let mut observed = Observed::default();
        let steps = plan(&self.desired(), &observed).steps;
        model::apply(&mut observed, &steps);
        observed
    }
}

fn text(change: impl FnOnce(&mut World)) -> String {
    text_from(|_| (), change)
}

fn text_from(first: impl FnOnce(&mut World), change: impl FnOnce(&mut World)) -> String {
    let mut world = World::new();
    first(&mut world);
    let observed = world.observed();
    change(&mut world);
    let plan = plan(&world.desired(), &observed);
    render(&plan.changes, &plan.held, Colour::Plain)
}

fn with_tls(world: &mut World) {
    world.settings.rtmps.enable = true;
    let pem = |label: &str| format!("-----BEGIN {label}-----\nYmF0dGVyeQ==\n-----END {label}-----\n");
    world.material.certificate = Some(DesiredCertificate {
        chain: Ok(CertificateChain::from_file_content(pem("CERTIFICATE").as_bytes()).unwrap()),
        private_key: Ok(PrivateKey::from_file_content(pem("PRIVATE KEY").as_bytes()).unwrap()),
        fresh_salt: Salt::new([1; 16]),
    });
}

#[test]
fn plans_read_as_they_always_did() {
    let first = World::new();
    let first = plan(&first.desired(), &Observed::default());
    let cases = [
        ("first-start", render(&first.changes, &first.held, Colour::Plain)),
        ("nothing", text(|_| ())),
        (
            "ports",
            text(|world| {
                world.settings.http.port = 8081;
                "::1".clone_into(&mut world.settings.rtmp.address);
            }),
        ),
        (
            "branding",
            text(|world| {
                let instance = &mut world.settings.instance;
                "NixOS \"Live\"".clone_into(&mut instance.name);
                instance.offline_message = "Back soon. ".repeat(20);
                instance.theme.accent = Some("#5277c3".to_owned());
                instance.social_handles =
                    vec![SocialHandle { platform: "mastodon".to_owned(), url: "https://example.org/@nix".to_owned() }];
                let logo = LogoRef { digest: "0a1b2c3d".repeat(8), media_type: "image/svg+xml".to_owned() };
                world.material.logo = DesiredLogo::Picture(Picture { logo, base64: String::new() });
            }),
        ),
        (
            "ladder",
            text(|world| {
                let variants = &mut world.settings.video.variants;
                variants[1].video_bitrate_kbps = 1200;
                variants[0].enable = false;
                variants.push(Variant { height: Some(720), order: 20, ..Variant::named("720p") });
                world.settings.video.latency_level = 0;
            }),
        ),
        (
            "keys",
            text(|world| {
                world.key("main", Ok("another-horse"));
                world.key("backup", Ok("battery-staple"));
                world.key("room.b", Err("does not exist"));
            }),
        ),
        (
            "access",
            text(|world| {
                world.settings.http.trusted_proxies = vec![Network("10.0.0.0/8".to_owned())];
                world.settings.metrics.enable = true;
                world.settings.admin.password_file = Some("/run/secrets/admin".to_owned());
                let password = AdminPassword::from_file_content(b"correct horse").unwrap();
                world.material.admin = Some((Ok(password), Salt::new([1; 16])));
            }),
        ),
        ("rtmps", text(with_tls)),
        (
            "rtmps-renewed-by-half",
            text_from(with_tls, |world| {
                let reason = "services.nixcast.rtmps.keyFile: /var/lib/acme/host/key.pem does not exist".to_owned();
                world.material.certificate.as_mut().unwrap().private_key = Err(reason);
                world.settings.rtmps.port = 443;
            }),
        ),
        ("rtmps-off", text_from(with_tls, |world| world.settings.rtmps.enable = false)),
        (
            "webhooks",
            text(|world| {
                let webhook = |name: &str, secret_file: Option<&str>| Webhook {
                    name: name.to_owned(),
                    enable: true,
                    url: "https://bot.example/hook".to_owned(),
                    events: WebhookEvent::ALL.into(),
                    secret_file: secret_file.map(str::to_owned),
                };
                world.settings.webhooks = vec![
                    webhook("open", None),
                    webhook("signed", Some("/run/secrets/hook")),
                    webhook("unread", Some("/run/secrets/gone")),
                ];
                let secret = SigningSecret::from_file_content(b"battery-staple").unwrap();
                world.material.webhooks.insert("signed".to_owned(), (Ok(secret), Salt::new([1; 16])));
            }),
        ),
        (
            "page",
            text(|world| {
                world.settings.public_url = Some("https://live.example".to_owned());
                let instance = &mut world.settings.instance;
                "# Programme".clone_into(&mut instance.page_content);
                "h1 { color: red }".clone_into(&mut instance.custom_css);
                "console.log(1)".clone_into(&mut instance.custom_javascript);
                instance.autoplay = Autoplay::SoundOnly;
                instance.search_indexing = false;
                instance.show_viewer_count = false;
                instance.nsfw = true;
                instance.theme.corner_radius = Some(4);
                instance.external_actions = vec![ExternalAction {
                    title: "Donate".to_owned(),
                    url: "https://give.example".to_owned(),
                    description: String::new(),
                    colour: None,
                    open_externally: true,
                }];
            }),
        ),
        (
            "chat",
            text(|world| {
                let chat = &mut world.settings.chat;
                "Welcome!".clone_into(&mut chat.welcome_message);
                chat.established_users_only = true;
                chat.forbidden_names.push("nixos".to_owned());
                chat.slow_mode_seconds = 10;
                chat.history_hours = 24;
            }),
        ),
        (
            "emoji",
            text_from(
                |world| world.emoji(&[("wave", "aaaaaaaa"), ("gone", "bbbbbbbb")]),
                |world| {
                    world.emoji(&[("wave", "cccccccc"), ("new", "aaaaaaaa")]);
                    let reason = "services.nixcast.chat.emojiFolder: /srv/emoji/large.png is larger than 512 KiB";
                    world.material.emoji.refused = Some(reason.to_owned());
                },
            ),
        ),
        (
            "moderators",
            text_from(
                |world| {
                    world.moderator("anna", Ok("correct-horse"));
                    world.moderator("ben", Ok("correct-mule"));
                    world.moderator("cleo", Ok("correct-zebra"));
                },
                |world| {
                    world.settings.chat.moderators.retain(|moderator| moderator.name != "ben");
                    world.moderator("anna", Ok("battery-horse"));
                    world.moderator("cleo", Err("does not exist"));
                    world.moderator("dora", Ok("battery-mule"));
                    world.moderator("eve.e", Err("is empty"));
                },
            ),
        ),
        (
            "access-tokens",
            text_from(
                |world| {
                    world.access_token("bell", Ok("correct-horse"), &[Scope::CanSendMessages]);
                    world.access_token("clock", Ok("correct-mule"), &[Scope::CanSendMessages]);
                    world.access_token("desk", Ok("correct-zebra"), &[Scope::HasAdminAccess]);
                    world.access_token("gone", Ok("correct-sheep"), &Scope::ALL);
                },
                |world| {
                    world.settings.integrations.access_tokens.retain(|token| token.name != "gone");
                    world.access_token("bell", Ok("battery-horse"), &[Scope::CanSendMessages]);
                    world.access_token("clock", Ok("correct-mule"), &Scope::ALL);
                    // What it may do is taken from it, although its file is away.
                    world.access_token("desk", Err("does not exist"), &[Scope::CanSendSystemMessages]);
                    world.access_token("new", Ok("battery-mule"), &[Scope::CanSendSystemMessages]);
                    world.access_token("never.had", Err("is empty"), &Scope::ALL);
                },
            ),
        ),
        ("key-removed", text(|world| world.settings.stream_keys.clear())),
        (
            "key-file-gone",
            text(|world| {
                world.key("main", Err("does not exist"));
                world.settings.stream_keys[0].enable = false;
            }),
        ),
    ];
    for (name, got) in cases {
        assert!(
            !got.contains("horse") && !got.contains("battery") && !got.contains("YmF0"),
            "{name} shows a secret:\n{got}"
        );
        compare(name, &got);
    }
}

#[test]
fn the_rooms_defaults_are_the_settings() {
    let desired = Desired::resolve(&Settings::default(), &Material::default());
    assert_eq!(desired.chat, crate::chat::rules::ChatRules::default());
}

#[test]
fn colour_is_only_added_around_the_same_words() {
    let world = World::new();
    let plan = plan(&world.desired(), &Observed::default());
    let coloured = render(&plan.changes, &plan.held, Colour::Terminal);
    assert!(coloured.contains("\u{1b}[32m+\u{1b}[0m"));
}

/// Compares with the golden text; `NIXCAST_WRITE_GOLDEN=1` rewrites it for review.
fn compare(name: &str, got: &str) {
    let path = format!("{}/../../tests/plans/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("NIXCAST_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, want, "{path} differs; NIXCAST_WRITE_GOLDEN=1 rewrites it");
}

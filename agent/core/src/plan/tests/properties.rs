use std::collections::BTreeMap;

use nixcast_schema::{AccessToken, Moderator, Preset, Scope, Settings, StreamKey, Variant, Webhook, WebhookEvent};
use proptest::prelude::*;

use super::model;
use crate::certificates::{CertificateChain, PrivateKey};
use crate::control::{Action, Listener, LogoRef, ObjectId, Observed, Phase, Step};
use crate::keys::{self, Salt, StreamKeySecret};
use crate::passwords::AdminPassword;
use crate::plan::{Desired, DesiredCertificate, DesiredEmoji, DesiredLogo, Material, Picture, plan};
use crate::webhooks::SigningSecret;

fn secret() -> impl Strategy<Value = Result<StreamKeySecret, String>> {
    prop_oneof![
        4 => "[a-c]{8}".prop_map(|key| Ok(StreamKeySecret::from_file_content(key.as_bytes()).unwrap())),
        1 => Just(Err("the file is gone".to_owned())),
    ]
}

type KeyAndMaterial = (StreamKey, (Result<StreamKeySecret, String>, Salt));

fn stream_keys() -> impl Strategy<Value = Vec<KeyAndMaterial>> {
    let key = (any::<bool>(), "[ab]?", prop::option::of(0..3u8), secret(), any::<[u8; 16]>());
    prop::collection::btree_map("[abc]", key, 0..3).prop_map(|keys| {
        keys.into_iter()
            .map(|(name, (enable, comment, expires, secret, salt))| {
                let expires = expires.map(|day| format!("2027-01-0{}T00:00:00Z", day + 1));
                (
                    StreamKey { name, key_file: "/run/key".to_owned(), comment, enable, expires },
                    (secret, Salt::new(salt)),
                )
            })
            .collect()
    })
}

fn variants() -> impl Strategy<Value = Vec<Variant>> {
    let variant = (any::<bool>(), any::<bool>(), 0..3u16, 0..2u32);
    prop::collection::btree_map("[stu]", variant, 0..3).prop_map(|variants| {
        variants
            .into_iter()
            .map(|(name, (enable, passthrough, order, step))| Variant {
                enable,
                passthrough,
                order,
                video_bitrate_kbps: 1000 + step,
                preset: if step == 0 { Preset::Fast } else { Preset::Faster },
                ..Variant::named(&name)
            })
            .collect()
    })
}

fn picture() -> impl Strategy<Value = Picture> {
    "[01]".prop_map(|digest| Picture {
        base64: digest.clone(),
        logo: LogoRef { digest, media_type: "image/png".to_owned() },
    })
}

fn logo() -> impl Strategy<Value = DesiredLogo> {
    prop_oneof![
        Just(DesiredLogo::BuiltIn),
        picture().prop_map(DesiredLogo::Picture),
        prop::option::of(picture())
            .prop_map(|last_good| DesiredLogo::Held { reason: "unreadable".to_owned(), last_good }),
    ]
}

/// Hashes only: the property is about which hash is kept, and a password would cost 20 ms each time.
fn admin() -> impl Strategy<Value = Option<(Result<AdminPassword, String>, Salt)>> {
    let hash = "[ab]{21}A".prop_map(|salt| {
        let hash = format!("$argon2id$v=19$m=16,t=1,p=1${salt}${salt}");
        (Ok(AdminPassword::from_file_content(hash.as_bytes()).unwrap()), Salt::new([1; 16]))
    });
    prop_oneof![Just(None), hash.prop_map(Some), Just(Some((Err("the file is gone".to_owned()), Salt::new([0; 16])))),]
}

type SecretAndSalt = (Result<SigningSecret, String>, Salt);

fn webhooks() -> impl Strategy<Value = Vec<(Webhook, Option<SecretAndSalt>)>> {
    let secret = prop_oneof![
        4 => "[a-c]{8}".prop_map(|key| Ok(SigningSecret::from_file_content(key.as_bytes()).unwrap())),
        1 => Just(Err("the file is gone".to_owned())),
    ];
    let webhook = (any::<bool>(), "[ab]", prop::option::of((secret, any::<[u8; 16]>())));
    prop::collection::btree_map("[abc]", webhook, 0..3).prop_map(|webhooks| {
        webhooks
            .into_iter()
            .map(|(name, (enable, host, secret))| {
                let webhook = Webhook {
                    name,
                    enable,
                    url: format!("https://{host}.example"),
                    events: WebhookEvent::ALL.into(),
                    secret_file: secret.as_ref().map(|_| "/run/hook".to_owned()),
                };
                (webhook, secret.map(|(secret, salt)| (secret, Salt::new(salt))))
            })
            .collect()
    })
}

fn pem(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// None: publishers may not connect with TLS.
fn certificate() -> impl Strategy<Value = Option<DesiredCertificate>> {
    let chain = prop_oneof![
        4 => "[ab]".prop_map(|body| Ok(CertificateChain::from_file_content(pem("CERTIFICATE", &body).as_bytes()).unwrap())),
        1 => Just(Err("the file is gone".to_owned())),
    ];
    let private_key = prop_oneof![
        4 => "[ab]".prop_map(|body| Ok(PrivateKey::from_file_content(pem("PRIVATE KEY", &body).as_bytes()).unwrap())),
        1 => Just(Err("the file is gone".to_owned())),
    ];
    prop::option::of(
        (chain, private_key, any::<[u8; 16]>()).prop_map(|(chain, private_key, salt)| DesiredCertificate {
            chain,
            private_key,
            fresh_salt: Salt::new(salt),
        }),
    )
}

fn address() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["::", "127.0.0.1", "bad"])
}

fn desired() -> impl Strategy<Value = Desired> {
    (stream_keys(), variants(), logo(), "[xy]", 0..5u8, 1..3u16, address(), admin(), webhooks(), certificate())
        .prop_map(|(keys, variants, logo, name, latency_level, port, address, admin, webhooks, certificate)| {
            let mut settings = Settings::default();
            settings.rtmps.enable = certificate.is_some();
            settings.rtmps.address = address.to_owned();
            settings.admin.password_file = admin.as_ref().map(|_| "/run/admin".to_owned());
            settings.metrics.enable = latency_level > 2;
            settings.chat.enable = latency_level > 1;
            settings.chat.slow_mode_seconds = port.into();
            let (webhooks, secrets): (Vec<Webhook>, Vec<_>) = webhooks.into_iter().unzip();
            let secrets = webhooks.iter().map(|webhook| webhook.name.clone()).zip(secrets);
            let secrets = secrets.filter_map(|(name, secret)| Some((name, secret?))).collect();
            settings.webhooks = webhooks;
            settings.http.port = port;
            settings.rtmp.address = address.to_owned();
            settings.instance.name = name;
            settings.video.latency_level = latency_level;
            settings.video.variants = variants;
            let (stream_keys, material): (Vec<StreamKey>, Vec<_>) = keys.into_iter().unzip();
            let keys = stream_keys.iter().map(|key| key.name.clone()).zip(material).collect::<BTreeMap<_, _>>();
            settings.stream_keys = stream_keys;
            // Who may publish moderates too, except every other time.
            let moderators = if port == 1 { BTreeMap::new() } else { keys.clone() };
            let moderator = |name: &String| Moderator { name: name.clone(), secret_file: "/run/moderator".to_owned() };
            settings.chat.moderators = moderators.keys().map(moderator).collect();
            // And whoever does so shows an access token, with more or fewer scopes.
            let access_tokens = moderators.clone();
            let scopes = Scope::ALL[..usize::from(latency_level % 3) + 1].to_vec();
            let access_token = |name: &String| AccessToken {
                name: name.clone(),
                token_file: "/run/token".to_owned(),
                scopes: scopes.clone(),
            };
            settings.integrations.access_tokens = access_tokens.keys().map(access_token).collect();
            Desired::resolve(
                &settings,
                &Material {
                    access_tokens,
                    emoji: DesiredEmoji::default(),
                    keys,
                    moderators,
                    admin,
                    webhooks: secrets,
                    certificate,
                    logo,
                },
            )
        })
}

/// An engine as some earlier document, applied whole or in part, left it.
fn observed() -> impl Strategy<Value = Observed> {
    (desired(), any::<prop::sample::Index>()).prop_map(|(earlier, cut)| {
        let mut observed = Observed::default();
        let steps = plan(&earlier, &observed).steps;
        model::apply(&mut observed, &steps[..cut.index(steps.len() + 1)]);
        observed
    })
}

fn converge(desired: &Desired, observed: &mut Observed) {
    let steps = plan(desired, observed).steps;
    model::apply(observed, &steps);
}

proptest! {
    #[test]
    fn planning_a_converged_world_gives_nothing(desired in desired(), observed in observed()) {
        let mut observed = observed;
        converge(&desired, &mut observed);
        let again = plan(&desired, &observed);
        prop_assert!(again.steps.is_empty(), "{:?}", again.steps);
        prop_assert!(again.changes.is_empty());
    }

    #[test]
    fn a_plan_cut_short_then_replanned_converges(
        desired in desired(), observed in observed(), cut in any::<prop::sample::Index>(),
    ) {
        let mut whole = observed.clone();
        converge(&desired, &mut whole);
        let mut resumed = observed;
        let steps = plan(&desired, &resumed).steps;
        model::apply(&mut resumed, &steps[..cut.index(steps.len() + 1)]);
        converge(&desired, &mut resumed);
        prop_assert_eq!(resumed, whole);
    }

    #[test]
    fn steps_come_in_order_and_lost_permissions_lead_the_switch(desired in desired(), observed in observed()) {
        let steps = plan(&desired, &observed).steps;
        prop_assert!(steps.is_sorted_by_key(|step| step.phase));
        let switch: Vec<_> = steps.iter().filter(|step| step.phase == Phase::Switch).collect();
        let removals_lead = switch.is_sorted_by_key(|step| !matches!(step.action, Action::RemoveStreamKey { .. }));
        prop_assert!(removals_lead);
    }

    #[test]
    fn a_listener_with_tls_opens_after_its_certificate_and_closes_before_it(
        desired in desired(), observed in observed(),
    ) {
        let steps = plan(&desired, &observed).steps;
        let place = |wanted: fn(&Action) -> bool| steps.iter().position(|step| wanted(&step.action));
        let set = place(|action| matches!(action, Action::SetCertificate { .. }));
        let bind = place(|action| matches!(action, Action::Bind { listener: Listener::Rtmps, .. }));
        let unbind = place(|action| matches!(action, Action::Unbind { .. }));
        let remove = place(|action| matches!(action, Action::RemoveCertificate));
        prop_assert!(set.zip(bind).is_none_or(|(set, bind)| set < bind));
        prop_assert!(unbind.zip(remove).is_none_or(|(unbind, remove)| unbind < remove));
    }

    #[test]
    fn a_listener_opens_when_everything_that_lets_somebody_in_is_declared(desired in desired()) {
        let steps = plan(&desired, &Observed::default()).steps;
        let opens = |step: &Step| matches!(step.action, Action::Bind { .. });
        let first = steps.iter().position(opens).unwrap_or(steps.len());
        let later: Vec<&Step> = steps[first..].iter().filter(|step| !opens(step)).collect();
        prop_assert!(later.iter().all(|step| matches!(step.action, Action::SetEmoji { .. })), "{later:?}");
    }

    #[test]
    fn each_step_has_one_change_and_each_object_one_step(desired in desired(), observed in observed()) {
        let plan = plan(&desired, &observed);
        prop_assert_eq!(plan.steps.len(), plan.changes.len());
        let mut objects: Vec<ObjectId> = plan.steps.into_iter().map(|step| step.object).collect();
        objects.sort();
        let mut changed: Vec<ObjectId> = plan.changes.into_iter().map(|change| change.object).collect();
        changed.sort();
        prop_assert_eq!(&objects, &changed);
        objects.dedup();
        prop_assert_eq!(objects, changed);
    }

    #[test]
    fn a_held_object_holds_back_no_other(desired in desired(), observed in observed()) {
        let mut with_held = observed.clone();
        converge(&desired, &mut with_held);
        for (name, key) in &desired.stream_keys {
            match (&key.secret, with_held.stream_keys.get(name)) {
                (Ok(secret), Some(grant)) => {
                    prop_assert_eq!(secret.hash(&Salt::from_hex(&grant.salt).unwrap()), grant.hash.clone());
                    prop_assert_eq!(grant.enabled, key.enabled);
                }
                // No secret: whatever was there stays usable to the same publisher, with the declared limits.
                (Err(_), Some(grant)) => {
                    prop_assert_eq!(&grant.hash, &observed.stream_keys[name].hash);
                    prop_assert_eq!((grant.enabled, grant.expires_at), (key.enabled, key.expires_at));
                }
                (Err(_), None) => prop_assert!(!observed.stream_keys.contains_key(name)),
                (Ok(_), None) => panic!("{name} is missing"),
            }
        }
        for (name, (secret, _)) in &desired.moderators {
            match (secret, with_held.moderators.get(name)) {
                (Ok(secret), Some(held)) => {
                    prop_assert_eq!(secret.hash(&Salt::from_hex(&held.salt).unwrap()), held.hash.clone());
                }
                (Err(_), held) => prop_assert_eq!(held, observed.moderators.get(name)),
                (Ok(_), None) => panic!("the moderator {name} is missing"),
            }
        }
        for (name, want) in &desired.access_tokens {
            let held = with_held.access_tokens.get(name);
            prop_assert!(held.is_none_or(|held| held.scopes == want.scopes), "scopes apply in any case");
            match (&want.token, held) {
                (Ok(token), Some(held)) => {
                    prop_assert_eq!(token.hash(&Salt::from_hex(&held.token.salt).unwrap()), held.token.hash.clone());
                }
                (Err(_), held) => {
                    let had = observed.access_tokens.get(name).map(|had| &had.token);
                    prop_assert_eq!(held.map(|held| &held.token), had);
                }
                (Ok(_), None) => panic!("the access token {name} is missing"),
            }
        }
        prop_assert!(with_held.access_tokens.keys().all(|name| desired.access_tokens.contains_key(name)));
        for (name, webhook) in &desired.webhooks {
            let held = with_held.webhooks.get(name);
            match &webhook.secret {
                None => prop_assert!(held.is_some_and(|held| held.secret.is_none())),
                Some((Ok(secret), _)) => {
                    let fingerprint = held.and_then(|held| held.secret.clone()).unwrap();
                    prop_assert_eq!(secret.fingerprint(&Salt::from_hex(&fingerprint.salt).unwrap()), fingerprint.hash);
                }
                // Without its secret it stays as it is, and does not come up unsigned.
                Some((Err(_), _)) => {
                    let had_secret = observed.webhooks.get(name).is_some_and(|had| had.secret.is_some());
                    match held {
                        Some(held) if had_secret => prop_assert!(held.secret.is_some()),
                        held => prop_assert_eq!(held, observed.webhooks.get(name)),
                    }
                }
            }
        }
        match desired.admin.as_ref().map(|admin| &admin.password) {
            None => prop_assert_eq!(&with_held.admin, &None),
            Some(Ok(_)) => prop_assert!(with_held.admin.is_some()),
            Some(Err(_)) => prop_assert_eq!(&with_held.admin.is_some(), &observed.admin.is_some()),
        }
        match desired.certificate.as_ref().map(|want| (&want.chain, &want.private_key)) {
            None => prop_assert!(
                with_held.certificate.is_none() && !with_held.listeners.contains_key(&Listener::Rtmps)
            ),
            Some((Ok(chain), Ok(key))) => prop_assert!(with_held.certificate.unwrap().is_of(chain, key)),
            // Half a pair is none: the old one stays whole.
            Some(_) => prop_assert_eq!(&with_held.certificate, &observed.certificate),
        }
        prop_assert!(with_held.stream_keys.keys().all(|name| desired.stream_keys.contains_key(name)));
        prop_assert_eq!(with_held.ladder, desired.ladder);
        prop_assert_eq!(with_held.latency_level, Some(desired.latency_level));
    }

    #[test]
    fn a_restarted_engine_is_told_everything(desired in desired()) {
        let plan = plan(&desired, &Observed::default());
        let told: Vec<ObjectId> = plan.steps.iter().map(|step| step.object.clone()).collect();
        for object in desired.objects() {
            let is_held = plan.held.iter().any(|held| held.object == object);
            prop_assert!(told.contains(&object) || is_held, "{object} is neither told nor held");
        }
    }

    #[test]
    fn positions_count_from_zero_without_gaps(desired in desired()) {
        let mut positions: Vec<u16> = desired.ladder.values().map(|rung| rung.position).collect();
        positions.sort_unstable();
        prop_assert_eq!(positions, (0..).take(desired.ladder.len()).collect::<Vec<u16>>());
    }
}

#[test]
fn a_rotated_key_gets_a_new_salt_and_loses_the_old_secret() {
    let settings = Settings {
        stream_keys: vec![StreamKey {
            name: "main".to_owned(),
            key_file: "/run/key".to_owned(),
            comment: String::new(),
            enable: true,
            expires: None,
        }],
        ..Settings::default()
    };
    let with = |key: &[u8], salt| {
        let secret = StreamKeySecret::from_file_content(key).unwrap();
        let keys = BTreeMap::from([("main".to_owned(), (Ok(secret), Salt::new([salt; 16])))]);
        Desired::resolve(&settings, &Material { keys, ..Material::default() })
    };
    let mut observed = Observed::default();
    converge(&with(b"first-key", 1), &mut observed);
    let first = observed.stream_keys["main"].clone();
    assert!(plan(&with(b"first-key", 2), &observed).is_empty(), "another fresh salt is no change");
    converge(&with(b"second-key", 3), &mut observed);
    let second = &observed.stream_keys["main"];
    assert_ne!(first.salt, second.salt);
    assert!(keys::verify(second, b"second-key") && !keys::verify(second, b"first-key"));
}

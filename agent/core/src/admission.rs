//! Who may publish, and who may go on publishing.
//!
//! Decides on a snapshot of the declared stream keys; the engine asks at `publish`, after each change of settings and
//! when a key's time is up. Never sees a declared key in clear: what a publisher presents is hashed and compared.

use std::collections::BTreeMap;

use crate::control::KeyGrant;
use crate::ids::ChannelId;
use crate::keys;

/// Why a publisher is not let in. `Display` is what the streamer reads in OBS's log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Says nothing of what was asked for: people paste their key into the server field, and this text is logged.
    #[error("there is no such channel here; publish to rtmp://HOST/{}", ChannelId::live())]
    NoSuchChannel,
    #[error("the stream key is missing; paste it into the stream key field")]
    MissingKey,
    #[error("the stream key is wrong")]
    WrongKey,
    #[error("the stream key \"{name}\" is disabled")]
    DisabledKey { name: String },
    #[error("the stream key \"{name}\" has expired")]
    ExpiredKey { name: String },
    #[error("somebody else is publishing to this channel right now")]
    ChannelTaken,
    #[error(
        "this stream key is publishing already, and that connection is alive; stop the other encoder, or try again \
         once it has sent nothing for 2 seconds"
    )]
    KeyInUse,
    #[error("this stream key is publishing already; stop the other encoder first")]
    KeyInUseForGood,
    /// Told to the connection that published until now.
    #[error("another connection with the same stream key has taken over")]
    TakenOver,
    /// Told to the connection that published until now.
    #[error("the operator has ended this session")]
    Disconnected,
}

/// What a publisher asks for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The application part of the RTMP address.
    pub app: &'a str,
    /// The presented stream key, as sent.
    pub key: &'a [u8],
}

/// The grant a publisher was let in with, kept for the session's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    pub channel: ChannelId,
    pub key_name: String,
    pub grant: KeyGrant,
}

/// Lets a publisher in or says why not. `now` is seconds since 1970.
///
/// Judges the key alone. Whether the channel is free is for [`crate::lifecycle`] to say afterwards, so that a stranger
/// cannot learn whether somebody is live.
pub fn admit(request: &Request<'_>, grants: &BTreeMap<String, KeyGrant>, now: i64) -> Result<Admitted, Refusal> {
    let channel = ChannelId::live();
    // For `rtmp://HOST/live` without a key ffmpeg names no application and publishes "live".
    if request.app.is_empty() && request.key == channel.0.as_bytes() {
        return Err(Refusal::MissingKey);
    }
    if request.app != channel.0 {
        return Err(Refusal::NoSuchChannel);
    }
    if request.key.is_empty() {
        return Err(Refusal::MissingKey);
    }
    // Every grant is tried, found or not, so that the time taken tells nothing about which one matched.
    let found =
        grants.iter().fold(
            None,
            |found, (name, grant)| {
                if keys::verify(grant, request.key) { found.or(Some((name, grant))) } else { found }
            },
        );
    let (name, grant) = found.ok_or(Refusal::WrongKey)?;
    usable(name, grant, now)?;
    Ok(Admitted { channel, key_name: name.clone(), grant: grant.clone() })
}

/// Whether a session admitted earlier may go on under the grants of now. A new comment or a later expiry keeps it, a
/// rotated key does not.
pub fn may_continue(admitted: &Admitted, grants: &BTreeMap<String, KeyGrant>, now: i64) -> Result<(), Refusal> {
    let grant = grants.get(&admitted.key_name).ok_or(Refusal::WrongKey)?;
    if (&grant.salt, &grant.hash) != (&admitted.grant.salt, &admitted.grant.hash) {
        return Err(Refusal::WrongKey);
    }
    usable(&admitted.key_name, grant, now)
}

fn usable(name: &str, grant: &KeyGrant, now: i64) -> Result<(), Refusal> {
    if !grant.enabled {
        return Err(Refusal::DisabledKey { name: name.to_owned() });
    }
    if grant.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Refusal::ExpiredKey { name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::keys::{Salt, StreamKeySecret};

    fn grant(key: &str, salt: u8) -> KeyGrant {
        let salt = Salt::from_hex(&format!("{salt:02x}").repeat(16)).unwrap();
        let hash = StreamKeySecret::from_file_content(key.as_bytes()).unwrap().hash(&salt);
        KeyGrant { salt: salt.to_hex(), hash, comment: String::new(), enabled: true, expires_at: None }
    }

    fn grants() -> BTreeMap<String, KeyGrant> {
        let off = KeyGrant { enabled: false, ..grant("key-of-the-disabled", 2) };
        let old = KeyGrant { expires_at: Some(1000), ..grant("key-of-the-expired", 3) };
        [("main", grant("key-of-the-main-stage", 1)), ("off", off), ("old", old)]
            .map(|(name, grant)| (name.to_owned(), grant))
            .into()
    }

    fn ask(app: &str, key: &str, now: i64) -> Result<String, Refusal> {
        let request = Request { app, key: key.as_bytes() };
        admit(&request, &grants(), now).map(|admitted| admitted.key_name)
    }

    #[test]
    fn each_publisher_is_let_in_or_told_why_not() {
        let named = |name: &str| name.to_owned();
        for (app, key, now, expected) in [
            ("live", "key-of-the-main-stage", 0, Ok(named("main"))),
            ("live", "key-of-the-main-stagf", 0, Err(Refusal::WrongKey)),
            ("live", "", 0, Err(Refusal::MissingKey)),
            ("", "live", 0, Err(Refusal::MissingKey)),
            ("live", "key-of-the-disabled", 0, Err(Refusal::DisabledKey { name: named("off") })),
            ("live", "key-of-the-expired", 999, Ok(named("old"))),
            ("live", "key-of-the-expired", 1000, Err(Refusal::ExpiredKey { name: named("old") })),
            ("live/key-of-the-main-stage", "x", 0, Err(Refusal::NoSuchChannel)),
        ] {
            assert_eq!(ask(app, key, now), expected, "{app} {key} {now}");
        }
    }

    #[test]
    fn nobody_gets_in_before_any_key_is_declared() {
        let request = Request { app: "live", key: b"anything-at-all" };
        assert_eq!(admit(&request, &BTreeMap::new(), 0), Err(Refusal::WrongKey));
    }

    #[test]
    fn a_session_outlives_a_new_comment_and_ends_with_its_key() {
        let request = Request { app: "live", key: b"key-of-the-main-stage" };
        let admitted = admit(&request, &grants(), 0).unwrap();
        let with = |change: fn(&mut BTreeMap<String, KeyGrant>)| {
            let mut grants = grants();
            change(&mut grants);
            may_continue(&admitted, &grants, 500)
        };
        assert_eq!(with(|grants| grants.get_mut("main").unwrap().comment = "new".to_owned()), Ok(()));
        assert_eq!(with(|grants| grants.get_mut("main").unwrap().expires_at = Some(501)), Ok(()));
        assert_eq!(with(|grants| drop(grants.remove("off"))), Ok(()));
        assert_eq!(with(|grants| drop(grants.remove("main"))), Err(Refusal::WrongKey));
        assert!(with(|grants| grants.get_mut("main").unwrap().enabled = false).is_err());
        assert!(with(|grants| grants.get_mut("main").unwrap().expires_at = Some(500)).is_err());
        let rotated = with(|grants| drop(grants.insert("main".to_owned(), grant("another-key-entirely", 1))));
        assert_eq!(rotated, Err(Refusal::WrongKey));
    }
}

//! Who has logged in: sessions of the admin view, in memory alone. Reads no clock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A session ends after this long, however busy it is: half a day.
pub(in super::super) const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// A session that nobody used for so long has ended. An open view asks every few seconds.
const IDLE: Duration = Duration::from_secs(3600);

/// Sessions at once. The one that has been idle longest makes room.
const MOST: usize = 64;

/// By the digest of the token, so that nothing in memory would open anything, and looking one up tells nothing by the
/// time it takes.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

#[derive(Clone, Copy, Debug)]
struct Session {
    /// Of the grant that opened it.
    grant: [u8; 32],
    opened: Instant,
    used: Instant,
}

/// A session that has begun.
pub(in super::super) struct Opened {
    /// 32 random bytes in base64 for addresses; whoever holds it is logged in.
    pub(in super::super) token: Zeroizing<String>,
}

impl Sessions {
    /// None: the machine has no randomness.
    pub(super) fn open(&mut self, grant: [u8; 32], now: Instant) -> Option<Opened> {
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(random.as_mut()).ok()?;
        let token = Zeroizing::new(written(&random));
        self.0.retain(|_, session| session.grant == grant && !session.has_ended(now));
        if self.0.len() >= MOST {
            let idlest = self.0.iter().min_by_key(|(_, session)| session.used).map(|(digest, _)| *digest);
            self.0.retain(|digest, _| Some(*digest) != idlest);
        }
        self.0.insert(digest(&token), Session { grant, opened: now, used: now });
        Some(Opened { token })
    }

    /// Whether `token` opens a session of `grant`, which is used by that. One of another grant is gone for good.
    pub(super) fn is_open(&mut self, token: &str, grant: &[u8; 32], now: Instant) -> bool {
        let digest = digest(token);
        let Some(session) = self.0.get_mut(&digest) else { return false };
        if session.grant != *grant || session.has_ended(now) {
            self.0.remove(&digest);
            return false;
        }
        session.used = now;
        true
    }

    pub(super) fn close(&mut self, token: &str) {
        self.0.remove(&digest(token));
    }
}

impl Session {
    fn has_ended(&self, now: Instant) -> bool {
        now.duration_since(self.opened) > LONGEST || now.duration_since(self.used) > IDLE
    }
}

/// As it stands in a cookie or a header.
pub(super) fn written(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const GRANT: [u8; 32] = [1; 32];

    #[test]
    fn a_session_ends_when_it_is_closed_idle_or_old() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let [closed, idle, busy] = [(); 3].map(|()| sessions.open(GRANT, start).unwrap().token);
        sessions.close(&closed);
        assert!(!sessions.is_open(&closed, &GRANT, start));
        let mut now = start;
        while now + IDLE < start + LONGEST {
            now += IDLE;
            assert!(sessions.is_open(&busy, &GRANT, now));
        }
        assert!(!sessions.is_open(&idle, &GRANT, now));
        assert!(!sessions.is_open(&busy, &GRANT, start + LONGEST + Duration::from_secs(1)));
        assert!(sessions.0.is_empty());
    }

    #[test]
    fn there_are_not_more_than_so_many_and_the_idlest_makes_room() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let tokens: Vec<_> = (0..MOST).map(|_| sessions.open(GRANT, start).unwrap().token).collect();
        let later = start + Duration::from_secs(1);
        for token in &tokens[1..] {
            assert!(sessions.is_open(token, &GRANT, later));
        }
        let newest = sessions.open(GRANT, later).unwrap().token;
        assert_eq!(sessions.0.len(), MOST);
        assert!(!sessions.is_open(&tokens[0], &GRANT, later) && sessions.is_open(&newest, &GRANT, later));
    }

    #[test]
    fn another_grant_ends_those_of_the_one_before() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let old = sessions.open(GRANT, now).unwrap().token;
        assert!(!sessions.is_open(&old, &[2; 32], now) && !sessions.is_open(&old, &GRANT, now));
        let old = sessions.open(GRANT, now).unwrap().token;
        sessions.open([2; 32], now).unwrap();
        assert!(!sessions.is_open(&old, &GRANT, now));
        assert_eq!(sessions.0.len(), 1);
    }
}

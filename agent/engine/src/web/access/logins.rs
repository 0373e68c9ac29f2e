//! Log-ins of moderators: their secrets are quick to check, and so would be guessing, if it had not to wait.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::attempts::Attempts;
use crate::counts;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("wrong name or secret")]
    Wrong,
    #[error("too many wrong secrets came from this address; wait for {} seconds", .0.as_secs() + 1)]
    TooMany(Duration),
}

/// Who has guessed wrong, by address. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logins(Arc<Mutex<Attempts>>);

impl Logins {
    /// What `check` gives, which is not asked while `client` has to wait. One at a time, so that many guesses at once
    /// count as many. A success forgives nothing: a moderator could guess another's secret between two of them.
    pub(crate) fn admit<T>(&self, client: IpAddr, check: impl FnOnce() -> Option<T>) -> Result<T, LoginError> {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = attempts.wait(client, Instant::now()) {
            return Err(LoginError::TooMany(wait));
        }
        if let Some(right) = check() {
            return Ok(right);
        }
        counts::LOGINS_FAILED.add(1);
        if attempts.failed(client, Instant::now()) {
            tracing::warn!("many wrong secrets of moderators from one address: it has to wait longer with each");
        }
        Err(LoginError::Wrong)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use super::*;

    #[test]
    fn guessing_has_to_wait_whoever_succeeds_meanwhile() {
        let (logins, here) = (Logins::default(), IpAddr::from([192, 0, 2, 1]));
        for guess in 0..5 {
            assert_eq!(logins.admit(here, || Some(guess)), Ok(guess), "{guess}");
            assert_eq!(logins.admit(here, || None::<u8>), Err(LoginError::Wrong), "{guess}");
        }
        let Err(LoginError::TooMany(wait)) = logins.admit(here, || Some(())) else { panic!("no wait") };
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(logins.admit(IpAddr::from([192, 0, 2, 2]), || Some(())), Ok(()), "others do not wait");
    }
}

//! Messages that were taken already, by the mark that their senders put on them.

use std::collections::{HashMap, VecDeque};

use super::bounds::{MAX_NONCE_CHARS, MAX_NONCES, MAX_NONCES_PER_USER};
use super::ids::{MessageId, UserId};
use super::records::TakenNonce;

#[derive(Clone, Debug, Default)]
pub(super) struct Nonces {
    /// In the order taken.
    taken: VecDeque<TakenNonce>,
    by_user: HashMap<UserId, VecDeque<(String, MessageId)>>,
}

/// Printable, and no longer than allowed.
pub(super) fn is_nonce(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.chars().count() <= MAX_NONCE_CHARS && !nonce.chars().any(char::is_control)
}

impl Nonces {
    pub(super) fn new(mut taken: Vec<TakenNonce>) -> Self {
        taken.sort_by_key(|taken| taken.message);
        let mut nonces = Self::default();
        taken.into_iter().for_each(|taken| nonces.add(taken));
        nonces
    }

    pub(super) fn get(&self, user: &UserId, nonce: &str) -> Option<MessageId> {
        self.by_user.get(user)?.iter().find(|(taken, _)| taken == nonce).map(|(_, message)| *message)
    }

    pub(super) fn add(&mut self, taken: TakenNonce) {
        if self.taken.len() >= MAX_NONCES {
            self.forget_oldest();
        }
        let own = self.by_user.entry(taken.user.clone()).or_default();
        if own.len() >= MAX_NONCES_PER_USER {
            own.pop_front();
        }
        own.push_back((taken.nonce.clone(), taken.message));
        self.taken.push_back(taken);
    }

    pub(super) fn forget_before(&mut self, ms: i64) {
        while self.taken.front().is_some_and(|taken| taken.at_ms < ms) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.taken.pop_front() else { return };
        let Some(own) = self.by_user.get_mut(&oldest.user) else { return };
        // Absent if the user's own bound was met before.
        own.retain(|(_, message)| *message != oldest.message);
        if own.is_empty() {
            self.by_user.remove(&oldest.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(ms: i64, user: &str, nonce: &str) -> TakenNonce {
        let (user, nonce) = (UserId(user.to_owned()), nonce.to_owned());
        TakenNonce { at_ms: ms, user, nonce, message: MessageId::first_of(ms) }
    }

    #[test]
    fn a_nonce_is_its_users_own_and_is_forgotten() {
        let mut nonces = Nonces::new(vec![taken(20, "b", "x"), taken(10, "a", "x")]);
        let get = |nonces: &Nonces, user: &str| nonces.get(&UserId(user.to_owned()), "x").map(MessageId::ms);
        assert_eq!((get(&nonces, "a"), get(&nonces, "b"), get(&nonces, "c")), (Some(10), Some(20), None));
        nonces.forget_before(20);
        assert_eq!((get(&nonces, "a"), get(&nonces, "b")), (None, Some(20)));
        nonces.forget_before(21);
        assert!(nonces.by_user.is_empty() && nonces.taken.is_empty());
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut nonces = Nonces::default();
        for ms in 0..=100_i64 {
            nonces.add(taken(ms, "a", &ms.to_string()));
        }
        let a = UserId("a".to_owned());
        assert_eq!((nonces.get(&a, "36"), nonces.get(&a, "37").is_some()), (None, true));
        for ms in 101..30_000_i64 {
            nonces.add(taken(ms, &format!("user {}", ms % 1_000), "n"));
        }
        assert_eq!((nonces.taken.len(), nonces.by_user.len()), (MAX_NONCES, 1_000));
    }

    #[test]
    fn what_is_no_nonce() {
        assert!(is_nonce("0123456789abcdéf"));
        for text in ["", "0123456789abcdefg", "a\nb"] {
            assert!(!is_nonce(text), "{text:?}");
        }
    }
}

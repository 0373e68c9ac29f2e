//! Names of messages, users and connections.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Crockford's base 32, as the ULID specification has it: no I, L, O or U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TEXT_LENGTH: usize = 26;

/// The name of whatever is sent in the chat: 48 bits of milliseconds since 1970, a 16-bit counter, 64 random bits.
/// Written as a ULID, so that the order of the texts is the order of sending.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u128);

impl MessageId {
    /// The least id of a moment; with it a search for "everything since" begins.
    #[must_use]
    pub fn first_of(ms: i64) -> Self {
        Self::new(prefix_of(ms), 0)
    }

    /// Whether nothing can come before it: what a page names that was just opened.
    #[must_use]
    pub fn is_least(self) -> bool {
        self == Self::first_of(0)
    }

    const fn new(prefix: u64, random: u64) -> Self {
        Self(((prefix as u128) << 64) | random as u128)
    }

    const fn prefix(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// Milliseconds since 1970 of the moment it was given in.
    #[must_use]
    pub const fn ms(self) -> i64 {
        (self.prefix() >> 16).cast_signed()
    }
}

/// Milliseconds in the upper 48 bits, and a counter that begins at 0. Moments before 1970 count as 1970.
fn prefix_of(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).min((1 << 48) - 1) << 16
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..TEXT_LENGTH).rev() {
            let digit = (self.0 >> (5 * place)) & 31;
            f.write_str(char::from(DIGITS[digit as usize & 31]).encode_utf8(&mut [0; 4]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no message id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message id is 26 digits of Crockford's base 32")]
pub struct NoMessageId;

impl FromStr for MessageId {
    type Err = NoMessageId;

    /// Takes capital letters only, as they were given: an id has one spelling.
    fn from_str(text: &str) -> Result<Self, NoMessageId> {
        // 26 digits hold 130 bits; the first one may use three of its five.
        if text.len() != TEXT_LENGTH || text.as_bytes()[0] > b'7' {
            return Err(NoMessageId);
        }
        text.bytes()
            .try_fold(0_u128, |value, byte| {
                let digit = DIGITS.iter().position(|digit| *digit == byte).ok_or(NoMessageId)?;
                Ok((value << 5) | digit as u128)
            })
            .map(Self)
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Gives message ids, each greater than all before.
#[derive(Clone, Copy, Debug)]
pub struct MessageIds {
    /// Of the last id; whatever comes next is above.
    prefix: u64,
}

impl MessageIds {
    /// Goes on above `last`, the greatest id ever given here.
    #[must_use]
    pub fn above(last: Option<MessageId>) -> Self {
        Self { prefix: last.map_or(0, MessageId::prefix) }
    }

    /// Counts on from the last id while the clock stands still or runs back. After 65,536 ids in one millisecond the
    /// counter runs over into the milliseconds, which then are ahead of the clock.
    pub fn next(&mut self, now_ms: i64, random: u64) -> MessageId {
        self.prefix = prefix_of(now_ms).max(self.prefix.saturating_add(1));
        MessageId::new(self.prefix, random)
    }
}

/// A chatter's lasting name: 11 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub String);

impl UserId {
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One socket, counted from engine start. Owncast calls it `clientId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub u64);

/// When a command is carried out, and chance to go with it: core has neither.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds since 1970. May stand still or step back.
    pub ms: i64,
    /// Fresh random bits with each command.
    pub entropy: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_written_as_a_ulid() {
        let mut ids = MessageIds::above(None);
        // The time part is the example of the ULID specification: 01ARZ3NDEK.
        let id = ids.next(1_469_922_850_259, 0);
        assert_eq!(id.to_string(), "01ARZ3NDEK0000000000000000");
        assert_eq!(id.ms(), 1_469_922_850_259);
        assert_eq!(MessageId(u128::MAX).to_string(), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "01ARZ3NDEK",
            "01ARZ3NDEK00000000000000000",
            "81ARZ3NDEK0000000000000000",
            "01arz3ndek0000000000000000",
            "01ARZ3NDEKI000000000000000",
            "01ARZ3NDEK00000000000000é",
        ] {
            assert_eq!(text.parse::<MessageId>(), Err(NoMessageId), "{text}");
        }
    }

    #[test]
    fn a_full_millisecond_runs_over_into_the_next() {
        let mut ids = MessageIds::above(None);
        let first = ids.next(5_000, u64::MAX);
        let all: Vec<_> = (0..70_000).map(|_| ids.next(5_000, 0)).collect();
        assert!(first < all[0] && all.is_sorted_by(|a, b| a < b));
        assert_eq!(all.last().unwrap().ms(), 5_001);
    }

    #[test]
    fn a_user_id_has_eleven_characters() {
        assert_eq!(UserId::from_random([255; 8]).0, "__________8");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ids_keep_their_order_as_text_and_across_restarts(
            steps in proptest::collection::vec((-5_000_i64..5_000, any::<u64>(), any::<bool>()), 1..60),
        ) {
            let mut ids = MessageIds::above(None);
            let mut now = 1_700_000_000_000;
            let mut last: Option<MessageId> = None;
            for (step, random, restarted) in steps {
                now += step;
                if restarted {
                    ids = MessageIds::above(last);
                }
                let id = ids.next(now, random);
                prop_assert_eq!(id.to_string().parse(), Ok(id));
                prop_assert!(last.is_none_or(|last| last < id && last.to_string() < id.to_string()));
                last = Some(id);
            }
        }
    }
}

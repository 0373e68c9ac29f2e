//! The chat's opening hours follow the stream.

use serde::{Deserialize, Serialize};

/// How long people may go on talking after the stream has ended, as in Owncast.
pub const OPEN_AFTER_END_MS: i64 = 5 * 60 * 1000;

/// What the room knows of the stream. Kept across restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Stream {
    /// None has ever begun. The chat is open, as in Owncast: a new host can be tried out.
    #[default]
    Never,
    Live {
        since_ms: i64,
    },
    Ended {
        at_ms: i64,
    },
}

impl Stream {
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Live { .. })
    }

    #[must_use]
    pub const fn is_open(self, now_ms: i64) -> bool {
        match self {
            Self::Never | Self::Live { .. } => true,
            Self::Ended { at_ms } => now_ms.saturating_sub(at_ms) <= OPEN_AFTER_END_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chat_is_open_until_five_minutes_after_the_end() {
        assert!(Stream::Never.is_open(0));
        assert!(Stream::Live { since_ms: 0 }.is_open(i64::MAX));
        let ended = Stream::Ended { at_ms: 1_000 };
        assert!(ended.is_open(1_000) && ended.is_open(301_000) && !ended.is_open(301_001));
        assert!(ended.is_open(0), "a clock that stepped back closes nothing");
    }
}

//! Moments as they are sent: RFC 3339 in UTC.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970, sent as text ("2026-11-23T07:00:00.123Z").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub i64);

impl Serialize for Stamp {
    /// A moment beyond the year 9999 is sent as 1970: there is no way to write it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jiff::Timestamp::deserialize(deserializer).map(|moment| Self(moment.as_millisecond()))
    }
}

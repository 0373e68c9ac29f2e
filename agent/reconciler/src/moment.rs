//! Moments in JSON: RFC 3339 for people and programs, whole seconds inside.

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

/// Both notations are read: ledgers of the first builds hold seconds since 1970.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Seconds(i64),
    Text(String),
}

/// For `#[serde(with)]`.
pub(crate) fn serialize<S: Serializer>(seconds: &i64, to: S) -> Result<S::Ok, S::Error> {
    text(*seconds).serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    match Written::deserialize(from)? {
        Written::Seconds(seconds) => Ok(seconds),
        Written::Text(text) => text.parse::<Timestamp>().map(Timestamp::as_second).map_err(D::Error::custom),
    }
}

/// RFC 3339, UTC.
pub(crate) fn text(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
    struct Note {
        #[serde(with = "super")]
        at: i64,
    }

    #[test]
    fn a_moment_is_written_for_people_and_read_in_both_notations() {
        assert_eq!(serde_json::to_string(&Note { at: 61 }).unwrap(), r#"{"at":"1970-01-01T00:01:01Z"}"#);
        for text in [r#"{"at":"1970-01-01T00:01:01Z"}"#, r#"{"at":61}"#] {
            assert_eq!(serde_json::from_str::<Note>(text).unwrap(), Note { at: 61 });
        }
        assert!(serde_json::from_str::<Note>(r#"{"at":"soon"}"#).is_err());
    }
}

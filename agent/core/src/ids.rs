//! Names of things that live longer than one function.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A declared place to publish and watch. There is one today; everything is keyed by it all the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelId(pub String);

impl ChannelId {
    /// The one channel of today, published to as `rtmp://host/live`.
    #[must_use]
    pub fn live() -> Self {
        Self("live".to_owned())
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One publisher connection, counted from engine start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One encoder's life. A rung that must get a new encoder (another resolution, a restarted worker) gets a new id; a
/// rung whose bitrate is changed in place keeps its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncoderId(pub u32);

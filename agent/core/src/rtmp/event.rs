//! What a session tells the engine.

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::Metadata;

/// How far a session has come. Each stage wants its own deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The client's 3073 bytes of greeting are not all here.
    Handshake,
    /// Waiting for `connect`.
    Connecting,
    /// Waiting for `publish`.
    AwaitingPublish,
    /// Waiting for `accept_publish` or `refuse_publish`.
    Deciding,
    Publishing,
    /// Nothing more is read. Write the output that is left, then close.
    Closing,
}

/// Something the engine has to act on.
#[derive(Debug)]
pub enum Event {
    /// The client wants to publish. Answer with `accept_publish` or `refuse_publish`.
    PublishRequested { app: String, key: StreamKeyInput },
    /// One FLV video tag body; read it with [`crate::flv::VideoTrack`]. Never empty.
    Video { timestamp_ms: u32, payload: Bytes },
    /// One FLV audio tag body; read it with [`crate::flv::read_audio`]. Never empty.
    Audio { timestamp_ms: u32, payload: Bytes },
    /// What the publisher says of its stream. It may be wrong, and may come again.
    Metadata(Metadata),
    /// The publisher said goodbye; the session is [`Stage::Closing`].
    Unpublished,
}

/// What a client gave as its stream key: wiped when dropped, never printed.
pub struct StreamKeyInput(Zeroizing<String>);

impl StreamKeyInput {
    pub(super) fn new(key: Zeroizing<String>) -> Self {
        Self(key)
    }

    /// The text to hash and compare, and to use for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StreamKeyInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKeyInput(hidden)")
    }
}

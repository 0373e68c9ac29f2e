//! Why a session ended. Each ends that connection alone, and none repeats what the client sent but numbers.

use super::amf::AmfError;

/// A fault in what a client sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    #[error("the client asked for RTMP version {version}, this server speaks version 3")]
    Version { version: u8 },
    #[error("chunk stream {id} goes on with a message that never began")]
    NoHeader { id: u32 },
    #[error("a message began on chunk stream {id} before the one before it was whole")]
    Interrupted { id: u32 },
    #[error("the client uses more than {limit} chunk streams")]
    TooManyChunkStreams { limit: usize },
    #[error("a message of {length} bytes is announced where {limit} are allowed")]
    MessageTooLong { length: usize, limit: usize },
    #[error("unfinished messages take more than {limit} bytes")]
    TooMuchUnfinished { limit: usize },
    #[error("a chunk size of {size} is not allowed")]
    ChunkSize { size: u32 },
    #[error("a control message of type {kind} is too short")]
    ControlTooShort { kind: u8 },
    #[error("media came before the publish request was accepted")]
    MediaBeforeAccept,
    #[error("more than {limit} messages came before the publish request was accepted")]
    TooManyMessages { limit: u32 },
    #[error("a command could not be read")]
    Command(#[source] AmfError),
    #[error("the command {name} lacks what it must say")]
    Incomplete { name: &'static str },
    #[error("the command {name} came out of order")]
    OutOfOrder { name: &'static str },
    #[error("the name of the application or stream is longer than {limit} bytes")]
    NameTooLong { limit: usize },
    #[error("an aggregate message does not hold whole tags")]
    Aggregate,
    #[error("more than {limit} bytes of answers wait to be sent")]
    TooMuchOutput { limit: usize },
    #[error("more than {limit} messages wait to be handled")]
    TooManyEvents { limit: usize },
}

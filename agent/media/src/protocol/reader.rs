//! Cuts the byte stream into frames. Sans-I/O: the engine feeds it from tokio, the worker from a blocking socket.

use bytes::{Buf, Bytes, BytesMut};

use super::MAX_FRAME_BYTES;
use super::wire::ProtocolError;

const LENGTH_BYTES: usize = 4;

/// One frame with its length taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Tells what `body` is and which side may send it; see `wire`.
    pub kind: u8,
    pub body: Bytes,
}

/// Collects bytes and yields the frames they hold.
///
/// Keeps at most one incomplete frame ([`MAX_FRAME_BYTES`]) besides what the last read put in.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where a read puts its bytes, for `AsyncReadExt::read_buf`.
    pub const fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Adds what a read returned.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; none when more bytes are needed.
    ///
    /// # Errors
    /// A length outside 1 to [`MAX_FRAME_BYTES`]. The stream cannot be read on after that.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ProtocolError> {
        let Some(prefix) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_FRAME_BYTES {
            return Err(ProtocolError::Length { length });
        }
        if self.buffer.len() < LENGTH_BYTES + length {
            self.buffer.reserve(LENGTH_BYTES + length - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        let mut body = self.buffer.split_to(length).freeze();
        let kind = body.get_u8();
        Ok(Some(Frame { kind, body }))
    }

    /// Whether the stream may end here without having lost part of a frame.
    #[must_use]
    pub fn is_at_boundary(&self) -> bool {
        self.buffer.is_empty()
    }
}

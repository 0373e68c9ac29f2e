//! What the server says, cut into chunks.

use bytes::{Bytes, BytesMut};

/// Payload bytes in one chunk until a Set Chunk Size message says otherwise (RTMP 1.0, section 5.4.1).
pub(super) const DEFAULT_CHUNK_BYTES: usize = 128;

/// Message types (RTMP 1.0, sections 5.4 and 7.1).
pub(super) mod kind {
    pub(in crate::rtmp) const SET_CHUNK_SIZE: u8 = 1;
    pub(in crate::rtmp) const ABORT: u8 = 2;
    pub(in crate::rtmp) const ACKNOWLEDGEMENT: u8 = 3;
    pub(in crate::rtmp) const USER_CONTROL: u8 = 4;
    pub(in crate::rtmp) const WINDOW_ACK_SIZE: u8 = 5;
    pub(in crate::rtmp) const SET_PEER_BANDWIDTH: u8 = 6;
    pub(in crate::rtmp) const AUDIO: u8 = 8;
    pub(in crate::rtmp) const VIDEO: u8 = 9;
    pub(in crate::rtmp) const DATA_AMF3: u8 = 15;
    pub(in crate::rtmp) const COMMAND_AMF3: u8 = 17;
    pub(in crate::rtmp) const DATA_AMF0: u8 = 18;
    pub(in crate::rtmp) const COMMAND_AMF0: u8 = 20;
    pub(in crate::rtmp) const AGGREGATE: u8 = 22;
}

/// Collects bytes for the socket.
pub(super) struct ChunkWriter {
    bytes: BytesMut,
    chunk_bytes: usize,
}

impl ChunkWriter {
    pub(super) fn new() -> Self {
        Self { bytes: BytesMut::new(), chunk_bytes: DEFAULT_CHUNK_BYTES }
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A protocol control or user control message: chunk stream 2, message stream 0.
    pub(super) fn control(&mut self, message_kind: u8, payload: &[u8]) {
        self.message(2, message_kind, 0, payload);
    }

    /// Announces a larger chunk for what follows.
    pub(super) fn set_chunk_bytes(&mut self, chunk_bytes: u16) {
        self.control(kind::SET_CHUNK_SIZE, &u32::from(chunk_bytes).to_be_bytes());
        self.chunk_bytes = usize::from(chunk_bytes);
    }

    /// One whole message at time 0, with a full header each time: answers are too few for shorter ones to matter.
    /// `chunk_stream` is 2 to 63; `payload` is our own and shorter than 16 MiB.
    pub(super) fn message(&mut self, chunk_stream: u8, message_kind: u8, message_stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.raw(&[chunk_stream, 0, 0, 0, length[1], length[2], length[3], message_kind]);
        self.raw(&message_stream.to_le_bytes());
        for (index, piece) in payload.chunks(self.chunk_bytes).enumerate() {
            if index > 0 {
                self.raw(&[0xc0 | chunk_stream]);
            }
            self.raw(piece);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn take(&mut self) -> Bytes {
        self.bytes.split().freeze()
    }
}

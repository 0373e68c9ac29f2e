//! Chunks back into messages (RTMP 1.0, section 5.3).
//!
//! A message in the making keeps its own buffer on its own chunk stream, so streams may interleave freely. Memory is
//! counted when it is reserved: never more than the chunks that came have earned, and never past the [`Bounds`].

use std::collections::BTreeMap;

use super::output::{DEFAULT_CHUNK_BYTES, kind};
use super::{Limits, SessionError};

/// Basic header (3), message header (11), extended timestamp (4).
const MAX_HEADER_BYTES: usize = 18;
/// The 24-bit timestamp that says a 32-bit one follows.
const EXTENDED: u32 = 0x00ff_ffff;
/// Up to here a message's buffer is reserved in one go, so that a key in it is never left behind by a reallocation.
const RESERVED_AT_ONCE: usize = 64 * 1024;

/// One whole message.
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) timestamp: u32,
    pub(super) payload: Vec<u8>,
}

/// What is allowed at the session's present stage.
pub(super) struct Bounds {
    /// Longest media message; None: media is not taken yet.
    pub(super) media_bytes: Option<usize>,
    pub(super) control_bytes: usize,
    pub(super) partial_bytes: usize,
    pub(super) chunk_streams: usize,
}

impl Bounds {
    pub(super) fn stranger(limits: &Limits) -> Self {
        Self {
            media_bytes: None,
            control_bytes: limits.control_bytes,
            partial_bytes: limits.control_bytes,
            chunk_streams: limits.chunk_streams,
        }
    }

    pub(super) fn publisher(limits: &Limits) -> Self {
        Self {
            media_bytes: Some(limits.media_bytes),
            control_bytes: limits.control_bytes,
            partial_bytes: limits.partial_bytes,
            chunk_streams: limits.chunk_streams,
        }
    }

    fn check_message(&self, message_kind: u8, length: usize) -> Result<(), SessionError> {
        let is_media = matches!(message_kind, kind::AUDIO | kind::VIDEO | kind::AGGREGATE);
        let limit = match (is_media, self.media_bytes) {
            (true, None) => return Err(SessionError::MediaBeforeAccept),
            (true, Some(limit)) => limit,
            (false, _) => self.control_bytes,
        };
        if length > limit { Err(SessionError::MessageTooLong { length, limit }) } else { Ok(()) }
    }
}

/// What later chunk headers on the same chunk stream leave out.
#[derive(Default)]
struct ChunkStream {
    timestamp: u32,
    /// The last timestamp or delta sent; a bare header that begins a message means the same again.
    step: u32,
    is_extended: bool,
    length: usize,
    kind: u8,
    partial: Option<Vec<u8>>,
}

/// The chunk whose payload is being read.
#[derive(Clone, Copy)]
struct OpenChunk {
    id: u32,
    left: usize,
}

/// Puts messages together.
pub(super) struct ChunkReader {
    chunk_bytes: usize,
    header: [u8; MAX_HEADER_BYTES],
    header_len: usize,
    open: Option<OpenChunk>,
    streams: BTreeMap<u32, ChunkStream>,
    partial_bytes: usize,
}

impl ChunkReader {
    pub(super) fn new() -> Self {
        Self {
            chunk_bytes: DEFAULT_CHUNK_BYTES,
            header: [0; MAX_HEADER_BYTES],
            header_len: 0,
            open: None,
            streams: BTreeMap::new(),
            partial_bytes: 0,
        }
    }

    /// Sizes above what a message can be mean "never split"; the top bit must be zero (section 5.4.1).
    pub(super) fn set_chunk_bytes(&mut self, size: u32) -> Result<(), SessionError> {
        if size == 0 || size > i32::MAX.unsigned_abs() {
            return Err(SessionError::ChunkSize { size });
        }
        self.chunk_bytes = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(())
    }

    /// Drops the unfinished message of a chunk stream, if there is one.
    pub(super) fn abort(&mut self, id: u32) {
        if let Some(partial) = self.streams.get_mut(&id).and_then(|stream| stream.partial.take()) {
            self.partial_bytes -= partial.capacity();
        }
    }

    /// Bytes reserved for unfinished messages.
    pub(super) fn partial_bytes(&self) -> usize {
        self.partial_bytes
    }

    /// Reads on; None once `input` is used up.
    pub(super) fn next(&mut self, input: &mut &[u8], bounds: &Bounds) -> Result<Option<Message>, SessionError> {
        loop {
            let open = match self.open {
                Some(open) => open,
                None => {
                    if !self.fill_header(input) {
                        return Ok(None);
                    }
                    self.begin_chunk(bounds)?
                }
            };
            if let Some(message) = self.read_payload(open, input, bounds)? {
                return Ok(Some(message));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
    }

    /// True once the header is whole.
    fn fill_header(&mut self, input: &mut &[u8]) -> bool {
        while self.header_len < self.header_needed() {
            let Some((&byte, rest)) = input.split_first() else { return false };
            self.header[self.header_len] = byte;
            self.header_len += 1;
            *input = rest;
        }
        true
    }

    /// Bytes the header has, as far as can be told from those that are here.
    fn header_needed(&self) -> usize {
        if self.header_len == 0 {
            return 1;
        }
        let basic = self.basic_bytes();
        if self.header_len < basic {
            return basic;
        }
        let whole = basic + message_header_bytes(self.format());
        if self.header_len < whole {
            return whole;
        }
        whole + if self.is_extended() { 4 } else { 0 }
    }

    fn format(&self) -> u8 {
        self.header[0] >> 6
    }

    fn basic_bytes(&self) -> usize {
        match self.header[0] & 0x3f {
            0 => 2,
            1 => 3,
            _ => 1,
        }
    }

    fn id(&self) -> u32 {
        let [first, second, third] = [self.header[0], self.header[1], self.header[2]].map(u32::from);
        match first & 0x3f {
            0 => 64 + second,
            1 => 64 + second + third * 256,
            id => id,
        }
    }

    /// A bare header repeats the extended timestamp of the header it stands for (section 5.3.1.3).
    fn is_extended(&self) -> bool {
        match self.format() {
            3 => self.streams.get(&self.id()).is_some_and(|stream| stream.is_extended),
            _ => self.u24(self.basic_bytes()) == EXTENDED,
        }
    }

    fn u24(&self, at: usize) -> u32 {
        u32::from_be_bytes([0, self.header[at], self.header[at + 1], self.header[at + 2]])
    }

    fn step(&self) -> u32 {
        let at = self.basic_bytes();
        if self.is_extended() {
            let at = at + message_header_bytes(self.format());
            u32::from_be_bytes([self.header[at], self.header[at + 1], self.header[at + 2], self.header[at + 3]])
        } else {
            self.u24(at)
        }
    }

    /// Acts on a whole header.
    fn begin_chunk(&mut self, bounds: &Bounds) -> Result<OpenChunk, SessionError> {
        let (format, id) = (self.format(), self.id());
        let is_known = self.streams.contains_key(&id);
        if !is_known && format == 3 {
            return Err(SessionError::NoHeader { id });
        }
        if !is_known && self.streams.len() >= bounds.chunk_streams {
            return Err(SessionError::TooManyChunkStreams { limit: bounds.chunk_streams });
        }
        let head = self.read_head();
        self.header_len = 0;
        let stream = self.streams.entry(id).or_default();
        if stream.partial.is_some() && format != 3 {
            return Err(SessionError::Interrupted { id });
        }
        if stream.partial.is_none() {
            head.apply(stream);
            bounds.check_message(stream.kind, stream.length)?;
            stream.partial = Some(Vec::new());
        }
        let begun = stream.partial.as_ref().map_or(0, Vec::len);
        let open = OpenChunk { id, left: self.chunk_bytes.min(stream.length - begun) };
        self.open = Some(open);
        Ok(open)
    }

    fn read_head(&self) -> Head {
        let (format, at) = (self.format(), self.basic_bytes());
        let is_extended = self.is_extended();
        let step = (format != 3 || is_extended).then(|| self.step());
        let shape = (format < 2).then(|| (self.u24(at + 3), self.header[at + 6]));
        Head { is_absolute: format == 0, is_extended, step, shape }
    }

    /// Moves payload from `input` into the open chunk's message; gives the message if that ends it.
    fn read_payload(
        &mut self,
        open: OpenChunk,
        input: &mut &[u8],
        bounds: &Bounds,
    ) -> Result<Option<Message>, SessionError> {
        let Some(stream) = self.streams.get_mut(&open.id) else { return Ok(None) };
        let Some(partial) = stream.partial.as_mut() else {
            // The message was aborted between two pieces of this chunk, which takes an Abort inside it: cannot be.
            self.open = None;
            return Ok(None);
        };
        let taken = open.left.min(input.len());
        reserve(partial, taken, stream.length, &mut self.partial_bytes, bounds)?;
        partial.extend_from_slice(&input[..taken]);
        *input = &input[taken..];
        let left = open.left - taken;
        self.open = (left > 0).then_some(OpenChunk { left, ..open });
        if partial.len() < stream.length {
            return Ok(None);
        }
        let payload = stream.partial.take().unwrap_or_default();
        self.partial_bytes -= payload.capacity();
        Ok(Some(Message { kind: stream.kind, timestamp: stream.timestamp, payload }))
    }
}

/// What one chunk header says.
struct Head {
    is_absolute: bool,
    is_extended: bool,
    /// Timestamp or delta; None: as before.
    step: Option<u32>,
    /// Length and type; None: as before.
    shape: Option<(u32, u8)>,
}

impl Head {
    /// Begins a message. A header with a delta on a chunk stream that has no message yet counts from 0: librtmp sends
    /// its byte reports like that.
    fn apply(&self, stream: &mut ChunkStream) {
        stream.is_extended = self.is_extended;
        stream.step = self.step.unwrap_or(stream.step);
        stream.timestamp = if self.is_absolute { stream.step } else { stream.timestamp.wrapping_add(stream.step) };
        if let Some((length, message_kind)) = self.shape {
            stream.length = usize::try_from(length).unwrap_or(usize::MAX);
            stream.kind = message_kind;
        }
    }
}

fn message_header_bytes(format: u8) -> usize {
    match format {
        0 => 11,
        1 => 7,
        2 => 3,
        _ => 0,
    }
}

/// Makes room for `more` bytes: short messages at once, long ones by doubling, so that a mere announcement of 8 MiB
/// reserves next to nothing and the finished buffer has exactly the message's length.
fn reserve(
    partial: &mut Vec<u8>,
    more: usize,
    length: usize,
    reserved: &mut usize,
    bounds: &Bounds,
) -> Result<(), SessionError> {
    let (len, capacity) = (partial.len(), partial.capacity());
    if len + more <= capacity {
        return Ok(());
    }
    let wanted = if length <= RESERVED_AT_ONCE { length } else { (len + more).max(2 * capacity).min(length) };
    if *reserved - capacity + wanted > bounds.partial_bytes {
        return Err(SessionError::TooMuchUnfinished { limit: bounds.partial_bytes });
    }
    partial.reserve_exact(wanted - len);
    *reserved = *reserved - capacity + partial.capacity();
    Ok(())
}

//! The greeting: one version byte and 1536 bytes from the client, answered with the same shape and an echo.
//!
//! Only the simple form. Clients that send a signed greeting see a server version of 0 in the answer and fall back
//! (ffmpeg, librtmp); the signature proves nothing a server needs to know.

use super::SessionError;
use super::output::ChunkWriter;

/// Bytes of C1, C2, S1 and S2 each (RTMP 1.0, section 5.2.3).
pub(super) const PART_BYTES: usize = 1536;
const VERSION: u8 = 3;

/// Reads C0, C1 and C2.
pub(super) struct Handshake {
    /// C0 and C1 as far as they have come; emptied once answered.
    greeting: Vec<u8>,
    /// Bytes of C2 still to come. What is in it is not looked at: ffmpeg and librtmp do not agree on it.
    echo_left: usize,
}

impl Handshake {
    pub(super) fn new() -> Self {
        Self { greeting: Vec::new(), echo_left: PART_BYTES }
    }

    /// Takes what belongs to the handshake off `input`; true once it is done.
    pub(super) fn receive(&mut self, input: &mut &[u8], output: &mut ChunkWriter) -> Result<bool, SessionError> {
        if self.echo_left == PART_BYTES && !self.greet(input, output)? {
            return Ok(false);
        }
        let taken = self.echo_left.min(input.len());
        *input = &input[taken..];
        self.echo_left -= taken;
        Ok(self.echo_left == 0)
    }

    /// True once C1 has been answered, now or earlier.
    fn greet(&mut self, input: &mut &[u8], output: &mut ChunkWriter) -> Result<bool, SessionError> {
        const GREETING: usize = 1 + PART_BYTES;
        if self.greeting.len() == GREETING {
            return Ok(true);
        }
        self.greeting.reserve_exact(GREETING - self.greeting.len());
        let taken = (GREETING - self.greeting.len()).min(input.len());
        self.greeting.extend_from_slice(&input[..taken]);
        *input = &input[taken..];
        match self.greeting.first() {
            Some(&version) if version != VERSION => return Err(SessionError::Version { version }),
            _ if self.greeting.len() < GREETING => return Ok(false),
            _ => (),
        }
        output.raw(&[VERSION]);
        output.raw(&server_greeting());
        output.raw(&self.greeting[1..]);
        Ok(true)
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.greeting.capacity()
    }
}

/// S1: time 0, version 0 (no signature), then filler. The field is meant to tell two connections of one process
/// apart, which a server with sockets has no need of, so it needs no randomness.
fn server_greeting() -> [u8; PART_BYTES] {
    let mut greeting = [0; PART_BYTES];
    for (byte, value) in greeting[8..].iter_mut().zip((1..=251).cycle()) {
        *byte = value;
    }
    greeting
}

//! WebSocket frames from a server, counted as they come in pieces: RFC 6455, section 5.2.

/// Stands before the moment a message was due, microseconds.
pub(super) const STAMP: &str = "due=";

const TEXT: u8 = 1;
const PING: u8 = 9;

/// One connection's frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: Vec<u8>,
    /// Bytes of the payload that are still to come.
    left: u64,
    /// Text so far, where it is read and not only counted.
    text: Option<Vec<u8>>,
    /// Events in text frames: a server may join several by line feeds.
    pub(super) heard: u64,
    pub(super) pings: u64,
}

impl Frames {
    pub(super) fn new(is_sampled: bool) -> Self {
        Self { text: is_sampled.then(Vec::new), ..Self::default() }
    }

    /// Takes the next bytes, and tells `on_stamp` of the stamp of each message that has one.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut on_stamp: impl FnMut(u64)) {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.head.push(bytes[0]);
                bytes = &bytes[1..];
                let Some(length) = length(&self.head) else { continue };
                self.left = length;
                match self.head[0] & 0x0f {
                    TEXT => self.heard += 1,
                    PING => self.pings += 1,
                    _ => (),
                }
                if length > 0 {
                    continue;
                }
            }
            let (payload, rest) = bytes.split_at(bytes.len().min(usize::try_from(self.left).unwrap()));
            bytes = rest;
            self.left -= payload.len() as u64;
            if self.head[0] & 0x0f == TEXT {
                self.heard += payload.iter().filter(|byte| **byte == b'\n').count() as u64;
                if let Some(text) = &mut self.text {
                    text.extend_from_slice(payload);
                }
            }
            if self.left == 0 {
                self.head.clear();
                if let Some(text) = &mut self.text {
                    stamps(text).for_each(&mut on_stamp);
                    text.clear();
                }
            }
        }
    }
}

/// Length of the payload, once the head is whole.
fn length(head: &[u8]) -> Option<u64> {
    let short = *head.get(1)? & 0x7f;
    let bytes = match short {
        126 => head.get(2..4)?,
        127 => head.get(2..10)?,
        _ => return Some(short.into()),
    };
    Some(bytes.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)))
}

fn stamps(text: &[u8]) -> impl Iterator<Item = u64> {
    text.split(|byte| *byte == b'\n').filter_map(|event| {
        let at = event.windows(STAMP.len()).position(|window| window == STAMP.as_bytes())? + STAMP.len();
        let digits = event[at..].iter().take_while(|byte| byte.is_ascii_digit());
        Some(digits.fold(0, |stamp, digit| stamp * 10 + u64::from(digit - b'0')))
    })
}

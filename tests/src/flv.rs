//! FLV files taken apart and put together: for what no publisher of this machine would send by itself.

use std::fs;
use std::path::Path;

/// Signature, version, flags, length, and the zero that stands where a tag's length would (FLV 10.1, annex E.2).
const HEADER: [u8; 13] = [b'F', b'L', b'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0];
const TAG_HEADER: usize = 11;

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub kind: Kind,
    /// Milliseconds, 32 bits.
    pub time: u32,
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Audio,
    Video,
    Script,
}

impl Tag {
    /// Whether it carries codec parameters instead of media.
    pub fn is_config(&self) -> bool {
        self.kind != Kind::Script && self.body.get(1) == Some(&0)
    }

    pub fn is_keyframe(&self) -> bool {
        self.kind == Kind::Video && !self.is_config() && self.body.first().is_some_and(|first| first >> 4 == 1)
    }
}

/// Every tag of a file.
pub fn read(file: &Path) -> Vec<Tag> {
    let bytes = fs::read(file).expect("the clip can be read");
    let mut rest = &bytes[HEADER.len()..];
    let mut tags = Vec::new();
    while rest.len() > TAG_HEADER {
        let number = |at: usize| u32::from(rest[at]) << 16 | u32::from(rest[at + 1]) << 8 | u32::from(rest[at + 2]);
        let length = number(1) as usize;
        let kind = match rest[0] {
            8 => Kind::Audio,
            9 => Kind::Video,
            _ => Kind::Script,
        };
        let time = number(4) | u32::from(rest[7]) << 24;
        tags.push(Tag { kind, time, body: rest[TAG_HEADER..TAG_HEADER + length].to_vec() });
        rest = &rest[TAG_HEADER + length + 4..];
    }
    tags
}

/// Writes a file of these tags.
pub fn write(file: &Path, tags: &[Tag]) {
    let mut bytes = HEADER.to_vec();
    for Tag { kind, time, body } in tags {
        let length = u32::try_from(body.len()).expect("a tag is short").to_be_bytes();
        let time = time.to_be_bytes();
        bytes.push(match kind {
            Kind::Audio => 8,
            Kind::Video => 9,
            Kind::Script => 18,
        });
        bytes.extend_from_slice(&length[1..]);
        bytes.extend_from_slice(&[time[1], time[2], time[3], time[0], 0, 0, 0]);
        bytes.extend_from_slice(body);
        let whole = u32::try_from(TAG_HEADER + body.len()).expect("a tag is short");
        bytes.extend_from_slice(&whole.to_be_bytes());
    }
    fs::write(file, bytes).expect("a temporary file can be written");
}

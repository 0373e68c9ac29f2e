//! Addresses of playlists, init sections and segments.

use std::borrow::Borrow;
use std::fmt;

use crate::ids::EncoderId;

/// What one media playlist carries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// The pictures of the rung of this name.
    Video(String),
    /// The sound all rungs share.
    Audio,
}

impl Track {
    /// Folder below `/hls/`, without a slash at either end.
    #[must_use]
    pub fn folder(&self) -> String {
        match self {
            Self::Video(rung) => format!("video/{rung}"),
            Self::Audio => "audio".to_owned(),
        }
    }

    /// Address of the media playlist below `/hls/`.
    #[must_use]
    pub fn playlist(&self) -> String {
        format!("{}/stream.m3u8", self.folder())
    }

    /// How the playlist of this track writes the address of something below `/hls/`: relative, so that a CDN may mount
    /// `/hls/` anywhere.
    pub(super) fn reference(&self, path: &str) -> String {
        let folder = self.folder();
        if let Some(file) = path.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/')) {
            return file.to_owned();
        }
        match (self, path.strip_prefix("video/")) {
            (Track::Video(_), Some(sibling)) => format!("../{sibling}"),
            _ => format!("{}{path}", "../".repeat(folder.split('/').count())),
        }
    }
}

/// Address below `/hls/` of bytes that never change, such as `video/720p/1a2b3c4d-17.m4s`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri(String);

impl Uri {
    /// Address of an init section. One encoder has one.
    pub(super) fn init(track: &Track, broadcast: &str, encoder: EncoderId) -> Self {
        Self(format!("{}/{broadcast}-i{}.mp4", track.folder(), encoder.0))
    }

    /// Address of a segment, named for the place it takes in its own rung's playlist.
    pub(super) fn segment(track: &Track, broadcast: &str, msn: u64) -> Self {
        Self(format!("{}/{broadcast}-{msn}.m4s", track.folder()))
    }

    /// The path below `/hls/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Address of part `index`, counted from 0, of the segment at this address: `…-17.3.m4s`.
    pub(super) fn part(&self, index: usize) -> Self {
        let segment = self.0.strip_suffix(".m4s").unwrap_or(&self.0);
        Self(format!("{segment}.{index}.m4s"))
    }

    /// How the playlist of `track` writes it.
    #[must_use]
    pub fn relative_to(&self, track: &Track) -> String {
        track.reference(&self.0)
    }
}

/// The segment that a part belongs to and its index there, if `path` is the address of a part.
#[must_use]
pub fn parent_of(path: &str) -> Option<(String, usize)> {
    let (segment, index) = path.strip_suffix(".m4s")?.rsplit_once('.')?;
    let is_plain = !index.is_empty() && index.bytes().all(|digit| digit.is_ascii_digit());
    Some((format!("{segment}.m4s"), index.parse().ok().filter(|_| is_plain)?))
}

impl Borrow<str> for Uri {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! How objects are called towards people: by the NixOS option that declares them.

use std::fmt;

use crate::control::{Listener, ObjectId};

const ROOT: &str = "services.nixcast";

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(Listener::Http) => write!(f, "{ROOT}.http"),
            Self::Listener(Listener::Rtmp) => write!(f, "{ROOT}.rtmp"),
            Self::StreamKey(name) => write!(f, "{ROOT}.streamKeys.{}", Attribute(name)),
            Self::Page => write!(f, "{ROOT}.instance"),
            Self::Latency => write!(f, "{ROOT}.video.latencyLevel"),
            Self::Rung(name) => write!(f, "{ROOT}.video.variants.{}", Attribute(name)),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Rtmp => "rtmp",
        })
    }
}

/// An attribute name as Nix would have it written: quoted unless it is an identifier.
struct Attribute<'a>(&'a str);

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.bytes();
        let is_identifier = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-'".contains(&byte));
        if is_identifier { f.write_str(self.0) } else { write!(f, "{:?}", self.0) }
    }
}

//! How objects are called towards people: by the NixOS option that declares them.

use std::fmt;

use nixcast_schema::option_path;

use crate::control::{Listener, ObjectId};

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Listener(Listener::Http) => option_path(&["http"]),
            Self::Listener(Listener::Rtmp) => option_path(&["rtmp"]),
            Self::Listener(Listener::Rtmps) => option_path(&["rtmps"]),
            Self::Certificate => option_path(&["rtmps", "certificateFile"]),
            Self::TrustedProxies => option_path(&["http", "trustedProxies"]),
            Self::Admin => option_path(&["admin"]),
            Self::Webhook(name) => option_path(&["webhooks", name]),
            Self::AccessToken(name) => option_path(&["integrations", "accessTokens", name]),
            Self::Metrics => option_path(&["metrics"]),
            Self::StreamKey(name) => option_path(&["streamKeys", name]),
            Self::Page => option_path(&["instance"]),
            Self::Encoder => option_path(&["video", "encoder"]),
            Self::Overload => option_path(&["video", "whenOverloaded"]),
            Self::Stills => option_path(&["video", "stills"]),
            Self::Chat => option_path(&["chat"]),
            Self::Emoji => option_path(&["chat", "emojiFolder"]),
            Self::Moderator(name) => option_path(&["chat", "moderators", name]),
            Self::Broadcast => option_path(&["broadcast"]),
            Self::Latency => option_path(&["video", "latencyLevel"]),
            Self::Rung(name) => option_path(&["video", "variants", name]),
        })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
        })
    }
}

//! Where viewers and publishers connect.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where viewers connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    /// IP address to listen on for the page and the video. Use "127.0.0.1" behind a reverse proxy, "::" for all.
    #[schemars(extend("x-effect" = "rebind", "format" = "ip"))]
    pub address: String,
    /// TCP port of the page and the video, 1 to 65535.
    #[schemars(range(min = 1, max = 65535), extend("x-effect" = "rebind"))]
    pub port: u16,
    /// Networks whose word about a client's address ("X-Forwarded-For") is believed: the reverse proxies. At most 64.
    #[schemars(length(max = 64), extend("x-effect" = "live"))]
    pub trusted_proxies: Vec<Network>,
}

/// A network in CIDR notation such as "10.0.0.0/8", or a single IP address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "network"))]
pub struct Network(pub String);

/// Where publishers connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rtmp {
    /// IP address to listen on for publishers. "::" means every address of the machine.
    #[schemars(extend("x-effect" = "rebind", "format" = "ip"))]
    pub address: String,
    /// TCP port for publishers, 1 to 65535. 1935 is what OBS assumes.
    #[schemars(range(min = 1, max = 65535), extend("x-effect" = "rebind"))]
    pub port: u16,
}

/// Where publishers connect with TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rtmps {
    /// Whether publishers may connect with TLS (RTMPS), beside plain RTMP.
    #[schemars(extend("x-effect" = "rebind"))]
    pub enable: bool,
    /// IP address to listen on for publishers with TLS. "::" means every address of the machine.
    #[schemars(extend("x-effect" = "rebind", "format" = "ip"))]
    pub address: String,
    /// TCP port for publishers with TLS, 1 to 65535. Encoders have no usual one but 443, so it is entered with the
    /// address: "rtmps://host:1936/live".
    #[schemars(range(min = 1, max = 65535), extend("x-effect" = "rebind"))]
    pub port: u16,
    /// Absolute path of the certificate and its chain (PEM, at most 64 KiB), which may lie in the Nix store; null: none,
    /// which excludes "enable".
    #[schemars(extend("x-effect" = "rebind", "format" = "absolute-path"))]
    pub certificate_file: Option<String>,
    /// Absolute path, outside the Nix store, of the certificate's private key (PEM without passphrase, at most
    /// 16 KiB); null: none, which excludes "enable".
    #[schemars(extend("x-effect" = "rebind", "format" = "secret-path"))]
    pub key_file: Option<String>,
}

impl Network {
    /// This machine: whoever connects from here has been let in by its operator.
    pub(super) fn loopback() -> Vec<Self> {
        ["127.0.0.0/8", "::1/128"].map(|network| Self(network.to_owned())).into()
    }
}

//! What should run: the settings with every reference resolved.
//!
//! [`Desired::resolve`] joins a parsed document with what the agent found behind its paths ([`Material`]). Whatever
//! cannot be resolved is held on its own and leaves the rest alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use nixcast_schema::{Instance, Settings, StreamKey, Variant, Video};

use super::Held;
use crate::control::{Encode, Listener, LogoRef, ObjectId, Page, Rung};
use crate::keys::{Salt, StreamKeySecret};

/// Everything declared, comparable with an `Observed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    pub listeners: BTreeMap<Listener, SocketAddr>,
    pub stream_keys: BTreeMap<String, DesiredKey>,
    /// `logo` is empty here; `self.logo` decides it.
    pub page: Page,
    pub logo: DesiredLogo,
    pub latency_level: u8,
    /// Enabled rungs by name; their positions count from 0 without gaps.
    pub ladder: BTreeMap<String, Rung>,
    /// Objects that could not even be resolved.
    pub held: Vec<Held>,
}

/// A declared stream key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredKey {
    /// Shown in plans; the file's content never is.
    pub key_file: String,
    pub comment: String,
    pub enabled: bool,
    /// Seconds since 1970.
    pub expires_at: Option<i64>,
    /// The key itself, or why there is none right now.
    pub secret: Result<StreamKeySecret, String>,
    /// Salt for a new grant, should one be needed.
    pub fresh_salt: Salt,
}

/// The page's picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredLogo {
    BuiltIn,
    Picture(Picture),
    /// Declared, but not readable right now; the picture shown last stays if it is still at hand.
    Held {
        reason: String,
        last_good: Option<Picture>,
    },
}

/// A picture and its bytes as they travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub logo: LogoRef,
    /// Standard alphabet, padded.
    pub base64: String,
}

/// What the agent found behind the document's paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// By name of the stream key: its secret or why it cannot be had, and a fresh salt.
    pub keys: BTreeMap<String, (Result<StreamKeySecret, String>, Salt)>,
    pub logo: DesiredLogo,
}

impl Desired {
    /// Resolves a parsed document.
    #[must_use]
    pub fn resolve(settings: &Settings, material: &Material) -> Self {
        let Settings { api_version: _, http, rtmp, stream_keys, instance, video, reconcile: _ } = settings;
        let mut held = Vec::new();
        let mut listeners = BTreeMap::new();
        for (listener, address, port) in
            [(Listener::Http, &http.address, http.port), (Listener::Rtmp, &rtmp.address, rtmp.port)]
        {
            match address.parse::<IpAddr>() {
                Ok(ip) => drop(listeners.insert(listener, SocketAddr::new(ip, port))),
                Err(_) => held.push(Held {
                    object: ObjectId::Listener(listener),
                    reason: format!("services.nixcast.{listener}.address: {address:?} is not an IP address"),
                }),
            }
        }
        Self {
            listeners,
            stream_keys: stream_keys.iter().map(|key| (key.name.clone(), DesiredKey::resolve(key, material))).collect(),
            page: page(instance),
            logo: material.logo.clone(),
            latency_level: video.latency_level,
            ladder: ladder(video),
            held,
        }
    }

    /// Every object that should exist.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> {
        let listeners = [Listener::Http, Listener::Rtmp].map(ObjectId::Listener);
        let keys = self.stream_keys.keys().cloned().map(ObjectId::StreamKey);
        let rungs = self.ladder.keys().cloned().map(ObjectId::Rung);
        listeners.into_iter().chain(keys).chain([ObjectId::Page, ObjectId::Latency]).chain(rungs)
    }
}

impl DesiredKey {
    fn resolve(key: &StreamKey, material: &Material) -> Self {
        let StreamKey { name, key_file, comment, enable, expires } = key;
        let option = ObjectId::StreamKey(name.clone());
        let (mut secret, fresh_salt) = material
            .keys
            .get(name)
            .cloned()
            .unwrap_or_else(|| (Err(format!("{option}.keyFile: {key_file} was not read")), Salt::new([0; 16])));
        let expires_at = match expires.as_deref().map(str::parse::<jiff::Timestamp>) {
            None => None,
            Some(Ok(moment)) => Some(moment.as_second()),
            Some(Err(_)) => {
                // A key whose end cannot be read must not become a key without an end.
                secret = Err(format!("{option}.expires: not a moment in RFC 3339 with a time zone"));
                Some(0)
            }
        };
        Self { key_file: key_file.clone(), comment: comment.clone(), enabled: *enable, expires_at, secret, fresh_salt }
    }
}

fn page(instance: &Instance) -> Page {
    let Instance { name, summary, logo: _, tags, social_handles, offline_message, theme } = instance.clone();
    Page { name, summary, tags, social_handles, offline_message, theme, logo: None }
}

fn ladder(video: &Video) -> BTreeMap<String, Rung> {
    let mut enabled: Vec<&Variant> = video.variants.iter().filter(|variant| variant.enable).collect();
    enabled.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    (0..).zip(enabled).map(|(position, variant)| (variant.name.clone(), rung(variant, position))).collect()
}

fn rung(variant: &Variant, position: u16) -> Rung {
    let Variant {
        name,
        enable: _,
        passthrough,
        width,
        height,
        framerate,
        video_bitrate_kbps,
        audio_bitrate_kbps,
        preset,
        order: _,
    } = variant.clone();
    let encode = if passthrough {
        Encode::Passthrough
    } else {
        Encode::Transcode { width, height, framerate, video_bitrate_kbps, preset }
    };
    Rung { name, position, audio_bitrate_kbps, encode }
}

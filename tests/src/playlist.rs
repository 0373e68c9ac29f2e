//! Playlists as a player reads them.

use m3u8_rs::{MasterPlaylist, MediaPlaylist, parse_master_playlist_res, parse_media_playlist_res};

use std::io;

use crate::http::{self, Reply};

/// Where the multivariant playlist is.
pub const MULTIVARIANT: &str = "/hls/stream.m3u8";

/// The multivariant playlist, if the server has one now.
#[track_caller]
pub fn multivariant(port: u16) -> Option<MasterPlaylist> {
    multivariant_of(http::get(port, MULTIVARIANT))
}

/// The multivariant playlist in the answer to a request for it, if that was one.
#[track_caller]
pub fn multivariant_of(reply: io::Result<Reply>) -> Option<MasterPlaylist> {
    let reply = reply.ok().filter(|reply| reply.status == 200)?;
    match parse_master_playlist_res(&reply.body) {
        Ok(playlist) => Some(playlist),
        Err(error) => panic!("{MULTIVARIANT} cannot be parsed: {error:?}\n{}", reply.text()),
    }
}

/// Paths of every media playlist the multivariant playlist names: variants in order, then renditions.
pub fn media_paths(multivariant: &MasterPlaylist) -> Vec<String> {
    let variants = multivariant.variants.iter().map(|variant| variant.uri.clone());
    let renditions = multivariant.alternatives.iter().filter_map(|rendition| rendition.uri.clone());
    let mut paths: Vec<String> = Vec::new();
    for uri in variants.chain(renditions) {
        let path = resolve(MULTIVARIANT, &uri);
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// One media playlist; the text of the refusal if there is none or it cannot be parsed.
pub fn media(port: u16, path: &str) -> Result<MediaPlaylist, String> {
    media_of(path, http::get(port, path))
}

/// The media playlist in the answer to a request for `path`.
pub fn media_of(path: &str, reply: io::Result<Reply>) -> Result<MediaPlaylist, String> {
    let reply = reply.map_err(|error| format!("{path}: {error}"))?;
    if reply.status != 200 {
        return Err(format!("{path}: status {}", reply.status));
    }
    parse_media_playlist_res(&reply.body).map_err(|error| format!("{path}: {error:?}\n{}", reply.text()))
}

/// Number of the newest segment listed. In a playlist as old as its broadcast this is also how many there have been, as
/// the first has number 1.
pub fn last_msn(list: &MediaPlaylist) -> u64 {
    list.media_sequence + list.segments.len() as u64 - 1
}

/// RFC 3986 reference resolution for what playlists hold: absolute paths, and relative ones with no dot segments but
/// leading ones.
pub fn resolve(base: &str, uri: &str) -> String {
    if uri.starts_with('/') {
        return uri.to_owned();
    }
    let mut folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut rest = uri;
    loop {
        if let Some(below) = rest.strip_prefix("./") {
            rest = below;
        } else if let Some(beside) = rest.strip_prefix("../") {
            rest = beside;
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        } else {
            return format!("{folder}/{rest}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn uris_resolve_against_their_playlist() {
        let base = "/hls/video/low/stream.m3u8";
        assert_eq!(resolve(base, "0a-1.m4s"), "/hls/video/low/0a-1.m4s");
        assert_eq!(resolve(base, "./0a-1.m4s"), "/hls/video/low/0a-1.m4s");
        assert_eq!(resolve(base, "../high/0a-1.m4s"), "/hls/video/high/0a-1.m4s");
        assert_eq!(resolve(base, "/hls/audio/0a-1.m4s"), "/hls/audio/0a-1.m4s");
    }
}

//! Reading the logo: bounded, and named by what it holds rather than by its file name.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use nixcast_core::control::LogoRef;
use nixcast_core::plan::Picture;

use crate::document::sha256_hex;

/// Stated by `instance.logo`.
const MAX_LOGO_BYTES: usize = 2 * 1024 * 1024;

/// How far into a file an SVG's root element may begin (after a prologue and comments).
const SVG_SEARCH_BYTES: usize = 4096;

/// Reads a picture. The reason completes a sentence that begins with the path.
pub(super) fn read(path: &Path) -> Result<Picture, String> {
    let file = super::file::open_regular(path)?;
    let mut content = Vec::new();
    let bound = u64::try_from(MAX_LOGO_BYTES + 1).unwrap_or(u64::MAX);
    file.take(bound).read_to_end(&mut content).map_err(|cause| format!("could not be read: {cause}"))?;
    if content.len() > MAX_LOGO_BYTES {
        return Err("is larger than 2 MiB".to_owned());
    }
    let media_type = media_type(&content).ok_or("is not an SVG, PNG, JPEG, GIF or WebP picture")?;
    Ok(Picture {
        logo: LogoRef { digest: sha256_hex(&content), media_type: media_type.to_owned() },
        base64: base64::engine::general_purpose::STANDARD.encode(&content),
    })
}

pub(super) fn media_type(content: &[u8]) -> Option<&'static str> {
    match content {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => is_svg(content).then_some("image/svg+xml"),
    }
}

fn is_svg(content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if !start.starts_with('<') {
        return false;
    }
    let head = &start.as_bytes()[..start.len().min(SVG_SEARCH_BYTES)];
    head.windows(4).any(|window| window == b"<svg")
        && !head.windows(5).any(|window| window.eq_ignore_ascii_case(b"<html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_names_the_type() {
        let cases: [(&[u8], Option<&str>); 9] = [
            (b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- x -->\n<svg xmlns=\"\"/>", Some("image/svg+xml")),
            (b"<svg/>", Some("image/svg+xml")),
            (b"<html><svg/></html>", None),
            (b"hello <svg>", None),
            (b"", None),
        ];
        for (content, want) in cases {
            assert_eq!(media_type(content), want, "{content:?}");
        }
    }
}

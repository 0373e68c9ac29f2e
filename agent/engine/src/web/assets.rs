//! The built page (`agent/web/dist`), embedded: files by path, and which of them the shell must name.
//!
//! Vite puts a digest into every file name, so an answer may be kept forever; each text file has a `.br` twin made at
//! build time, so nothing is compressed while viewers wait.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use serde::Deserialize;

/// Names are digests of content: a browser never needs to ask again.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

#[derive(RustEmbed)]
#[folder = "../web/dist/"]
struct Dist;

/// One file in the encoding that was asked for.
#[derive(Clone, Debug)]
struct Asset {
    body: Cow<'static, [u8]>,
    content_type: &'static str,
    /// `Some("br")` when the body is compressed.
    content_encoding: Option<&'static str>,
    /// Strong entity tag, quotes included; differs between encodings.
    etag: String,
}

/// What the shell is made of: a style sheet that it holds, and addresses of files that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The module that takes over the page.
    pub(crate) script: String,
    /// The style sheet of every page: its text, not its address.
    pub(crate) style: String,
    /// Modules the script imports at once.
    pub(crate) preloads: Vec<String>,
    /// Modules fetched when something plays; not those of the chat, which is fetched without being waited for.
    pub(crate) player_preloads: Vec<String>,
    /// The built-in mark, shown where no logo is declared.
    pub(crate) mark: String,
}

/// `GET /assets/…`: the file under `path`, an address as the browser sent it.
pub(crate) fn respond(path: &str, headers: &HeaderMap) -> Response {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(asset) = asset(path, text(ACCEPT_ENCODING)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let is_known = is_known(headers, &asset.etag);
    let common = [
        (ETAG, asset.etag),
        (CACHE_CONTROL, IMMUTABLE.to_owned()),
        (VARY, "accept-encoding".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let body = match asset.body {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    match asset.content_encoding {
        Some(encoding) => {
            (common, [(CONTENT_ENCODING, encoding)], [(CONTENT_TYPE, asset.content_type)], body).into_response()
        }
        None => (common, [(CONTENT_TYPE, asset.content_type)], body).into_response(),
    }
}

/// Whether the browser has what carries `etag` (RFC 9110, section 13.1.2). A proxy that compresses makes a tag weak.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

/// The file under `path`, with or without the leading slash, if the build made one.
fn asset(path: &str, accept_encoding: Option<&str>) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    let content_type = content_type(path)?;
    let packed = accepts("br", accept_encoding.unwrap_or_default()).then(|| Dist::get(&format!("{path}.br"))).flatten();
    let (file, content_encoding) = match packed {
        Some(file) => (file, Some("br")),
        None => (Dist::get(path)?, None),
    };
    let digest: String = file.metadata.sha256_hash().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Some(Asset { body: file.data, content_type, content_encoding, etag: format!("\"{digest}\"") })
}

/// What the shell names, from Vite's manifest.
#[must_use]
pub(crate) fn entry() -> &'static Entry {
    static ENTRY: LazyLock<Entry> = LazyLock::new(|| {
        let manifest = Dist::get(".vite/manifest.json").expect("build.rs refuses a page without a manifest");
        let text = |path: &str| String::from_utf8(Dist::get(path)?.data.into_owned()).ok();
        read_manifest(&manifest.data, text).expect("the manifest was written by the same build as this binary")
    });
    &ENTRY
}

#[derive(Deserialize)]
struct Chunk {
    file: String,
    #[serde(default)]
    imports: Vec<String>,
    #[serde(default, rename = "dynamicImports")]
    dynamic_imports: Vec<String>,
}

/// `text` reads a file of the build.
fn read_manifest(json: &[u8], text: impl Fn(&str) -> Option<String>) -> Option<Entry> {
    let manifest: BTreeMap<String, Chunk> = serde_json::from_slice(json).ok()?;
    let main = manifest.get("src/main.ts")?;
    let address = |file: &String| format!("/{file}");
    let files =
        |keys: &[String]| keys.iter().filter_map(|key| manifest.get(key)).map(|chunk| address(&chunk.file)).collect();
    let player: Vec<String> = main.dynamic_imports.iter().filter(|key| is_player(key)).cloned().collect();
    Some(Entry {
        script: address(&main.file),
        style: text(&manifest.get("src/styles/shell.css")?.file)?,
        preloads: files(&main.imports),
        player_preloads: files(&player),
        mark: address(&manifest.get("src/mark.svg")?.file),
    })
}

/// Whether a module of the manifest is what plays.
fn is_player(key: &str) -> bool {
    key.contains("hls.js")
}

/// Only kinds the page is made of are served: the manifest and the `.br` twins are not addresses.
fn content_type(path: &str) -> Option<&'static str> {
    if !path.starts_with("assets/") {
        return None;
    }
    match path.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "json" => Some("application/json"),
        "png" => Some("image/png"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

/// Whether an `Accept-Encoding` admits `coding` (RFC 9110, section 12.5.3): named, or by `*`, with a weight above zero.
pub(super) fn accepts(coding: &str, header: &str) -> bool {
    let weight_of = |coding: &str| {
        header.split(',').find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            is_it.then(|| weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(0.0)))
        })
    };
    weight_of(coding).or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_coding_is_used_only_for_those_who_take_it() {
        let cases = [
            ("gzip, deflate, br, zstd", true),
            ("BR", true),
            ("br;q=0.1", true),
            ("*", true),
            ("", false),
            ("gzip", false),
            ("br;q=0", false),
            ("br; q=0.000, *", false),
            ("identity;q=1, *;q=0", false),
            ("brotli", false),
        ];
        for (header, expected) in cases {
            assert_eq!(accepts("br", header), expected, "{header}");
        }
    }

    #[test]
    fn the_manifest_names_what_the_shell_needs() {
        let manifest = br#"{
            "src/main.ts": { "file": "assets/main-1.js", "isEntry": true, "imports": ["_shared.js"],
                             "dynamicImports": ["node_modules/hls.js/hls.mjs", "src/chat/Chat.svelte"] },
            "src/chat/Chat.svelte": { "file": "assets/Chat-1.js" },
            "_shared.js": { "file": "assets/shared-1.js" },
            "node_modules/hls.js/hls.mjs": { "file": "assets/hls-1.js" },
            "src/mark.svg": { "file": "assets/mark-1.svg" },
            "src/styles/shell.css": { "file": "assets/shell-1.css", "isEntry": true }
        }"#;
        let expected = Entry {
            script: "/assets/main-1.js".to_owned(),
            style: "the text of assets/shell-1.css".to_owned(),
            preloads: vec!["/assets/shared-1.js".to_owned()],
            player_preloads: vec!["/assets/hls-1.js".to_owned()],
            mark: "/assets/mark-1.svg".to_owned(),
        };
        let text = |path: &str| Some(format!("the text of {path}"));
        assert_eq!(read_manifest(manifest, text), Some(expected));
        assert_eq!(read_manifest(b"{}", text), None);
        assert_eq!(read_manifest(manifest, |_| None), None, "a page without its style");
    }

    #[test]
    fn every_file_the_shell_names_is_there_in_both_encodings() {
        let Entry { script, style, preloads, player_preloads, mark } = entry();
        assert!(style.starts_with(":root{"), "{style}");
        for path in [script, mark].into_iter().chain(preloads).chain(player_preloads) {
            let plain = asset(path, None).unwrap();
            let packed = asset(path, Some("br")).unwrap();
            assert_eq!((plain.content_encoding, packed.content_encoding), (None, Some("br")), "{path}");
            assert!(packed.body.len() < plain.body.len(), "{path}");
            assert_ne!(packed.etag, plain.etag, "{path}");
        }
    }

    #[test]
    fn a_browser_that_has_the_file_is_not_sent_it_again() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, "br".parse().unwrap());
        let first = respond(&entry().script, &headers);
        assert_eq!((first.status(), &first.headers()[CONTENT_ENCODING]), (StatusCode::OK, &"br".parse().unwrap()));
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(respond(&entry().script, &headers).status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn nothing_but_the_pages_own_files_has_an_address() {
        let twin = format!("{}.br", entry().script);
        for path in ["/", "/assets/", "/assets/../Cargo.toml", "/.vite/manifest.json", "/assets/none.js", twin.as_str()]
        {
            assert!(asset(path, Some("br")).is_none(), "{path}");
        }
    }
}

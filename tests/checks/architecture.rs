//! ARCHITECTURE.md speaks of files and types that exist.

use std::collections::BTreeSet;
use std::fs;

use crate::{root, sources};

const DOCUMENT: &str = "ARCHITECTURE.md";

#[derive(Debug, PartialEq, Eq)]
enum Claim {
    /// A path below the root of the checkout.
    Path(String),
    /// Names that each stand in some source: the parts of `hls::Window`, or `Settings` alone.
    Names(Vec<String>),
    /// Prose, a command, an address: nothing to check.
    Nothing,
}

/// What a piece of text in backticks claims.
fn claim(code: &str) -> Claim {
    let is_plain = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-/".contains(letter));
    let is_name = |text: &str| {
        text.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let is_camel = |text: &str| {
        is_name(text)
            && text.starts_with(|letter: char| letter.is_ascii_uppercase())
            && text.contains(|letter: char| letter.is_ascii_lowercase())
    };
    let code = code.trim_end_matches("()");
    if code.contains("::") {
        let parts: Vec<String> = code.split("::").map(str::to_owned).collect();
        return if parts.iter().all(|part| is_name(part)) { Claim::Names(parts) } else { Claim::Nothing };
    }
    // An absolute path is an address of the server or a place on the operator's machine.
    if code.contains('/') && is_plain(code) && !code.starts_with('/') {
        return Claim::Path(code.to_owned());
    }
    if is_camel(code) { Claim::Names(vec![code.to_owned()]) } else { Claim::Nothing }
}

/// Every piece of text between single backticks, outside fenced blocks.
fn code_spans(text: &str) -> Vec<String> {
    let mut in_fence = false;
    let mut spans = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        } else if !in_fence {
            spans.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    spans
}

/// Names and parts of names that other projects own and the document may speak of.
fn is_foreign(name: &str) -> bool {
    ["std", "core", "tokio", "serde", "axum"].contains(&name) || name.starts_with("EXT")
}

#[test]
fn every_path_and_type_it_names_exists() {
    let text = fs::read_to_string(root().join(DOCUMENT)).unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
    let mut words = BTreeSet::new();
    for file in sources(&[".rs", ".ts", ".svelte", ".nix"]) {
        let source = fs::read_to_string(&file).unwrap();
        let split = source.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        words.extend(split.map(str::to_owned));
    }
    // A module's name may be that of its file alone.
    words.extend(sources(&[".rs"]).iter().filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())));

    let mut untrue = Vec::new();
    for span in code_spans(&text) {
        match claim(&span) {
            Claim::Path(path) if !root().join(&path).exists() => untrue.push(format!("{path}: no such file or folder")),
            Claim::Names(names) => {
                let unknown = names.iter().find(|name| !words.contains(*name) && !is_foreign(name));
                untrue.extend(unknown.map(|name| format!("{span}: no source speaks of {name}")));
            }
            Claim::Path(_) | Claim::Nothing => (),
        }
    }
    assert!(untrue.is_empty(), "{DOCUMENT} is wrong about:\n{}", untrue.join("\n"));
}

#[test]
fn claims_are_told_from_prose() {
    let names = |parts: &[&str]| Claim::Names(parts.iter().map(|part| (*part).to_owned()).collect());
    let cases = [
        ("agent/core/", Claim::Path("agent/core/".to_owned())),
        ("tests/e2e/video.rs", Claim::Path("tests/e2e/video.rs".to_owned())),
        ("hls::Window", names(&["hls", "Window"])),
        ("Settings::parse()", names(&["Settings", "parse"])),
        ("AccessUnit", names(&["AccessUnit"])),
        ("/hls/stream.m3u8", Claim::Nothing),
        ("/hls/video/<rung>/stream.m3u8", Claim::Nothing),
        ("nixcast apply --wait 5", Claim::Nothing),
        ("make test", Claim::Nothing),
        ("EXT", Claim::Nothing),
        ("live", Claim::Nothing),
    ];
    for (code, expected) in cases {
        assert_eq!(claim(code), expected, "{code}");
    }
    assert_eq!(code_spans("a `b` c `d`\n```\n`e`\n```\n`f`"), ["b", "d", "f"]);
}

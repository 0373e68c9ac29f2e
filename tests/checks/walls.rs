//! A crate is a wall: what each may not use, and where `unsafe` may stand.

use std::fs;

use crate::{metadata, root, sources};

/// Crate, and what it must not depend on directly.
const WALLS: &[(&str, &[&str])] = &[
    ("nixcast-schema", &["tokio", "axum", "ffmpeg-next", "nixcast-core"]),
    ("nixcast-core", &["tokio", "axum", "ffmpeg-next", "nixcast-media", "nixcast-engine"]),
    ("nixcast-media", &["tokio", "axum", "sqlx", "nixcast-core", "nixcast-engine"]),
    ("nixcast-engine", &["ffmpeg-next", "inotify", "nixcast-reconciler"]),
    ("nixcast-reconciler", &["ffmpeg-next", "axum", "sqlx", "nixcast-engine", "nixcast-media"]),
];

#[test]
fn no_crate_uses_what_it_is_kept_from() {
    let packages = metadata()["packages"].as_array().unwrap();
    for (name, forbidden) in WALLS {
        let package = packages.iter().find(|package| package["name"] == *name);
        let package = package.unwrap_or_else(|| panic!("{name} is not in the workspace"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let is_for_tests = dependency["kind"] == "dev";
            assert!(is_for_tests || !forbidden.contains(&used), "{name} must not use {used}");
        }
    }
}

#[test]
fn decisions_read_no_clock_and_touch_nothing() {
    let forbidden = ["std::fs", "std::net::Tcp", "std::net::Udp", "std::process", "Instant::now", "SystemTime::now"];
    for file in sources(&[".rs"]) {
        let is_test = file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs");
        if file.starts_with(root().join("agent/core/src")) && !is_test {
            let text = fs::read_to_string(&file).unwrap();
            // Tests of decisions may do as they like.
            let shipped = text.split("#[cfg(test)]").next().unwrap_or("");
            for name in forbidden {
                assert!(!shipped.contains(name), "{} uses {name}", file.display());
            }
        }
    }
}

#[test]
fn only_the_worker_contains_unsafe_code() {
    for (crate_root, may) in [
        ("schema/src/lib.rs", false),
        ("agent/core/src/lib.rs", false),
        ("agent/media/src/lib.rs", true),
        ("agent/engine/src/lib.rs", false),
        ("agent/reconciler/src/lib.rs", false),
        ("agent/cli/src/main.rs", false),
        ("tests/src/lib.rs", false),
    ] {
        let text = fs::read_to_string(root().join(crate_root)).unwrap();
        let forbids = text.contains("#![forbid(unsafe_code)]");
        assert_eq!(forbids, !may, "{crate_root} should {}forbid unsafe code", if may { "not " } else { "" });
    }
}

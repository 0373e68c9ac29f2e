//! Everything that is built in may be passed on under the project's own licence.
//!
//! A short check of our own: cargo-deny says the same, and takes longer to build than the whole of nixcast.

use std::fs;

use serde_json::Value;

use crate::{metadata, root};

/// Licences that ask for no more than notice, from the SPDX list.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    // ammonia's CSS parser, used as it is: this licence asks for the source of its own files, which crates.io has.
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    // ffmpeg-next and its sys crate.
    "WTFPL",
    "Zlib",
];

/// Licences for what is only used to build or test and never passed on: data of browser support tables, and the like.
const ALLOWED_FOR_TOOLS: &[&str] = &["BlueOak-1.0.0", "CC-BY-4.0", "Python-2.0"];

/// npm packages whose licence a lock file does not know, because they state it in the older field `licenses`, and what
/// they say there. Read in the package itself; another version has to be read again.
const STATED_ELSEWHERE: &[(&str, &str, &str)] = &[("node_modules/dom-walk", "0.1.2", "MIT")];

/// Whether an SPDX expression can be satisfied by `allowed` alone. AND binds more closely than OR (SPDX annex D.4);
/// old crates write "/" for OR.
fn is_satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let words = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut good = all_of(rest, allowed);
    while let [first, after @ ..] = *rest
        && *first == "OR"
    {
        *rest = after;
        good |= all_of(rest, allowed);
    }
    good
}

fn all_of(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut good = one(rest, allowed);
    while let [first, after @ ..] = *rest
        && *first == "AND"
    {
        *rest = after;
        good &= one(rest, allowed);
    }
    good
}

fn one(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let good = any_of(rest, allowed);
            match *rest {
                [")", after @ ..] => {
                    *rest = after;
                    good
                }
                _ => false,
            }
        }
        [licence, "WITH", exception, after @ ..] => {
            *rest = after;
            allowed(&format!("{licence} WITH {exception}"))
        }
        [licence, after @ ..] => {
            *rest = after;
            allowed(licence)
        }
        [] => false,
    }
}

#[test]
fn every_crate_may_be_passed_on() {
    let packages = metadata()["packages"].as_array().unwrap();
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| {
            let expression = package["license"].as_str().unwrap_or("");
            !is_satisfied(expression, &|licence| ALLOWED.contains(&licence))
        })
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(packages.len() > 50, "cargo metadata lists all dependencies");
    assert!(refused.is_empty(), "not on the list of licences:\n{}", refused.join("\n"));
}

#[test]
fn every_npm_package_may_be_used_and_those_in_the_page_passed_on() {
    let mut refused = Vec::new();
    for lock in ["agent/web/package-lock.json", "tests/browser/package-lock.json", "tests/bench/peer/package-lock.json"]
    {
        let text = fs::read_to_string(root().join(lock)).unwrap_or_else(|error| panic!("{lock}: {error}"));
        let lock_file: Value = serde_json::from_str(&text).unwrap();
        for (path, package) in lock_file["packages"].as_object().unwrap() {
            // Nothing below tests/ reaches a viewer.
            let is_tool = lock.starts_with("tests/") || package["dev"] == true || package["devOptional"] == true;
            let elsewhere =
                STATED_ELSEWHERE.iter().find(|(name, version, _)| name == path && package["version"] == *version);
            let expression = package["license"].as_str().or(elsewhere.map(|found| found.2)).unwrap_or("");
            let allowed =
                |licence: &str| ALLOWED.contains(&licence) || (is_tool && ALLOWED_FOR_TOOLS.contains(&licence));
            // The entry without a path is the package itself.
            if !path.is_empty() && !is_satisfied(expression, &allowed) {
                refused.push(format!("{lock}: {path}: {expression:?}"));
            }
        }
    }
    assert!(refused.is_empty(), "not on the list of licences:\n{}", refused.join("\n"));
}

#[test]
fn expressions_are_read_as_spdx_defines_them() {
    let mit_and_isc = |licence: &str| ["MIT", "ISC"].contains(&licence);
    let cases = [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT AND ISC", true),
        ("(MIT OR GPL-3.0-only) AND ISC", true),
        ("(MIT OR ISC) AND GPL-3.0-only", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("(MIT", false),
        ("", false),
    ];
    for (expression, expected) in cases {
        assert_eq!(is_satisfied(expression, &mit_and_isc), expected, "{expression}");
    }
}

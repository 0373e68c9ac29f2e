//! What an operator is told about a document that cannot be applied. The golden texts are read in review like prose.
//! `NIXCAST_BLESS=1 cargo test -p nixcast-schema` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use nixcast_schema::{MAX_DOCUMENT_BYTES, Settings};
use serde_json::{Value, json};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/documents").join(name)
}

fn golden(name: &str, told: &str) {
    let path = file(name);
    if std::env::var_os("NIXCAST_BLESS").is_some() {
        fs::write(&path, format!("{told}\n")).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(expected.trim_end(), told, "{name} differs");
}

fn told(text: &str) -> String {
    Settings::parse(text).expect_err("the document has problems").to_string()
}

/// The default document with some values replaced.
fn changed(changes: &[(&str, Value)]) -> String {
    let mut document = serde_json::to_value(Settings::default()).unwrap();
    for (pointer, value) in changes {
        *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is not in the document")) = value.clone();
    }
    document.to_string()
}

fn check(changes: &[(&str, Value)], expected: &[&str]) {
    let problems = match Settings::parse(&changed(changes)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| format!("{}: {}", problem.option, problem.message)).collect(),
    };
    assert_eq!(problems, expected);
}

#[test]
fn twenty_mistakes_are_twenty_problems() {
    let text = fs::read_to_string(file("twenty-mistakes.json")).unwrap();
    let problems = Settings::parse(&text).unwrap_err();
    golden("twenty-mistakes.txt", &problems.to_string());
    assert_eq!(problems.iter().count(), 20);
    assert!(!problems.to_string().contains("hunter2"), "a key given in place of its file must not be repeated");
}

#[test]
fn a_text_that_is_no_document_is_one_problem() {
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let large = " ".repeat(MAX_DOCUMENT_BYTES + 1);
    let cases = [
        "",
        "{\n  \"http\": {,}\n}",
        "{\"http\": 1, \"http\": 2}",
        "{} {}",
        "[]",
        "null",
        &deep,
        &large,
        "{\"apiVersion\": \"nixcast/v2\", \"everything\": \"is different\"}",
    ];
    let lines: Vec<String> = cases.iter().map(|text| told(text)).collect();
    assert!(lines.iter().all(|line| line.lines().count() == 1), "{lines:#?}");
    golden("no-document.txt", &lines.join("\n"));
}

#[test]
fn an_empty_object_misses_every_section() {
    golden("empty-object.txt", &told("{}"));
}

#[test]
fn listeners_may_share_a_port_only_on_addresses_that_do_not_overlap() {
    let clash = ["services.nixcast.rtmp.port: port 8080 is also the port of the page"];
    for (http, rtmp, expected) in [
        ("127.0.0.1", "127.0.0.1", &clash[..]),
        ("127.0.0.1", "::", &clash),
        ("0.0.0.0", "::1", &clash),
        ("::ffff:127.0.0.1", "127.0.0.1", &clash),
        ("127.0.0.1", "127.0.0.2", &[]),
    ] {
        check(&[("/rtmp/port", json!(8080)), ("/http/address", json!(http)), ("/rtmp/address", json!(rtmp))], expected);
    }
}

#[test]
fn a_listener_with_tls_has_its_files_and_a_port_of_its_own() {
    let files = [("/rtmps/certificateFile", json!("/srv/chain.pem")), ("/rtmps/keyFile", json!("/srv/key.pem"))];
    let on = ("/rtmps/enable", json!(true));
    check(&[], &[]);
    check(&[files[0].clone(), files[1].clone(), on.clone()], &[]);
    check(
        std::slice::from_ref(&on),
        &[
            "services.nixcast.rtmps.certificateFile: is null, so publishers with TLS cannot be served: there is no certificate",
            "services.nixcast.rtmps.keyFile: is null, so publishers with TLS cannot be served: there is no private key",
        ],
    );
    for (port, owner) in [(8080, "the page"), (1935, "plain RTMP")] {
        let port_of_both = ("/rtmps/port", json!(port));
        check(
            &[files[0].clone(), files[1].clone(), on.clone(), port_of_both.clone()],
            &[&format!("services.nixcast.rtmps.port: port {port} is also the port of {owner}")],
        );
        // While it is off it listens nowhere.
        check(&[port_of_both], &[]);
    }
}

#[test]
fn the_ladder_offers_something_once() {
    let rung = |name: &str, enable: bool, passthrough: bool| {
        json!({"name": name, "enable": enable, "passthrough": passthrough, "videoBitrateKbps": 1000,
               "audioBitrateKbps": 128, "preset": "fast", "order": 1})
    };
    let at = "/video/variants";
    check(
        &[(at, json!([]))],
        &["services.nixcast.video.variants: no variant is enabled, so there is nothing to watch"],
    );
    check(
        &[(at, json!([rung("a", false, true)]))],
        &["services.nixcast.video.variants: no variant is enabled, so there is nothing to watch"],
    );
    check(&[(at, json!([rung("a", true, true), rung("b", false, true), rung("c", true, false)]))], &[]);
    check(
        &[(at, json!([rung("a", true, true), rung("b", true, true)]))],
        &["services.nixcast.video.variants.b.passthrough: services.nixcast.video.variants.a already passes the same \
           picture through"],
    );
    check(
        &[(at, json!([rung("a", true, true), rung("a", true, false)]))],
        &["services.nixcast.video.variants.a: there are two entries named \"a\""],
    );
}

#[test]
fn limits_hold_on_both_sides() {
    let port = "services.nixcast.http.port";
    check(&[("/http/port", json!(1))], &[]);
    check(&[("/http/port", json!(65535))], &[]);
    check(&[("/http/port", json!(0))], &[&format!("{port}: 0 is too small")]);
    check(&[("/http/port", json!(-1))], &[&format!("{port}: -1 is too small")]);
    check(&[("/http/port", json!(u64::MAX))], &[&format!("{port}: 18446744073709551615 is too large")]);
    check(&[("/http/port", json!(80.5))], &[&format!("{port}: must be a whole number, not a fraction")]);
    check(&[("/http/port", json!(null))], &[&format!("{port}: must be a whole number, not null")]);
    check(&[("/instance/summary", json!("é".repeat(500)))], &[]);
    check(&[("/instance/summary", json!("é".repeat(501)))], &["services.nixcast.instance.summary: has 501 characters"]);
    check(&[("/instance/tags", json!(["a".repeat(41)]))], &["services.nixcast.instance.tags.[0]: has 41 characters"]);
    let many: Vec<String> = (0..25).map(|index| format!("tag {index}")).collect();
    check(&[("/instance/tags", json!(many))], &["services.nixcast.instance.tags: has 25 entries"]);
    check(&[("/instance/name", json!(" \t"))], &["services.nixcast.instance.name: is blank"]);
}

#[test]
fn a_report_has_an_end() {
    let text = changed(&[("/instance/socialHandles", json!(vec![0; 5000]))]);
    let problems = Settings::parse(&text).unwrap_err();
    assert_eq!(problems.as_slice().len(), 101);
    assert!(problems.to_string().ends_with("; mend the listed ones first"));
}

#[test]
fn webhooks_and_addresses_that_could_not_work_are_refused() {
    let webhook = |name: &str, events: Value| json!({ "name": name, "enable": true, "url": "https://a.example", "events": events, "secretFile": null });
    check(
        &[
            ("/publicUrl", json!("https://live.example/")),
            ("/http/trustedProxies", json!(["10.0.0.0/8", "proxy"])),
            (
                "/webhooks",
                json!([
                    webhook("a", json!([])),
                    webhook("A", json!(["STREAM_STARTED", "STREAM_STARTED"])),
                    webhook("b", json!(["STREAM_PAUSED"])),
                ]),
            ),
        ],
        &[
            "services.nixcast.http.trustedProxies.[1]: \"proxy\" is not a network",
            "services.nixcast.webhooks.b.events.[0]: \"STREAM_PAUSED\" is not one of the choices",
            "services.nixcast.publicUrl: is not a bare address",
            "services.nixcast.webhooks.A: differs from \"a\" only in upper and lower case",
            "services.nixcast.webhooks.a.events: is empty, so nothing is ever sent",
            "services.nixcast.webhooks.A.events.[1]: \"STREAM_STARTED\" is there twice",
        ],
    );
}

#[test]
fn names_of_the_chat_are_told_apart() {
    let ten: Vec<String> = (0..10).map(|index| format!("Guest {index}")).collect();
    check(&[("/chat/suggestedNames", json!(ten)), ("/chat/forbiddenNames", json!([]))], &[]);
    check(
        &[("/chat/suggestedNames", json!(["Anna"])), ("/chat/forbiddenNames", json!(["admin", "Admin", " ", "a\nb"]))],
        &[
            "services.nixcast.chat.forbiddenNames.[1]: \"Admin\" is already there as entry [0]",
            "services.nixcast.chat.forbiddenNames.[2]: is blank",
            "services.nixcast.chat.forbiddenNames.[3]: has a line break or another control character",
            "services.nixcast.chat.suggestedNames: has 1 name, too few to tell people apart",
        ],
    );
}

#[test]
fn access_tokens_are_told_apart_and_may_do_something() {
    let token = |name: &str, file: &str, scopes: &[&str]| json!({ "name": name, "tokenFile": file, "scopes": scopes });
    check(
        &[(
            "/integrations/accessTokens",
            json!([
                token("clock", "/run/secrets/clock", &["CAN_SEND_MESSAGES"]),
                token("Clock", "/run/secrets/other", &[]),
                token("bell", "/run/secrets/clock", &["HAS_ADMIN_ACCESS", "HAS_ADMIN_ACCESS"]),
                token("c d", "hunter2", &["EVERYTHING"]),
            ]),
        )],
        &[
            "services.nixcast.integrations.accessTokens.\"c d\".name: \"c d\" is not a usable name",
            "services.nixcast.integrations.accessTokens.\"c d\".tokenFile: is not the absolute path of a file",
            "services.nixcast.integrations.accessTokens.\"c d\".scopes.[0]: \"EVERYTHING\" is not one of the choices",
            "services.nixcast.integrations.accessTokens.Clock: differs from \"clock\" only in upper and lower case",
            "services.nixcast.integrations.accessTokens.bell.tokenFile: is the same file as that of \
             services.nixcast.integrations.accessTokens.clock",
            "services.nixcast.integrations.accessTokens.Clock.scopes: is empty, so its program may do nothing",
            "services.nixcast.integrations.accessTokens.bell.scopes.[1]: \"HAS_ADMIN_ACCESS\" is there twice",
        ],
    );
}

#[test]
fn moderators_are_told_apart() {
    let moderator = |name: &str, file: &str| json!({ "name": name, "secretFile": file });
    check(
        &[(
            "/chat/moderators",
            json!([
                moderator("anna", "/run/secrets/anna"),
                moderator("Anna", "/run/secrets/other"),
                moderator("ben", "/run/secrets/anna"),
                moderator("c d", "hunter2"),
            ]),
        )],
        &[
            "services.nixcast.chat.moderators.\"c d\".name: \"c d\" is not a usable name",
            "services.nixcast.chat.moderators.\"c d\".secretFile: is not the absolute path of a file",
            "services.nixcast.chat.moderators.Anna: differs from \"anna\" only in upper and lower case",
            "services.nixcast.chat.moderators.ben.secretFile: is the same file as that of \
             services.nixcast.chat.moderators.anna",
        ],
    );
}

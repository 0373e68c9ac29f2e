#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use nixcast_schema::{Settings, SocialHandle, StreamKey, Variant};
use serde_json::{Value, json};

use super::{diff, render};
use crate::plan::Colour;

fn key(name: &str) -> StreamKey {
    StreamKey {
        name: name.to_owned(),
        key_file: format!("/run/secrets/{name}"),
        comment: String::new(),
        enable: true,
        expires: None,
    }
}

fn handle(url: &str) -> SocialHandle {
    SocialHandle { platform: "web".to_owned(), url: url.to_owned() }
}

fn settings() -> Settings {
    let mut settings = Settings { stream_keys: vec![key("a"), key("b")], ..Settings::default() };
    settings.instance.social_handles = vec![handle("https://one.example"), handle("https://two.example")];
    settings
}

fn text(change: impl FnOnce(&mut Settings)) -> String {
    let before = settings();
    let mut after = before.clone();
    change(&mut after);
    render(&diff(&value(&before), &value(&after)), Colour::Plain)
}

fn value(settings: &Settings) -> Value {
    serde_json::to_value(settings).unwrap()
}

#[test]
fn a_document_does_not_differ_from_itself() {
    assert_eq!(text(|_| ()), "Nothing differs.\n");
}

#[test]
fn every_kind_of_difference_reads_like_a_plan() {
    let got = text(|settings| {
        settings.http.port = 8081;
        settings.reconcile.interval_seconds = 60;
        settings.instance.tags = vec!["nix".to_owned()];
        settings.instance.social_handles.remove(0);
        settings.instance.social_handles.push(handle("https://three.example"));
        // Names count, places do not: "b" is where "a" was.
        settings.stream_keys.remove(0);
        settings.video.variants.push(Variant { height: Some(720), ..Variant::named("720p") });
        "Hall B".clone_into(&mut settings.stream_keys[0].comment);
    });
    let want = r#"~ services.nixcast.http.port  8080 → 8081  (rebind)
~ services.nixcast.streamKeys.b.comment  "" → "Hall B"  (session)
~ services.nixcast.instance.tags  [] → ["nix"]  (live)
+ services.nixcast.instance.socialHandles.*  platform = "web", url = "https://three.example"  (live)
- services.nixcast.instance.socialHandles.*  platform = "web", url = "https://one.example"  (live)
+ services.nixcast.video.variants."720p"  enable = true, passthrough = false, height = 720, videoBitrateKbps = 2500, audioBitrateKbps = 128, preset = "superfast", order = 100  (segment)
~ services.nixcast.reconcile.intervalSeconds  30 → 60  (live)
- services.nixcast.streamKeys.a  keyFile = "/run/secrets/a", enable = true  (session)

2 added, 4 changed, 2 removed.
"#;
    assert_eq!(got, want);
}

#[test]
fn a_difference_deep_inside_long_texts_is_what_is_shown() {
    let long = "Back in a moment. ".repeat(20);
    let mut before = settings();
    before.instance.offline_message = format!("{long}See you at eight.");
    let mut after = before.clone();
    after.instance.offline_message = format!("{long}See you at nine.");
    let got = render(&diff(&value(&before), &value(&after)), Colour::Plain);
    assert!(got.contains("eight") && got.contains("nine"), "{got}");
    assert!(got.lines().next().unwrap().chars().count() < 250, "{got}");
}

#[test]
fn the_order_of_a_list_without_names_is_a_difference() {
    let got = text(|settings| settings.instance.social_handles.reverse());
    assert!(got.starts_with("~ services.nixcast.instance.socialHandles  [{"), "{got}");
}

#[test]
fn documents_of_other_builds_can_be_compared() {
    let before = json!({ "http": { "port": 1, "gone": true } });
    let after = json!({ "http": { "port": 1, "address": "::1" } });
    let got = render(&diff(&before, &after), Colour::Plain);
    let want = "~ services.nixcast.http.address  none → \"::1\"  (rebind)\n\
                ~ services.nixcast.http.gone  true → none  (no option of this build)\n\n2 changed.\n";
    assert_eq!(got, want);
}

#[test]
fn colour_is_only_added_around_the_same_words() {
    let mut after = settings();
    after.http.port = 8081;
    let got = render(&diff(&value(&settings()), &value(&after)), Colour::Terminal);
    assert!(got.contains("\u{1b}[33m~\u{1b}[0m"), "{got}");
}

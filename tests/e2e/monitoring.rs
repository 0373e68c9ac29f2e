//! What the operator and a monitoring system may read, and who else may not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nixcast_schema::{Network, Preset, Variant, Webhook, WebhookEvent};
use nixcast_tests::clip::Clip;
use nixcast_tests::http::{self, Reply};
use nixcast_tests::open_page::OpenPage;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{self, CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";
/// `base64` of "admin:correct horse".
const RIGHT: &str = "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==";
/// "admin:battery staple".
const ROTATED: &str = "Basic YWRtaW46YmF0dGVyeSBzdGFwbGU=";
/// "operator:battery staple".
const RENAMED: &str = "Basic b3BlcmF0b3I6YmF0dGVyeSBzdGFwbGU=";
/// "admin:wrong horse".
const WRONG: &str = "Basic YWRtaW46d3JvbmcgaG9yc2U=";

fn networks(list: &[&str]) -> Vec<Network> {
    list.iter().map(|network| Network((*network).to_owned())).collect()
}

fn get(server: &Nixcast, path: &str, headers: &[(&str, &str)]) -> Reply {
    http::get_with(server.http_port(), path, headers).unwrap()
}

/// Declares an admin with this password, or the next one in the same file.
fn put_password(folder: &Path, password: &str) -> Option<String> {
    let file = folder.join("admin.password");
    server::replace(&file, &format!("{password}\n"), 0o600);
    Some(file.to_str().unwrap().to_owned())
}

/// Every sample of a page in Prometheus' text format 0.0.4, by name and labels. Panics at whatever the format does not
/// allow: a sample before its description, a name or label that is none, a value that is no number.
#[track_caller]
fn figures(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line ends");
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let (mut described, mut types, mut samples) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a description");
            assert!(is_name(name) && !help.is_empty() && described.insert(name), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(described.contains(name) && types.insert(name, kind).is_none(), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let (name, labels) = match sample.split_once('{') {
                Some((name, labels)) => (name, labels.strip_suffix("\"}").expect("labels end")),
                None => (sample, ""),
            };
            // No value in these tests holds a comma or an escaped quote.
            for label in labels.split("\",").filter(|label| !label.is_empty()) {
                let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
                assert!(is_name(name) && !value.contains(['"', '\\']), "{line}");
            }
            assert!(types.contains_key(name), "{line} comes before its type");
            let value: f64 = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(value.is_finite() && value >= 0.0, "{line}");
            assert!(samples.insert(sample.to_owned(), value).is_none(), "{line} comes twice");
        }
    }
    samples
}

#[track_caller]
fn metrics(server: &Nixcast) -> BTreeMap<String, f64> {
    let reply = get(server, "/metrics", &[]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    figures(&reply.text())
}

/// The name of a sample without its labels.
fn metric(sample: &str) -> &str {
    sample.split('{').next().unwrap_or(sample)
}

/// Every figure that docs/monitoring.md has a row for.
fn documented() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/monitoring.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.flat_map(|row| row.split('|').next().unwrap_or("").split(", "))
        .map(|name| name.trim_matches(['`', ' ']).to_owned())
        // A table of addresses is no table of figures.
        .filter(|name| !name.starts_with('/'))
        .collect()
}

#[test]
fn figures_tell_what_the_server_does() {
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    let mut scene = Scene::with_key();
    let secret_file = scene.folder().join("hook.secret");
    server::replace(&secret_file, secret, 0o600);
    scene.settings.metrics.enable = true;
    let small = Variant { height: Some(144), preset: Preset::Ultrafast, ..Variant::named("144p") };
    scene.settings.video.variants.push(small);
    scene.settings.webhooks = vec![Webhook {
        name: "away".to_owned(),
        enable: true,
        url: format!("http://127.0.0.1:{}/token", server::free_port()),
        events: vec![WebhookEvent::StreamStarted],
        secret_file: Some(secret_file.to_str().unwrap().to_owned()),
    }];
    let mut server = scene.start();
    let before = metrics(&server);
    let build = format!("nixcast_build_info{{version=\"{}\"}}", server.observe().engine_version);
    assert_eq!(before[&build], 1.0);
    assert_eq!(before["nixcast_settings_generation"], 1.0);
    for quiet in [
        "nixcast_broadcast_live",
        "nixcast_broadcasts_total",
        "nixcast_viewers",
        "nixcast_viewers_peak",
        "nixcast_ingest_bytes_total",
        "nixcast_segments_total",
        "nixcast_parts_total",
        "nixcast_store_bytes",
        "nixcast_worker_running",
        "nixcast_worker_failures_total",
        "nixcast_worker_dropped_units_total",
        "nixcast_event_sockets",
        "nixcast_webhook_waiting{webhook=\"away\"}",
        "nixcast_webhook_messages_total{webhook=\"away\",outcome=\"delivered\"}",
    ] {
        assert_eq!(before.get(quiet), Some(&0.0), "{quiet}");
    }
    assert!(before["process_resident_memory_bytes"] > 1e6 && before["process_open_fds"] > 3.0);
    assert!(before["process_start_time_seconds"] > 1.7e9 && before["nixcast_http_connections"] >= 1.0);

    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    let facts = server.wait_live();
    let wait_for = |name: &str, is_reached: fn(f64) -> bool| {
        wait::until(name, server::LIVE_WITHIN, || {
            metrics(&server).get(name).copied().filter(|value| is_reached(*value))
        })
    };
    wait::until("a viewer to be counted", server::LIVE_WITHIN, || {
        // Looks into every playlist, as a viewer does.
        server.wait_live();
        (metrics(&server)["nixcast_viewers"] >= 1.0).then_some(())
    });
    wait_for("nixcast_webhook_waiting{webhook=\"away\"}", |waiting| waiting == 1.0);
    wait_for("nixcast_conditions", |conditions| conditions == 1.0);
    wait_for("nixcast_ingest_frames_total{media=\"audio\"}", |frames| frames > 10.0);
    wait_for("nixcast_broadcast_variants", |variants| variants == 2.0);
    wait_for("nixcast_rung_encoding_speed{rung=\"144p\"}", |speed| speed > 0.0);
    wait_for("nixcast_rung_encoded_frames_total{rung=\"144p\"}", |encoded| encoded > 30.0);
    wait_for("nixcast_source_keyframe_interval_seconds", |seconds| (1.9..2.1).contains(&seconds));
    wait_for("nixcast_source_bits_per_second{media=\"video\"}", |bits| bits > 100_000.0);
    wait_for("nixcast_rung_bits_per_second{rung=\"144p\"}", |bits| bits > 1000.0);
    let report = r#"{"ltc":2400,"mtp":5100,"ttlb":180,"sid":"a"}"#;
    assert_eq!(http::post(server.http_port(), "/api/metrics/cmcd", &[], report).unwrap().status, 200);
    let live = wait::until("every figure there is", server::LIVE_WITHIN, || {
        let live = metrics(&server);
        (live.keys().map(|sample| metric(sample).to_owned()).collect::<BTreeSet<_>>() == documented()).then_some(live)
    });
    assert_eq!(live["nixcast_broadcast_live"], 1.0);
    assert_eq!(live["nixcast_broadcasts_total"], 1.0);
    assert_eq!((live["nixcast_source_width_pixels"], live["nixcast_source_height_pixels"]), (640.0, 360.0));
    assert!((29.0..31.0).contains(&live["nixcast_source_frame_rate"]));
    assert!((0.0..5.0).contains(&live["nixcast_source_round_trip_seconds"]));
    assert_eq!((live["nixcast_players_reporting"], live["nixcast_players_troubled"]), (1.0, 0.0));
    assert_eq!(live["nixcast_player_latency_seconds{of=\"median\"}"], 2.4);
    assert_eq!(live["nixcast_player_throughput_bits_per_second{of=\"highest\"}"], 5_100_000.0);
    assert_eq!(live["nixcast_rung_published{rung=\"source\"}"], 1.0);
    assert_eq!(live["nixcast_broadcast_start_time_seconds"].to_string(), facts.started_at.to_string());
    assert_eq!(live["nixcast_publishers_total{outcome=\"admitted\"}"], 1.0);
    assert!(live["nixcast_ingest_bytes_total"] > live["nixcast_ingest_frames_total{media=\"video\"}"]);
    assert!(live["nixcast_segments_total"] >= 2.0 && live["nixcast_store_bytes"] > 1000.0);
    assert!(
        live["nixcast_http_responses_total{class=\"2xx\"}"] > before["nixcast_http_responses_total{class=\"2xx\"}"]
    );
    let text = get(&server, "/metrics", &[]).text();
    assert!(!text.contains(secret) && !text.contains("token") && !text.contains(&server.keys["main"]));

    drop(publisher);
    wait_for("nixcast_broadcast_live", |live| live == 0.0);
    server.change(|settings| settings.webhooks.clear());
    let after = metrics(&server);
    assert_eq!(after["nixcast_settings_generation"], 2.0);
    assert!(after["nixcast_settings_applies_total"] >= 2.0);
    assert!(after.keys().all(|name| !name.contains("away")), "a webhook that is gone has no figures");
    let is_of_stream = |name: &str| name.starts_with("nixcast_source_") || name.starts_with("nixcast_rung_");
    assert!(after.keys().all(|name| !is_of_stream(name)), "a publisher that is gone has no figures");
    let counters = live.iter().filter(|(name, _)| name.contains("_total") && !name.contains("away"));
    for (name, value) in counters.filter(|(name, _)| !is_of_stream(name)) {
        assert!(after[name] >= *value, "{name} went back from {value} to {}", after[name]);
    }
}

#[test]
fn figures_are_for_those_they_are_declared_for() {
    let mut server = Scene::new().start();
    assert_eq!(get(&server, "/metrics", &[]).status, 404, "nobody asked for them");
    server.change(|settings| settings.metrics.enable = true);
    assert_eq!(get(&server, "/metrics", &[]).status, 200, "the machine itself may by default");

    server.change(|settings| settings.metrics.allow_from = networks(&["10.0.0.0/8"]));
    let refused = get(&server, "/metrics", &[]);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("127.0.0.1 is not in services.nixcast.metrics.allowFrom"), "{}", refused.text());
    let pretended = [("x-forwarded-for", "10.0.0.5")];
    server.change(|settings| settings.http.trusted_proxies = Vec::new());
    assert_eq!(get(&server, "/metrics", &pretended).status, 403, "what a client says of itself is not believed");
    server.change(|settings| settings.http.trusted_proxies = networks(&["127.0.0.0/8"]));
    assert_eq!(get(&server, "/metrics", &pretended).status, 200);
    assert_eq!(get(&server, "/metrics", &[("x-forwarded-for", "203.0.113.5")]).status, 403);

    let password_file = put_password(server.folder(), PASSWORD);
    server.change(|settings| settings.admin.password_file = password_file);
    let asked = get(&server, "/metrics", &[]);
    assert_eq!((asked.status, asked.header("www-authenticate").is_some()), (401, true));
    assert_eq!(get(&server, "/metrics", &[("authorization", WRONG)]).status, 401);
    assert_eq!(get(&server, "/metrics", &[("authorization", RIGHT)]).status, 200);
    server.change(|settings| settings.metrics.enable = false);
    assert_eq!(get(&server, "/metrics", &[("authorization", RIGHT)]).status, 404);
}

fn login(server: &Nixcast, authorization: &str) -> u16 {
    get(server, "/api/admin/status", &[("authorization", authorization)]).status
}

#[test]
fn the_operator_logs_in_and_what_changes_is_in_force_at_once() {
    let mut server = Scene::with_key().start();
    let nobody = get(&server, "/api/admin/status", &[("authorization", RIGHT)]);
    assert_eq!(nobody.status, 403);
    assert!(nobody.text().contains("services.nixcast.admin.passwordFile"), "{}", nobody.text());

    let password_file = put_password(server.folder(), PASSWORD);
    server.change(|settings| settings.admin.password_file = password_file);
    let asked = get(&server, "/api/admin/status", &[]);
    assert_eq!(asked.status, 401);
    assert_eq!(asked.header("www-authenticate"), Some("Basic realm=\"nixcast\", charset=\"UTF-8\""));
    assert_eq!(login(&server, WRONG), 401);

    let _publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    let facts = server.wait_live();
    let reply = get(&server, "/api/admin/status", &[("authorization", RIGHT)]);
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")));
    let status: Value = serde_json::from_slice(&reply.body).unwrap();
    let observed = server.observe();
    assert_eq!(status["versionNumber"], observed.engine_version.as_str());
    assert_eq!(status["generation"], observed.generation);
    assert_eq!(status["listeners"]["http"], format!("127.0.0.1:{}", server.http_port()));
    assert_eq!((&status["online"], &status["broadcast"]["session"]), (&json!(true), &json!(facts.session)));
    assert_eq!(status["broadcast"]["streamKey"], "main");
    assert!(status["uptimeSeconds"].is_u64() && status["viewerCount"].is_u64());
    let text = reply.text();
    assert!(!text.contains(&server.keys["main"]) && !text.contains(PASSWORD) && !text.contains("argon2"), "{text}");

    // Rotated as a secret manager does it. What was accepted before is refused as soon as the new one is in force.
    put_password(server.folder(), "battery staple");
    wait::until("the new password to be in force", CONVERGED_WITHIN, || (login(&server, ROTATED) == 200).then_some(()));
    assert_eq!(login(&server, RIGHT), 401);
    server.change(|settings| settings.admin.user = "operator".to_owned());
    assert_eq!((login(&server, ROTATED), login(&server, RENAMED)), (401, 200));
    server.change(|settings| settings.admin.password_file = None);
    assert_eq!(login(&server, RENAMED), 403);
    for secret in [PASSWORD, "battery staple", "argon2id"] {
        assert!(!server.log().contains(secret), "{secret} stands in the log");
    }
    assert_eq!(server.broadcast().map(|broadcast| broadcast.session), Some(facts.session));
}

#[test]
fn how_playback_goes_is_what_open_pages_say() {
    let mut scene = Scene::with_key();
    scene.settings.admin.password_file = put_password(scene.folder(), PASSWORD);
    let server = scene.start();
    let health = || {
        // A viewer, for as long as somebody asks.
        http::get(server.http_port(), "/hls/video/source/stream.m3u8").ok();
        let reply = get(&server, "/api/admin/status", &[("authorization", RIGHT)]);
        let mut status: Value = serde_json::from_slice(&reply.body).unwrap();
        status["health"].take()
    };
    assert_eq!(health(), Value::Null, "there is nothing to be healthy");
    let _publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let pages = [(); 3].map(|()| OpenPage::open(server.http_port()));
    let silent = health();
    assert_eq!((&silent["healthPercentage"], &silent["representation"]), (&Value::Null, &json!(0)), "{silent}");
    assert!(silent["healthy"].is_boolean() && silent["message"].is_string(), "{silent}");

    let wait = |percentage: u64| {
        wait::until(&format!("{percentage} per cent"), CONVERGED_WITHIN, || {
            let health = health();
            (health["healthPercentage"] == percentage && health["representation"] == 100).then_some(())
        });
    };
    pages[0].say(r#"{"kind":"playback","stalls":0}"#);
    wait(100);
    pages[1].say(r#"{"kind":"playback","stalls":3}"#);
    wait(50);
    pages[2].say("nonsense");
    pages[2].say(r#"{"kind":"playback","stalls":0}"#);
    wait(66);
    assert_eq!(pages[2].shown().ended, None);
    let [_smooth, stalled, _late] = pages;
    drop(stalled);
    wait(100);
}

#[test]
fn guessing_is_slowed_down_for_the_guesser_alone() {
    let mut scene = Scene::new();
    scene.settings.http.trusted_proxies = networks(&["127.0.0.0/8"]);
    scene.settings.admin.password_file = put_password(scene.folder(), PASSWORD);
    let server = scene.start();
    let from = |address: &str, authorization: &str| {
        get(&server, "/api/admin/status", &[("x-forwarded-for", address), ("authorization", authorization)])
    };
    let refused = wait::until("a guesser to be slowed down", CONVERGED_WITHIN, || {
        let reply = from("198.51.100.1", WRONG);
        assert!([401, 429].contains(&reply.status), "{}", reply.status);
        (reply.status == 429).then_some(reply)
    });
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&seconds), "{seconds}");
    assert_eq!(from("198.51.100.2", RIGHT).status, 200, "others log in as before");
    // A guesser that has to wait does not learn that it guessed right. The wait grows with each failure, so it can be
    // made longer than this machine is slow.
    wait::until("the right password to be refused to the guesser", CONVERGED_WITHIN, || {
        from("198.51.100.1", WRONG);
        (from("198.51.100.1", RIGHT).status == 429).then_some(())
    });
}

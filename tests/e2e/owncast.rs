//! What programs made for Owncast ask for, in the shapes they read.

use std::fs;

use nixcast_schema::{Autoplay, ExternalAction, SocialHandle};
use nixcast_tests::clip::Clip;
use nixcast_tests::http::{self, Reply};
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{self, CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use serde_json::{Value, json};

/// `base64` of "admin:correct horse".
pub(crate) const RIGHT: (&str, &str) = ("authorization", "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==");
const WRONG: (&str, &str) = ("authorization", "Basic YWRtaW46d3JvbmcgaG9yc2U=");

pub(crate) fn declare_admin(scene: &mut Scene) {
    let file = scene.folder().join("admin.password");
    server::replace(&file, "correct horse\n", 0o600);
    scene.settings.admin.password_file = Some(file.to_str().unwrap().to_owned());
}

#[track_caller]
fn get(server: &Nixcast, path: &str) -> Value {
    let reply = http::get(server.http_port(), path).unwrap();
    assert_eq!(reply.status, 200, "{path}");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", reply.text()))
}

fn post(server: &Nixcast, path: &str, header: (&str, &str)) -> Reply {
    http::post(server.http_port(), path, &[header], r#"{"value":"x"}"#).unwrap()
}

/// Each setting below `/api/admin/config/` in docs/owncast-settings.md, with the option it names, if it is one.
fn documented() -> Vec<(String, Option<String>)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/owncast-settings.md");
    let text = fs::read_to_string(file).unwrap();
    let of_a_variant = text.find("Of a variant:").unwrap()..text.find("## Storage").unwrap();
    let end = text.find("## Kept elsewhere").unwrap();
    let rows = [&text[..of_a_variant.start], &text[of_a_variant.end..end]].concat();
    rows.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
            // What is no setting here is written, and tried by itself.
            if cells[1] == "runtime" {
                return None;
            }
            let setting = cells[0].trim_end_matches('`').to_owned();
            let option = cells[2].split('`').find(|code| code.starts_with("services.nixcast."));
            Some((setting, option.filter(|_| ["option", "merged"].contains(&cells[1])).map(str::to_owned)))
        })
        .collect()
}

#[test]
fn whoever_writes_a_setting_is_told_which_option_to_edit() {
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    let server = scene.start();
    let settings = documented();
    assert!(settings.len() > 50, "{settings:?}");
    for (setting, option) in settings {
        let reply = post(&server, &format!("/api/admin/config/{setting}"), RIGHT);
        assert_eq!(reply.status, 409, "{setting}: {}", reply.text());
        let told: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(told["option"], json!(option), "{setting}");
        assert_eq!(told["success"], false, "{setting}");
        assert_eq!(told["error"], if option.is_some() { "declared" } else { "notHere" }, "{setting}");
        let message = told["message"].as_str().unwrap();
        assert!(option.is_none_or(|option| message.contains(&option)) && !message.is_empty(), "{setting}: {message}");
    }
    for path in ["/api/admin/webhooks/create", "/api/admin/webhooks/delete"] {
        let told: Value = serde_json::from_slice(&post(&server, path, RIGHT).body).unwrap();
        assert_eq!(told["option"], "services.nixcast.webhooks", "{path}");
    }
    assert_eq!(post(&server, "/api/admin/config/nonsense", RIGHT).status, 404);
    // Strangers learn nothing, not even what there is.
    assert_eq!(post(&server, "/api/admin/config/name", WRONG).status, 401);
    assert_eq!(post(&server, "/api/admin/config/nonsense", WRONG).status, 401);
}

#[test]
fn a_page_made_for_owncast_draws_itself_and_follows_the_settings() {
    let mut scene = Scene::new();
    let instance = &mut scene.settings.instance;
    "Harbour".clone_into(&mut instance.name);
    "Closed.".clone_into(&mut instance.offline_message);
    "a { color: red }".clone_into(&mut instance.custom_css);
    "window.custom = 1".clone_into(&mut instance.custom_javascript);
    instance.autoplay = Autoplay::SoundOnly;
    instance.theme.accent = Some("#ff8800".to_owned());
    let handle = SocialHandle { platform: "mastodon".to_owned(), url: "https://social.example/@a".to_owned() };
    instance.social_handles = vec![handle];
    instance.external_actions = vec![ExternalAction {
        title: "Tides".to_owned(),
        url: "https://tides.example/".to_owned(),
        description: "of today".to_owned(),
        colour: Some("#00ff00".to_owned()),
        open_externally: true,
    }];
    let mut server = scene.start();
    let config = get(&server, "/api/config");
    for (field, value) in [
        ("name", json!("Harbour")),
        ("offlineMessage", json!("<p>Closed.</p>")),
        ("customStyles", json!("a { color: red }")),
        ("autoplay", json!("sound-only")),
        ("logo", json!("/logo")),
        ("appearanceVariables", json!({ "theme-color-action": "#ff8800" })),
        ("socialHandles", json!([{ "platform": "mastodon", "url": "https://social.example/@a", "icon": "" }])),
        (
            "externalActions",
            json!([{ "url": "https://tides.example/", "title": "Tides", "description": "of today", "icon": "",
                     "color": "#00ff00", "openExternally": true }]),
        ),
        ("maxSocketPayloadSize", json!(2048)),
        ("chatDisabled", json!(false)),
        ("chatSpamProtectionDisabled", json!(false)),
        ("hideViewerCount", json!(!server.settings.instance.show_viewer_count)),
    ] {
        assert_eq!(config[field], value, "{field}");
    }
    let script = http::get(server.http_port(), "/customjavascript").unwrap();
    assert_eq!((script.status, script.text().as_str()), (200, "window.custom = 1"));

    server.change(|settings| "Lighthouse".clone_into(&mut settings.instance.name));
    assert_eq!(get(&server, "/api/config")["name"], "Lighthouse");
}

#[test]
fn programs_that_wait_for_a_stream_see_it_begin_and_end() {
    let mut scene = Scene::with_key();
    scene.settings.instance.show_viewer_count = true;
    let server = scene.start();
    let before = get(&server, "/api/status");
    assert_eq!((&before["online"], &before["lastConnectTime"], &before["lastDisconnectTime"]), {
        (&json!(false), &Value::Null, &Value::Null)
    });
    assert!(before["versionNumber"].is_string() && before["serverTime"].as_str().unwrap().ends_with('Z'), "{before}");
    assert!(before.get("viewerCount").is_none(), "{before}");
    assert_eq!(get(&server, "/api/video/variants"), json!([{ "index": 0, "name": "source" }]));

    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let live = wait::until("a viewer to be counted", CONVERGED_WITHIN, || {
        http::get(server.http_port(), "/hls/video/source/stream.m3u8").ok();
        let status = get(&server, "/api/status");
        (status["viewerCount"] == 1).then_some(status)
    });
    assert_eq!(live["online"], true);
    assert!(live["lastConnectTime"].is_string() && live["lastDisconnectTime"].is_null(), "{live}");

    drop(publisher);
    server.wait_offline(CONVERGED_WITHIN);
    let after = wait::until("the end to be told", CONVERGED_WITHIN, || {
        let status = get(&server, "/api/status");
        status["lastDisconnectTime"].is_string().then_some(status)
    });
    assert_eq!((&after["online"], &after["lastConnectTime"]), (&json!(false), &live["lastConnectTime"]));
}

#[test]
fn what_is_not_here_is_empty_and_not_missing() {
    let server = Scene::new().start();
    assert_eq!(get(&server, "/api/followers"), json!({ "total": 0, "results": [] }));
    assert_eq!(get(&server, "/api/schedule"), json!([]));
    assert_eq!(get(&server, "/api/federation/servers"), json!([]));
    assert_eq!(http::get(server.http_port(), "/api/ping").unwrap().status, 200);
    assert_eq!(http::get(server.http_port(), "/api/yp").unwrap().status, 404);
    let config = get(&server, "/api/config");
    assert_eq!(config["schedule"], json!({ "enabled": false, "showCountdown": false, "chatOpenMinutesBefore": 0 }));
    assert!(config.get("streamTitle").is_none(), "{config}");
    let report = r#"{"bandwidth":1,"latency":2,"errors":0,"downloadDuration":1,"qualityVariantChanges":0}"#;
    assert_eq!(http::post(server.http_port(), "/api/metrics/playback", &[], report).unwrap().status, 200);
    for path in ["/logo/external", "/favicon.ico"] {
        assert_eq!(http::get(server.http_port(), path).unwrap().status, 307, "{path}: the built-in mark");
    }
}

/// An access token as the operator makes one.
pub(crate) fn access_token(server: &Nixcast, name: &str, scopes: &[&str]) -> String {
    let wish = json!({ "name": name, "scopes": scopes }).to_string();
    let reply = http::post(server.http_port(), "/api/admin/accesstokens/create", &[RIGHT], &wish).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let made: Value = serde_json::from_slice(&reply.body).unwrap();
    made["accessToken"].as_str().unwrap().to_owned()
}

/// Method, path and state of each row of docs/owncast-compatibility.md.
fn endpoints() -> Vec<(String, String, String)> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/owncast-compatibility.md")).unwrap();
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
            let (method, path) = cells[0].trim_end_matches('`').split_once(' ')?;
            Some((method.to_owned(), path.to_owned(), cells[1].to_owned()))
        })
        .collect()
}

#[test]
fn every_endpoint_is_what_the_table_says() {
    let mut scene = Scene::with_key();
    declare_admin(&mut scene);
    let picture = scene.folder().join("logo.svg");
    fs::write(&picture, r#"<svg xmlns="http://www.w3.org/2000/svg"/>"#).unwrap();
    scene.settings.instance.logo = Some(picture.to_str().unwrap().to_owned());
    let server = scene.start();
    let _publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let endpoints = endpoints();
    assert!(endpoints.len() > 55, "{endpoints:?}");
    let token =
        access_token(&server, "overlay", &["CAN_SEND_MESSAGES", "CAN_SEND_SYSTEM_MESSAGES", "HAS_ADMIN_ACCESS"]);
    let bearer = format!("Bearer {token}");
    for (method, path, state) in endpoints {
        let is_program = path.starts_with("/api/integrations/");
        let who = if is_program { ("authorization", bearer.as_str()) } else { RIGHT };
        let reply = match method.as_str() {
            "GET" => http::get_with(server.http_port(), &path, &[who]).unwrap(),
            "POST" if is_program => {
                http::post(server.http_port(), &path, &[who], r#"{"value":"x","body":"x"}"#).unwrap()
            }
            "POST" => post(&server, &path, who),
            other => panic!("{other} {path}"),
        };
        let expected: &[u16] = match state.as_str() {
            // Nothing that could be a report.
            "served" if path == "/api/metrics/cmcd" => &[400],
            // Without a token, and without what makes a request one for a socket.
            "served" if path == "/api/chat" => &[401],
            // No such user, no such client, no message named, and one that refuses whatever comes.
            "served" if is_program && path.contains("/moderation/") => &[404],
            "served" if is_program && method == "POST" && (path.contains("/client/") || path.ends_with("/user")) => {
                &[400]
            }
            "served" if is_program && path.ends_with("/messagevisibility") => &[400],
            "served" if path == "/api/admin/config/streamtitle" => &[200],
            "served" if path.starts_with("/api/chat/users/") || path.contains("/moderation/") => &[401],
            "served" if path == "/api/chat/messagevisibility" => &[401],
            // Nobody has banned that network.
            "served" if path.ends_with("/ipbans/remove") => &[404],
            // A value that is none of theirs; what they do with the right one is tried by itself.
            "served" if method == "POST" && path.starts_with("/api/admin/") => &[400],
            "served" if path == "/ws" => &[400, 426],
            "served" => &[200],
            "declared" => &[409],
            // As Owncast answers while it does not federate.
            "planned" if !path.starts_with("/api/") || path == "/api/v1/instance" => &[405],
            "planned" | "refused" => &[404],
            other => panic!("{path}: {other}"),
        };
        assert!(expected.contains(&reply.status), "{method} {path} is {state}, and the answer is {}", reply.status);
    }
}

#[test]
fn a_playlist_is_found_under_the_number_that_owncast_gives_its_rung() {
    let server = Scene::with_key().start();
    let ask = |index: &str| http::get(server.http_port(), &format!("/hls/{index}/stream.m3u8")).unwrap();
    assert_eq!(ask("0").status, 404, "nothing is on air");
    let _publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let reply = ask("0");
    assert_eq!((reply.status, reply.header("location")), (307, Some("/hls/video/source/stream.m3u8")));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(http::get(server.http_port(), "/hls/video/source/stream.m3u8").unwrap().status, 200);
    for index in ["1", "-1", "source", "99999999999999999999999"] {
        assert_eq!(ask(index).status, 404, "{index}");
    }
}

#[test]
fn a_bookmark_of_owncasts_admin_leads_to_ours_and_lets_nobody_in() {
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    let server = scene.start();
    for path in ["/admin/", "/admin/config/general/", "/admin/chat/users/", "/admin/stream-health"] {
        let shown = |who| http::get_with(server.http_port(), path, who).unwrap();
        let (stranger, operator) = (shown(&[]), shown(&[RIGHT]));
        assert_eq!((stranger.status, operator.status, shown(&[WRONG]).status), (401, 200, 401), "{path}");
        // Without a challenge, so that a browser shows the form to log in.
        assert!(stranger.text().contains(r#"data-view="admin""#), "{path}: {}", stranger.text());
        assert_eq!(stranger.header("www-authenticate"), None, "{path}");
    }
}

#[test]
fn what_the_operator_reads_of_what_is_not_here_is_empty() {
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    let server = scene.start();
    let (no_page, no_list) = (json!({ "total": 0, "results": [] }), json!([]));
    for (path, expected) in [
        ("followers", &no_page),
        ("followers/pending", &no_list),
        ("followers/blocked", &no_list),
        ("federation/actions", &no_page),
        ("schedule", &json!({ "series": [], "events": [] })),
    ] {
        let path = format!("/api/admin/{path}");
        let stranger = http::get(server.http_port(), &path).unwrap();
        assert_eq!(stranger.status, 401, "{path}");
        assert!(stranger.text().contains("Unauthorized"), "{path}: {}", stranger.text());
        let told = http::get_with(server.http_port(), &path, &[RIGHT]).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&told.body).unwrap(), *expected, "{path}");
    }
    for path in ["event", "event/delete", "preview"] {
        let reply = post(&server, &format!("/api/admin/schedule/{path}"), RIGHT);
        let told: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, &told["error"]), (409, &json!("notHere")), "{path}");
    }
    // Which methods there are anybody may ask, and no other site is let in by it.
    for path in ["/api/admin/status", "/api/admin/config/name", "/api/admin/chat/messages"] {
        let reply = http::options(server.http_port(), path).unwrap();
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, None), "{path}");
        assert!(reply.header("allow").is_some(), "{path}");
    }
}

#[test]
fn a_player_that_is_given_the_page_plays_the_stream() {
    let server = Scene::new().start();
    let ask = |agent: &str| http::get_with(server.http_port(), "/", &[("user-agent", agent)]).unwrap();
    for agent in ["mpv 0.35.1", "VLC/3.0.18 LibVLC/3.0.18", "AppleCoreMedia/1.0.0.21A329 (iPhone)", "SomePlayer/1"] {
        let reply = ask(agent);
        assert_eq!((reply.status, reply.header("location")), (307, Some("/hls/stream.m3u8")), "{agent}");
    }
    let browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36";
    assert_eq!(ask(browser).status, 200);
}

#[test]
fn the_operator_reads_the_settings_in_owncasts_shape_and_no_secret() {
    let mut scene = Scene::with_key();
    declare_admin(&mut scene);
    "OBS, room A".clone_into(&mut scene.settings.stream_keys[0].comment);
    let server = scene.start();
    let read = |path: &str| {
        let reply = http::get_with(server.http_port(), path, &[RIGHT]).unwrap();
        assert_eq!(reply.status, 200, "{path}");
        reply.text()
    };
    for path in ["serverconfig", "viewersOverTime", "webhooks", "prometheus"] {
        let reply = http::get_with(server.http_port(), &format!("/api/admin/{path}"), &[WRONG]).unwrap();
        assert_eq!(reply.status, 401, "{path}");
    }
    let text = read("/api/admin/serverconfig");
    assert!(!text.contains("correct horse") && !text.contains(&server.target("main").stream_key));
    let config: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["webServerPort"], server.http_port());
    assert_eq!(config["rtmpServerPort"], server.settings.rtmp.port);
    assert_eq!(config["streamKeys"], json!([{ "key": "", "comment": "OBS, room A" }]));
    assert_eq!(config["videoSettings"]["videoQualityVariants"][0]["videoPassthrough"], true);
    assert_eq!((&config["chatDisabled"], &config["chatJoinMessagesEnabled"]), (&json!(false), &json!(true)));
    assert_eq!(config["forbiddenUsernames"], json!(server.settings.chat.forbidden_names));
    assert_eq!(config["instanceDetails"]["name"], json!(server.settings.instance.name));
    for (place, expected) in [
        ("/yp/instanceUrl", json!("")),
        ("/s3/forcePathStyle", json!(false)),
        ("/federation/blockedDomains", json!([])),
        ("/notifications/discord/webhook", json!("")),
        ("/streamKeyOverridden", json!(false)),
    ] {
        assert_eq!(config.pointer(place), Some(&expected), "{place}");
    }

    let _publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    wait::until("a viewer in the figures", CONVERGED_WITHIN, || {
        http::get(server.http_port(), "/hls/video/source/stream.m3u8").ok();
        read("/api/admin/prometheus").contains("owncast_instance_active_viewer_count 1\n").then_some(())
    });
    let figures = read("/api/admin/prometheus");
    for name in ["active_chat_client_count", "total_chat_users", "current_chat_message_count", "playback_error_count"] {
        assert!(figures.contains(&format!("\nowncast_instance_{name} 0\n")), "{name} in {figures}");
    }
    let points: Value = serde_json::from_str(&read("/api/admin/viewersOverTime?windowStart=0")).unwrap();
    assert!(points[0]["time"].is_string() && points[0]["value"].is_u64(), "{points}");
    assert_eq!(read("/api/admin/viewersOverTime?windowStart=99999999999"), "[]");
}

#[test]
fn what_owncasts_admin_and_collectors_of_servers_read_has_their_shape() {
    let mut scene = Scene::with_key();
    declare_admin(&mut scene);
    let server = scene.start();
    let read = |path: &str| -> Value {
        let reply = http::get_with(server.http_port(), &format!("/api/admin/{path}"), &[RIGHT]).unwrap();
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{path}");
        serde_json::from_slice(&reply.body).unwrap()
    };
    for path in ["logs", "logs/warnings", "hardwarestats", "metrics/video"] {
        let reply = http::get(server.http_port(), &format!("/api/admin/{path}")).unwrap();
        assert_eq!(reply.status, 401, "{path}");
    }
    let logs = read("logs");
    let line = logs.as_array().unwrap().iter().find(|line| line["message"].as_str().unwrap().starts_with("listening"));
    let line = line.unwrap_or_else(|| panic!("{logs}"));
    assert!(line["time"].as_str().unwrap().ends_with('Z') && line["level"] == "info", "{line}");
    assert!(read("logs/warnings").as_array().unwrap().iter().all(|line| line["level"] != "info"));
    // Two looks are needed for CPU, and the second comes after a minute.
    let hardware = read("hardwarestats");
    let memory = &hardware["memory"][0];
    assert!(memory["time"].is_string() && memory["value"].as_u64().unwrap() <= 100, "{hardware}");
    assert!(hardware["cpu"].is_array() && hardware["disk"][0]["value"].is_u64(), "{hardware}");
    let video = read("metrics/video");
    assert!(video["segmentLength"].as_u64().unwrap() > 0 && video["availableBitrates"].is_array(), "{video}");
    for series in ["errors", "highestLatency", "medianSegmentDownloadDuration", "minPlayerBitrate"] {
        assert!(video[series].is_array(), "{series} in {video}");
    }

    assert_eq!(get(&server, "/api/socialplatforms")["mastodon"]["platform"], "Mastodon");
    let link = get(&server, "/.well-known/nodeinfo")["links"][0]["href"].as_str().unwrap().to_owned();
    assert_eq!(link, format!("http://127.0.0.1:{}/nodeinfo/2.0", server.http_port()));
    let node = get(&server, "/nodeinfo/2.0");
    assert_eq!((&node["version"], &node["software"]["name"]), (&json!("2.0"), &json!("nixcast")));

    let report = |body: &str| http::post(server.http_port(), "/api/metrics/cmcd", &[], body).unwrap().status;
    assert_eq!(report(r#"[{"v":2,"e":"t","mtp":5100,"sid":"s","sn":2}]"#), 200);
    for nothing in ["{not json", "", "{}", "[]", "[{}]", "1"] {
        assert_eq!(report(nothing), 400, "{nothing}");
    }
    let query = |query: &str| http::get(server.http_port(), &format!("/api/metrics/cmcd{query}")).unwrap().status;
    assert_eq!((query("?CMCD=e%3Dt%2Cltc%3D2900"), query(""), query("?CMCD=")), (200, 400, 400));
}

/// What the operator reads of playback.
fn playback(server: &Nixcast) -> Value {
    let reply = http::get_with(server.http_port(), "/api/admin/metrics/video", &[RIGHT]).unwrap();
    serde_json::from_slice(&reply.body).unwrap()
}

/// How often quality was changed since the start, and the newest point of each of `series`.
fn figures<const N: usize>(server: &Nixcast, series: [&str; N]) -> (u64, [Value; N]) {
    let video = playback(server);
    let points = |name: &str| video[name].as_array().unwrap_or_else(|| panic!("{name} in {video}"));
    let switches = points("qualityVariantChanges").iter().filter_map(|point| point["value"].as_u64()).sum();
    (switches, series.map(|name| points(name).last().map(|point| point["value"].clone()).unwrap_or_default()))
}

#[test]
fn what_players_say_of_playback_becomes_the_operators_figures() {
    const SERIES: [&str; 5] =
        ["errors", "lowestLatency", "medianLatency", "maximumSegmentDownloadDuration", "medianPlayerBitrate"];
    const PLAYLIST: &str = "/hls/video/source/stream.m3u8";
    let mut scene = Scene::with_key();
    declare_admin(&mut scene);
    let server = scene.start();
    let port = server.http_port();
    let _publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    assert_eq!(figures(&server, SERIES), (0, [json!(0), json!(null), json!(null), json!(null), json!(null)]));

    // One player asks for the playlist and says it in the address, with what makes the request wait beside it.
    let plain = http::get(port, PLAYLIST).unwrap();
    let address =
        format!("{PLAYLIST}?CMCD=bl%3D2100%2Cltc%3D2400%2Cmtp%3D5100%2Cot%3Dm%2Csid%3D%22one%22%2Cv%3D2&_HLS_msn=1");
    let reply = http::get(port, &address).unwrap();
    assert_eq!((reply.status, reply.header("cache-control")), (200, plain.header("cache-control")));
    // Another fetches a segment and says it in header fields; it changes quality once.
    let text = plain.text();
    let segment = text.lines().find(|line| line.ends_with(".m4s")).unwrap_or_else(|| panic!("{text}"));
    let segment = format!("/hls/video/source/{}", segment.trim_start_matches("./"));
    for bitrate in ["br=3200,ot=v", "br=800,ot=v"] {
        let fields = [("CMCD-Object", bitrate), ("CMCD-Request", "mtp=900"), ("CMCD-Session", "sid=\"two\"")];
        let reply = http::get_with(port, &segment, &fields).unwrap();
        assert_eq!((reply.status, reply.header("vary")), (200, None), "{segment}");
        assert!(reply.header("cache-control").unwrap().contains("immutable"));
    }
    // A third posts a list, and one of Owncast's older pages its numbers.
    let report = |path: &str, body: &str| http::post(port, path, &[], body).unwrap().status;
    let list = r#"[{"e":"t","ltc":4000,"mtp":2000,"sid":"three","ttlb":250,"v":2},{"bs":true,"e":"ps","sid":"three","sta":"w"}]"#;
    assert_eq!(report("/api/metrics/cmcd", list), 200);
    let numbers = r#"{"bandwidth":3000,"latency":3.0,"errors":0,"downloadDuration":0.1,"qualityVariantChanges":0}"#;
    assert_eq!(report("/api/metrics/playback", numbers), 200);
    let said = (1, [json!(1), json!(2.4), json!(3.0), json!(0.25), json!(2500)]);
    assert_eq!(figures(&server, SERIES), said);
    let prometheus = http::get_with(port, "/api/admin/prometheus", &[RIGHT]).unwrap().text();
    assert!(prometheus.contains("\nowncast_instance_playback_error_count 1\n"), "{prometheus}");

    // What no player says changes nothing, and neither does who says too much.
    for nonsense in ["ltc=-1,mtp=NaN,sid=\"one\"", "ltc=1e9,mtp=99999999999,sid=\"one\"", "((((\"", "ltc=\u{fc}"] {
        let path = format!("/api/metrics/cmcd?CMCD={}", nonsense.replace('"', "%22"));
        assert!([200, 400].contains(&http::get(port, &path).unwrap().status), "{nonsense}");
    }
    assert_eq!(report("/api/metrics/cmcd", r#"{"ltc":-5,"mtp":1e300,"ttlb":null,"sid":"one"}"#), 200);
    assert_eq!(report("/api/metrics/playback", r#"{"latency":-1e300,"bandwidth":1e300,"errors":"many"}"#), 400);
    let megabytes = format!("[{}]", "{\"ltc\":9000},".repeat(200_000));
    // The server hangs up on who goes on sending; then there may be no answer.
    assert!(http::post(port, "/api/metrics/cmcd", &[], &megabytes).map_or(413, |reply| reply.status) == 413);
    let long = format!("ltc=9000,cid=\"{}\"", "x".repeat(20_000));
    let reply = http::get_with(port, PLAYLIST, &[("CMCD-Request", &long)]).unwrap();
    assert_eq!(reply.status, 200, "the playlist comes whatever is said beside it");
    assert_eq!(figures(&server, SERIES), said);
    for round in 0..5 {
        let crowd: Vec<Value> =
            (0..100).map(|number| json!({ "sid": format!("{round}-{number}"), "mtp": 7000, "ltc": 90_000 })).collect();
        assert_eq!(report("/api/metrics/cmcd", &json!(crowd).to_string()), 200);
    }
    let video = playback(&server);
    assert!(video["representation"].as_u64().unwrap() <= 100, "{video}");
    assert_eq!(figures(&server, ["lowestLatency"]).1, [json!(2.4)], "who was there first is still counted");

    // Players in pages of other sites are let through with their fields.
    let reply = http::options(port, &segment).unwrap();
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, Some("*")));
    assert!(reply.header("access-control-allow-headers").unwrap().contains("cmcd-request"));
}

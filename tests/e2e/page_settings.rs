//! What the page says and looks like changes while people watch: seen from outside over HTTP and on the event socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nixcast_schema::{Autoplay, ExternalAction, Network};
use nixcast_tests::http::{self, Reply};
use nixcast_tests::open_page::OpenPage;
use nixcast_tests::server::Scene;
use nixcast_tests::wait;
use serde_json::{Value, json};

use crate::live::{Live, playlist_of};

/// From convergence to what an open page was told.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// A viewer leaves twelve seconds after the last playlist, and pages are told every two.
const COUNTED_WITHIN: Duration = Duration::from_secs(40);

#[track_caller]
fn wait_told(page: &OpenPage, place: &str, expected: &Value) {
    let told = page.within(TOLD_WITHIN, |shown| (shown.page.pointer(place) == Some(expected)).then_some(()));
    assert!(told.is_some(), "{place} should be {expected}, and the page shows {}", page.shown().page);
}

#[track_caller]
fn get_with(live: &Live, path: &str, headers: &[(&str, &str)]) -> Reply {
    http::get_with(live.server.http_port(), path, headers).unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

#[track_caller]
fn shell(live: &Live) -> String {
    live.server.get("/").text()
}

#[test]
fn markdown_is_html_in_the_shell_and_on_open_pages_and_nothing_in_it_runs_or_loads() {
    let mut live = Live::start(Scene::with_key());
    let page = OpenPage::open(live.server.http_port());
    assert!(!shell(&live).contains("class=\"content\""));
    let written = "# Tides\n\n- [map](https://example.org/map)\n- ![mark](/logo)\n- ![far](https://example.net/p.png)\n\n\
                   <script>alert(1)</script><p onclick=alert(1)>Text</p>";
    live.server.change(|s| {
        written.clone_into(&mut s.instance.page_content);
        "Back at **nine**".clone_into(&mut s.instance.offline_message);
    });
    wait_told(&page, "/offlineHtml", &json!("<p>Back at <strong>nine</strong></p>"));
    let told = page.shown().page["contentHtml"].as_str().unwrap().to_owned();
    for part in [
        "<h2>Tides</h2>",
        "href=\"https://example.org/map\"",
        "<img src=\"/logo\" alt=\"mark\">",
        ">far</a>",
        "<p>Text</p>",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("script") && !told.contains("onclick"), "{told}");
    assert!(shell(&live).contains(&told), "the shell says the same before any script runs");
    live.server.change(|s| s.instance.page_content.clear());
    wait_told(&page, "/contentHtml", &json!(""));
    live.finish();
}

#[test]
fn an_own_style_sheet_and_script_come_change_and_go() {
    let mut live = Live::start(Scene::with_key());
    let page = OpenPage::open(live.server.http_port());
    for (place, path, media_type) in
        [("/customCss", "/custom.css", "text/css"), ("/customJavascript", "/custom.js", "text/javascript")]
    {
        assert_eq!(live.server.get(path).status, 404);
        let mut versions = Vec::new();
        for text in ["/* one */", "/* two */"] {
            live.server.change(|s| {
                let instance = &mut s.instance;
                let declared =
                    if place == "/customCss" { &mut instance.custom_css } else { &mut instance.custom_javascript };
                text.clone_into(declared);
            });
            let address = page
                .within(TOLD_WITHIN, |shown| {
                    let address = shown.page.pointer(place)?.as_str()?.to_owned();
                    (!versions.contains(&address)).then_some(address)
                })
                .unwrap_or_else(|| panic!("{text} has an address of its own: {}", page.shown().page));
            let served = live.server.get(&address);
            assert_eq!((served.status, served.text().as_str()), (200, text), "{address}");
            assert!(served.header("content-type").unwrap().starts_with(media_type), "{served:?}");
            assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(served.header("cache-control"), Some("no-cache"));
            let known = get_with(&live, &address, &[("if-none-match", served.header("etag").unwrap())]);
            assert_eq!(known.status, 304, "{address}");
            versions.push(address);
        }
        let linked = format!("<link rel=\"stylesheet\" href=\"{}\" id=\"custom-css\">", versions[1]);
        assert_eq!(shell(&live).contains(&linked), place == "/customCss");
    }
    live.server.change(|s| {
        s.instance.custom_css.clear();
        s.instance.custom_javascript.clear();
    });
    wait_told(&page, "/customCss", &Value::Null);
    wait_told(&page, "/customJavascript", &Value::Null);
    assert_eq!((live.server.get("/custom.css").status, live.server.get("/custom.js").status), (404, 404));
    assert!(!shell(&live).contains("custom-css"));
    live.finish();
}

#[test]
fn an_action_declared_while_live_is_framed_by_a_page_that_names_its_one_origin() {
    let mut live = Live::start(Scene::with_key());
    let page = OpenPage::open(live.server.http_port());
    let policy = |path: &str| live.server.get(path).header("content-security-policy").unwrap_or_default().to_owned();
    assert!(policy("/").contains("frame-src 'self';"), "{}", policy("/"));
    assert_eq!(live.server.get("/action/0").status, 404);
    let action = |url: &str, open_externally| ExternalAction {
        title: "Seats".to_owned(),
        url: url.to_owned(),
        description: "For tonight".to_owned(),
        colour: Some("#ffe066".to_owned()),
        open_externally,
    };
    live.server.change(|s| {
        s.instance.external_actions =
            vec![action("https://example.org/map", true), action("https://seats.example.net:8443/tonight", false)];
    });
    wait_told(&page, "/externalActions/0/frame", &Value::Null);
    wait_told(&page, "/externalActions/1/url", &json!("https://seats.example.net:8443/tonight"));
    let frame = page.shown().page["externalActions"][1]["frame"].as_str().unwrap().to_owned();
    let served = live.server.get(&frame);
    assert_eq!(served.status, 200);
    assert_eq!(
        served.header("content-security-policy"),
        Some(
            "default-src 'none'; style-src 'self'; frame-src https://seats.example.net:8443; frame-ancestors 'self'; \
             base-uri 'none'; form-action 'none'"
        )
    );
    for part in [
        "src=\"https://seats.example.net:8443/tonight\"",
        "title=\"Seats\"",
        "sandbox=\"allow-scripts allow-forms allow-popups allow-same-origin\"",
        "referrerpolicy=\"no-referrer\"",
    ] {
        assert!(served.text().contains(part), "{part} in {}", served.text());
    }
    for path in ["/action/0", "/action/2", "/action/-1", "/action/x", "/action/99999999999999999999"] {
        assert_eq!(live.server.get(path).status, 404, "{path}");
    }
    assert!(shell(&live).contains(":nth-child(2) { --action: #ffe066; --action-text: #000000 }"));
    live.server.change(|s| s.instance.external_actions.clear());
    wait_told(&page, "/externalActions", &json!([]));
    assert_eq!(live.server.get("/action/1").status, 404);
    live.finish();
}

#[test]
fn machines_that_read_the_page_are_told_at_once() {
    let mut live = Live::start(Scene::with_key());
    let page = OpenPage::open(live.server.http_port());
    let robots = live.server.get("/robots.txt");
    assert!(robots.header("content-type").unwrap().starts_with("text/plain"));
    assert_eq!(
        robots.text(),
        "User-agent: *\nDisallow: /api/\nDisallow: /hls/\nDisallow: /action/\nDisallow: /embed/\n\
         Disallow: /moderate\nDisallow: /stage\nDisallow: /admin\n"
    );
    let quiet = shell(&live);
    for part in ["name=\"robots\"", "name=\"rating\"", "rel=\"canonical\"", "og:image", "twitter:image"] {
        assert!(!quiet.contains(part), "{part} in {quiet}");
    }
    live.server.change(|s| {
        s.instance.search_indexing = false;
        s.instance.nsfw = true;
        s.public_url = Some("https://live.example.org".to_owned());
        s.instance.autoplay = Autoplay::SoundOnly;
        s.instance.theme.corner_radius = Some(7);
    });
    for (place, expected) in [
        ("/searchIndexing", json!(false)),
        ("/nsfw", json!(true)),
        ("/publicUrl", json!("https://live.example.org")),
        ("/autoplay", json!("soundOnly")),
        ("/theme/cornerRadius", json!(7)),
    ] {
        wait_told(&page, place, &expected);
    }
    assert_eq!(live.server.get("/robots.txt").text(), "User-agent: *\nDisallow: /\n");
    assert!(shell(&live).contains("--theme-corner-radius: 7px;"));
    let told = shell(&live);
    for part in [
        "<meta name=\"robots\" content=\"noindex\">",
        "<meta name=\"rating\" content=\"adult\">",
        "<link rel=\"canonical\" href=\"https://live.example.org/\">",
        "<meta property=\"og:url\" content=\"https://live.example.org/\">",
        "<meta property=\"og:image\" content=\"https://live.example.org/",
        "<meta name=\"twitter:image\" content=\"https://live.example.org/",
        "<meta name=\"twitter:url\" content=\"https://live.example.org/\">",
        "<meta property=\"og:video\" content=\"https://live.example.org/hls/stream.m3u8\">",
        "<meta property=\"og:video:type\" content=\"application/x-mpegURL\">",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    live.finish();
}

/// Fetches the playlist of the only rung as somebody behind a proxy.
fn watch_as(live: &Live, client: &str) {
    let headers = [("x-forwarded-for", client), ("user-agent", "player/1")];
    assert_eq!(get_with(live, &playlist_of("source"), &headers).status, 200);
}

fn head(live: &Live, path: &str) -> String {
    let port = live.server.http_port();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "HEAD {path} HTTP/1.1\r\nhost: a\r\nuser-agent: checker\r\nconnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

fn state(live: &Live) -> Value {
    serde_json::from_slice(&live.server.get("/api/page").body).unwrap()
}

/// The harness's watcher is one viewer throughout.
#[test]
fn viewers_are_counted_by_the_address_a_trusted_proxy_names_and_by_no_other() {
    let mut live = Live::start(Scene::with_key());
    let page = OpenPage::open(live.server.http_port());
    let two_watch_until = |live: &Live, count: u64| {
        wait::until("the count of viewers that open pages are told", COUNTED_WITHIN, || {
            // Asking for the head alone is not watching.
            assert!(head(live, &playlist_of("source")).starts_with("HTTP/1.1 200"));
            watch_as(live, "198.51.100.1");
            // The first address is what the client wrote itself, the last what the proxy saw.
            watch_as(live, "203.0.113.9, 198.51.100.2");
            (page.shown().viewers == json!(count)).then_some(())
        });
        assert_eq!(state(live)["viewers"], json!(count));
        assert!(shell(live).contains(&format!("{count} viewers")), "the shell says it too");
    };
    // Loopback is trusted unless something else is declared.
    two_watch_until(&live, 3);
    live.server.change(|s| s.http.trusted_proxies = vec![Network("192.0.2.0/24".to_owned())]);
    two_watch_until(&live, 2);

    live.server.change(|s| s.instance.show_viewer_count = false);
    wait_told(&page, "/showViewerCount", &json!(false));
    let is_told = page.within(TOLD_WITHIN, |shown| shown.viewers.is_null().then_some(()));
    assert!(is_told.is_some() && state(&live)["viewers"].is_null());
    assert!(!shell(&live).contains("class=\"viewers\""));
    live.server.change(|s| s.instance.show_viewer_count = true);
    let is_told = page.within(TOLD_WITHIN, |shown| shown.viewers.is_u64().then_some(()));
    assert!(is_told.is_some(), "the count is shown again");

    let Live { server, publisher, watcher, .. } = live;
    drop(publisher);
    server.wait_offline(Duration::from_secs(20));
    let is_told = page.within(TOLD_WITHIN, |shown| shown.viewers.is_null().then_some(()));
    assert!(is_told.is_some(), "nobody watches what nobody publishes: {}", page.shown().viewers);
    drop(watcher);
}

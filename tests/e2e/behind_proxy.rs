//! A real Caddy and a real nginx in front, configured as the module declares them: everything a viewer does works
//! through them as it does without.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nixcast_schema::Network;
use nixcast_tests::clip::Clip;
use nixcast_tests::http;
use nixcast_tests::open_page::OpenPage;
use nixcast_tests::process::Process;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, LIVE_WITHIN, Nixcast, Scene, free_port};
use nixcast_tests::wait;
use nixcast_tests::watcher::LiveWatcher;

use crate::nix_run::nixpkgs;

/// What `tests/nix/behind-proxy.nix` calls the site.
const DOMAIN: &str = "live.example.org";

/// Longest a web server takes to start; Caddy makes a certificate first.
const STARTED_WITHIN: Duration = Duration::from_secs(30);

/// A web server in front of a nixcast.
struct Front {
    kind: &'static str,
    /// The site without TLS, which the module declares for nobody: for the clients of these tests.
    plain: u16,
    /// Where http is sent on to https.
    redirect: u16,
    tls: u16,
    process: Process,
}

impl Front {
    /// Serves in `folder` what is on the port `page`.
    fn caddy(folder: &Path, page: u16) -> Self {
        Self::start("caddy", folder, page, |folder, config| {
            let mut caddy = Command::new("caddy");
            caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(config);
            caddy.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
            caddy
        })
    }

    /// Serves in `folder` what is on the port `page`.
    fn nginx(folder: &Path, page: u16) -> Self {
        Self::start("nginx", folder, page, |folder, config| {
            let mut nginx = Command::new("nginx");
            // Its workers run as whoever started it, or they could not enter the folder.
            let directives = format!("pid {}/pid; user root;", folder.display());
            nginx.arg("-p").arg(folder).arg("-c").arg(config).args(["-e", "stderr", "-g", &directives]);
            nginx
        })
    }

    #[track_caller]
    fn start(kind: &'static str, folder: &Path, page: u16, command: impl Fn(&Path, &Path) -> Command) -> Self {
        let [plain, redirect, tls] = [(); 3].map(|()| free_port());
        make_certificate(folder);
        let config = folder.join("config");
        fs::write(&config, declared(kind, page, [plain, redirect, tls], folder)).unwrap();
        let process = Process::spawn(kind, &mut command(folder, &config), &folder.join("log"));
        let front = Self { kind, plain, redirect, tls, process };
        wait::until("the web server to listen", STARTED_WITHIN, || {
            assert!(front.process.is_running(), "{kind} ended:\n{}", front.process.log());
            [plain, redirect, tls].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()).then_some(())
        });
        front
    }

    /// curl with the names of the site leading here.
    fn curl(&self, words: &[&str]) -> String {
        let output = Command::new("curl")
            .args(["--silent", "--insecure", "--max-time", "20"])
            .args(["--resolve", &format!("{DOMAIN}:{}:127.0.0.1", self.tls)])
            .args(["--resolve", &format!("{DOMAIN}:{}:127.0.0.1", self.redirect)])
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "curl {words:?}: {output:?}\n{}", self.process.log());
        text(&output)
    }

    fn https(&self, path: &str) -> String {
        format!("https://{DOMAIN}:{}{path}", self.tls)
    }
}

/// The configuration file of the web server, made from the module's options by the real Nix.
#[track_caller]
fn declared(kind: &str, page: u16, [plain, redirect, tls]: [u16; 3], folder: &Path) -> String {
    let folder = folder.to_str().unwrap();
    let arguments = [
        ("nixpkgs", nixpkgs().to_str().unwrap().to_owned()),
        ("type", kind.to_owned()),
        ("page", page.to_string()),
        ("plain", plain.to_string()),
        ("redirect", redirect.to_string()),
        ("tls", tls.to_string()),
        ("certificate", format!("{folder}/certificate.pem")),
        ("key", format!("{folder}/key.pem")),
        ("folder", folder.to_owned()),
    ];
    let mut nix = Command::new("nix-instantiate");
    nix.args(["--eval", "--strict", "--json", "--store", "dummy://"]);
    nix.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/nix/behind-proxy.nix"));
    for (name, value) in &arguments {
        nix.args(["--argstr", name, value]);
    }
    let output = nix.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn make_certificate(folder: &Path) {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={DOMAIN}"), "-out"])
        .arg(folder.join("certificate.pem"))
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn everything_a_viewer_does_works_behind_caddy() {
    everything_a_viewer_does_works(Front::caddy);
}

#[test]
fn everything_a_viewer_does_works_behind_nginx() {
    everything_a_viewer_does_works(Front::nginx);
}

#[test]
fn a_large_body_does_not_come_past_caddy() {
    a_large_body_does_not_come_past(Front::caddy);
}

#[test]
fn a_large_body_does_not_come_past_nginx() {
    a_large_body_does_not_come_past(Front::nginx);
}

fn everything_a_viewer_does_works(start: impl FnOnce(&Path, u16) -> Front) {
    let mut server = Scene::with_key().start();
    let folder = tempfile::tempdir().unwrap();
    let front = start(folder.path(), server.http_port());
    let engine = server.observe().engine_pid;

    the_page_comes_as_it_is(&server, &front);
    https_is_spoken_and_http_leads_there(&front);
    events_arrive(&mut server, &front);
    the_picture_plays(&server, &front);
    the_viewer_s_own_address_counts(&mut server, &front);

    assert_eq!(server.observe().engine_pid, engine, "the engine is another process");
}

fn the_page_comes_as_it_is(server: &Nixcast, front: &Front) {
    let name = format!(">{}</h1>", server.settings.instance.name);
    wait::until("the declared page", CONVERGED_WITHIN, || server.get("/").text().contains(&name).then_some(()));
    let (direct, through) = (server.get("/"), http::get(front.plain, "/").unwrap());
    assert_eq!((through.status, through.text()), (200, direct.text()));
    for name in ["content-type", "content-security-policy", "cache-control", "x-content-type-options"] {
        assert!(direct.header(name).is_some(), "nixcast itself sends no {name}");
        assert_eq!(through.header(name), direct.header(name), "{name} behind {}", front.kind);
    }
}

fn https_is_spoken_and_http_leads_there(front: &Front) {
    let told = front.curl(&["--output", "/dev/null", "--write-out", "%{http_code} %{http_version}", &front.https("/")]);
    assert_eq!(told, "200 2", "{}", front.kind);
    let http = format!("http://{DOMAIN}:{}/hls/stream.m3u8", front.redirect);
    let told = front.curl(&["--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", &http]);
    let (status, target) = told.split_once(' ').unwrap();
    assert!(["301", "308"].contains(&status), "{told}");
    assert!(target.starts_with(&format!("https://{DOMAIN}")) && target.ends_with("/hls/stream.m3u8"), "{told}");
}

fn events_arrive(server: &mut Nixcast, front: &Front) {
    let page = OpenPage::open(front.plain);
    assert_eq!(page.shown().page["name"], server.settings.instance.name.as_str());
    server.change(|settings| "Through the proxy".clone_into(&mut settings.instance.name));
    let told = page.within(CONVERGED_WITHIN, |shown| (shown.page["name"] == "Through the proxy").then_some(()));
    assert!(told.is_some(), "behind {}, an open page shows {:?}", front.kind, page.shown());
}

fn the_picture_plays(server: &Nixcast, front: &Front) {
    let page = OpenPage::open(front.plain);
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let told = page.within(LIVE_WITHIN, |shown| shown.broadcast["playlist"].is_string().then_some(()));
    assert!(told.is_some(), "behind {}, an open page shows {:?}", front.kind, page.shown());

    let watcher = LiveWatcher::start(front.plain);
    watcher.wait_track("/hls/audio/stream.m3u8", 1);
    watcher.wait_segments(4);
    let story = watcher.finish();
    story.assert_plays();

    let track = story.rung("source");
    let segment = &track.segments.values().next_back().unwrap().uri;
    let playlist = "/hls/video/source/stream.m3u8";
    assert_eq!(http::get(front.plain, playlist).unwrap().header("cache-control"), Some("max-age=1"));
    let head = front.curl(&["--head", "--request", "GET", "--compressed", &front.https(segment)]).to_lowercase();
    assert!(head.starts_with("http/2 200"), "{head}");
    assert!(head.contains("cache-control: public, max-age=31536000, immutable"), "{head}");
    assert!(!head.contains("content-encoding"), "{head}");
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    assert!(publisher.is_running(), "{}", publisher.log());
    assert_eq!(page.shown().ended, None, "the open page was cut off");
}

/// Every address of 127.0.0.0/8 is this machine's, so a viewer can come from another one than the web server does.
fn the_viewer_s_own_address_counts(server: &mut Nixcast, front: &Front) {
    server.change(|settings| {
        settings.metrics.enable = true;
        settings.metrics.allow_from = vec![Network("127.0.0.1/32".to_owned())];
    });
    let status = |words: &[&str]| {
        let first = ["--output", "/dev/null", "--write-out", "%{http_code}"];
        front.curl(&[&first[..], words, &[&front.https("/metrics")]].concat())
    };
    assert_eq!(status(&["--interface", "127.0.0.1"]), "200", "{}", front.kind);
    for claim in ["Accept: */*", "X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: 127.0.0.1"] {
        let told = status(&["--interface", "127.0.0.2", "--header", claim]);
        assert_eq!(told, "403", "{}, with {claim}", front.kind);
    }
}

/// In place of nixcast, which answers before it has read a body that it does not want, a server that takes whatever
/// comes.
fn a_large_body_does_not_come_past(start: impl FnOnce(&Path, u16) -> Front) {
    const LIMIT: usize = 64 * 1024;
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let front = start(folder.path(), listener.local_addr().unwrap().port());
    let post = |bytes: usize| {
        let body = folder.path().join("body");
        fs::write(&body, vec![b'x'; bytes]).unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let taken = scope.spawn(|| take_everything(&listener, &is_over));
            let words = ["--output", "/dev/null", "--write-out", "%{http_code}", "--header", "Expect:"];
            let body = ["--data-binary", &format!("@{}", body.display())];
            let status = front.curl(&[&words[..], &body, &[&format!("http://127.0.0.1:{}/", front.plain)]].concat());
            is_over.store(true, Ordering::Relaxed);
            (status, taken.join().unwrap())
        })
    };
    assert_eq!(post(LIMIT), ("200".to_owned(), LIMIT), "{}", front.kind);
    let (status, taken) = post(16 * LIMIT);
    // Caddy sends on while it reads, and calls it a failed upstream when it has to stop.
    assert!(["413", "502"].contains(&status.as_str()) && taken <= LIMIT, "{}: {status}, {taken} bytes", front.kind);
}

/// Answers every request once its body is there; how many bytes of bodies came until it was over.
fn take_everything(listener: &TcpListener, is_over: &AtomicBool) -> usize {
    let mut taken = 0;
    listener.set_nonblocking(true).unwrap();
    while !is_over.load(Ordering::Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body).ok();
        taken += body.len();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok();
    }
    taken
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

//! Publishing with TLS: declared files, renewed under way, and what is said when they do not fit.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use nixcast_core::control::{Listener, ObjectId};
use nixcast_tests::certificate::{Authority, KeyKind, Pair, shown_at};
use nixcast_tests::clip::Clip;
use nixcast_tests::obs::{Mode, Obs};
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, LIVE_WITHIN, Nixcast, Scene, free_port, replace};
use nixcast_tests::{wait, watcher::LiveWatcher};
use tempfile::TempDir;

use crate::watching::skipped;

const OBJECT: &str = "services.nixcast.rtmps.certificateFile";

struct Secured {
    server: Nixcast,
    authority: Authority,
    shown: Pair,
}

fn files(server: &Nixcast) -> (PathBuf, PathBuf) {
    (server.folder().join("fullchain.pem"), server.folder().join("key.pem"))
}

impl Secured {
    fn start() -> Self {
        let authority = Authority::new();
        let shown = authority.issue(KeyKind::Pkcs8);
        let mut scene = Scene::with_key();
        scene.declare_rtmps(&shown);
        Self { server: scene.start(), authority, shown }
    }

    fn port(&self) -> u16 {
        self.server.settings.rtmps.port
    }

    fn publish(&self) -> Publisher {
        Publisher::copy_with_tls(&self.server.target("main"), self.port(), &self.authority.file(), &Clip::SMALL)
    }

    /// A folder with the one authority that is to be trusted.
    fn authorities(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(self.authority.file(), folder.path().join("authority.pem")).unwrap();
        folder
    }

    fn shown(&self) -> Result<String, String> {
        shown_at(self.port(), &self.authority.file())
    }

    #[track_caller]
    fn wait_shown(&self, serial: &str) {
        wait::until("the certificate to be shown", CONVERGED_WITHIN, || {
            (self.shown().as_deref() == Ok(serial)).then_some(())
        });
    }

    /// The reason with which the certificate is held.
    #[track_caller]
    fn wait_held(&self) -> String {
        wait::until("the certificate to be held", CONVERGED_WITHIN, || {
            let status = self.server.agent_status().ok()?;
            let objects = status["objects"].as_array()?;
            let object = objects.iter().find(|object| object["option"] == OBJECT)?;
            object["reason"].as_str().map(str::to_owned)
        })
    }
}

#[test]
fn a_publisher_with_tls_goes_live_and_a_renewal_under_way_is_felt_by_nobody() {
    let secured = Secured::start();
    let publisher = secured.publish();
    let session = secured.server.wait_live().session;
    let watcher = LiveWatcher::start(secured.server.http_port());
    watcher.wait_track("/hls/audio/stream.m3u8", 1);
    watcher.wait_segments(2);
    assert_eq!(secured.shown().unwrap(), secured.shown.serial);

    let (chain, key) = files(&secured.server);
    for kind in [KeyKind::Pkcs1, KeyKind::Sec1, KeyKind::Pkcs8] {
        let renewed = secured.authority.issue(kind);
        replace(&chain, &renewed.chain, 0o644);
        replace(&key, &renewed.key, 0o600);
        secured.wait_shown(&renewed.serial);
        watcher.wait_segments(1);
        // A line of it would be enough.
        for line in renewed.key.lines().filter(|line| !line.starts_with("-----")) {
            secured.server.assert_not_kept("the private key", line);
        }
    }
    assert!(publisher.is_running(), "{}", publisher.log());
    assert_eq!(secured.server.broadcast().unwrap().session, session);
    watcher.finish().assert_plays();
}

/// Whether OBS can be given authorities of a test's own; says so if not.
fn can_tell_obs() -> bool {
    let can = Obs::can_be_told_whom_to_trust();
    if !can {
        skipped("OBS with TLS", "no user namespace to give it authorities of its own in");
    }
    can
}

#[test]
fn obs_with_tls_goes_live_and_plays() {
    if !can_tell_obs() {
        return;
    }
    let secured = Secured::start();
    let authorities = secured.authorities();
    let key = &secured.server.keys["main"];
    let obs = Obs::start_with_tls(secured.port(), key, authorities.path(), Mode::Advanced);
    secured.server.wait_live();
    let watcher = LiveWatcher::start(secured.server.http_port());
    watcher.wait_track("/hls/audio/stream.m3u8", 1);
    watcher.wait_segments(3);
    assert!(obs.is_running(), "{}", obs.log());
    watcher.finish().assert_plays();
}

#[test]
fn obs_shows_that_it_does_not_trust_the_certificate() {
    if !can_tell_obs() {
        return;
    }
    let secured = Secured::start();
    let stranger = tempfile::tempdir().unwrap();
    std::fs::copy(Authority::new().file(), stranger.path().join("other.pem")).unwrap();
    let key = &secured.server.keys["main"];
    let obs = Obs::start_with_tls(secured.port(), key, stranger.path(), Mode::Advanced);
    let reason = "Cert verify failed: 8 (The certificate is not correctly signed by the trusted CA)";
    wait::until("the reason in OBS's log", LIVE_WITHIN, || obs.log().contains(reason).then_some(()));
    // It shows its reason in a window, and would wait for somebody to close that.
    obs.kill();
    assert_eq!(secured.server.broadcast(), None);
    secured.server.assert_no_key_is_kept();
}

#[test]
fn a_pair_renewed_by_half_is_held_and_the_one_before_stays_in_force() {
    let secured = Secured::start();
    let (chain, key) = files(&secured.server);
    let renewed = secured.authority.issue(KeyKind::Pkcs8);

    replace(&chain, &renewed.chain, 0o644);
    let reason = secured.wait_held();
    assert!(reason.contains("does not belong to the private key"), "{reason}");
    assert_eq!(secured.shown().unwrap(), secured.shown.serial);
    replace(&key, &renewed.key, 0o600);
    secured.wait_shown(&renewed.serial);
    wait::until("nothing to be held", CONVERGED_WITHIN, || secured.server.is_converged().then_some(()));

    let cases = [
        ("is away", None, "does not exist"),
        ("holds something else", Some("hunter2"), "holds no private key"),
        (
            "is locked",
            Some("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n"),
            "passphrase",
        ),
        ("is damaged", Some("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"), "cannot be used"),
    ];
    for (what, content, reason) in cases {
        match content {
            Some(content) => replace(&key, content, 0o600),
            None => std::fs::remove_file(&key).unwrap(),
        }
        wait::until(&format!("the reason why the key {what}"), CONVERGED_WITHIN, || {
            let held = secured.wait_held();
            assert!(!held.contains("hunter2"), "{held}");
            held.contains(reason).then_some(())
        });
        assert_eq!(secured.shown().unwrap(), renewed.serial, "the key {what}");
    }
    replace(&key, &renewed.key, 0o600);
    wait::until("nothing to be held", CONVERGED_WITHIN, || secured.server.is_converged().then_some(()));
}

#[test]
fn rtmps_comes_moves_and_goes_while_somebody_publishes_through_it() {
    let mut secured = Secured::start();
    let publisher = secured.publish();
    let session = secured.server.wait_live().session;
    let (old, new) = (secured.port(), free_port());
    secured.server.change(|settings| settings.rtmps.port = new);
    assert_eq!(secured.shown().unwrap(), secured.shown.serial);
    assert!(TcpStream::connect(("127.0.0.1", old)).is_err(), "the old port still listens");
    secured.server.change(|settings| settings.rtmps.enable = false);
    assert!(TcpStream::connect(("127.0.0.1", new)).is_err(), "the port of what is off still listens");
    let observed = secured.server.observe();
    assert!(observed.certificate.is_none() && !observed.listeners.contains_key(&Listener::Rtmps));
    secured.server.change(|settings| settings.rtmps.enable = true);
    assert_eq!(secured.shown().unwrap(), secured.shown.serial);
    assert!(publisher.is_running(), "{}", publisher.log());
    assert_eq!(secured.server.broadcast().unwrap().session, session);
}

#[test]
fn without_a_usable_pair_the_rest_of_the_server_runs() {
    let mut scene = Scene::with_key();
    let pair = Authority::new().issue(KeyKind::Pkcs8);
    scene.declare_rtmps(&pair);
    std::fs::remove_file(scene.folder().join("fullchain.pem")).unwrap();
    let server = scene.start_held();
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    assert!(publisher.is_running());
    let status = server.status();
    let text = status.to_string();
    for (object, reason) in
        [(ObjectId::Certificate, "fullchain.pem does not exist"), (ObjectId::Listener(Listener::Rtmps), "waits for")]
    {
        assert!(text.contains(&object.to_string()) && text.contains(reason), "{status:#}");
    }
    replace(&server.folder().join("fullchain.pem"), &pair.chain, 0o644);
    wait::until("everything declared to run", CONVERGED_WITHIN, || server.is_converged().then_some(()));
}

#[test]
fn whoever_comes_to_the_wrong_port_is_told_so_and_ends_alone() {
    let secured = Secured::start();
    let publisher = secured.publish();
    let session = secured.server.wait_live().session;

    let mut plain = TcpStream::connect(("127.0.0.1", secured.port())).unwrap();
    plain.write_all(&[&[3][..], &[0; 1536]].concat()).unwrap();
    ends(plain);
    assert!(shown_at(secured.server.settings.rtmp.port, &secured.authority.file()).is_err());
    for line in ["plain RTMP came to the port for RTMPS", "TLS came to the port for plain RTMP"] {
        wait::until(line, CONVERGED_WITHIN, || secured.server.log().contains(line).then_some(()));
    }

    // Half a handshake, nonsense after a good beginning, and a connection that says nothing.
    for bytes in [&[22, 3, 1, 2, 0, 1, 0][..], &[22, 3, 3, 0, 4, 255, 255, 255, 255], &[0; 4096], &[]] {
        let mut stream = TcpStream::connect(("127.0.0.1", secured.port())).unwrap();
        stream.write_all(bytes).unwrap();
        ends(stream);
    }
    assert_eq!(secured.shown().unwrap(), secured.shown.serial);
    assert!(publisher.is_running(), "{}", publisher.log());
    assert_eq!(secured.server.broadcast().unwrap().session, session);
}

/// Waits until the server has closed the connection.
#[track_caller]
fn ends(mut stream: TcpStream) {
    stream.set_read_timeout(Some(LIVE_WITHIN)).unwrap();
    let mut rest = [0; 4096];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return,
            Ok(_) => (),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
            Err(error) => panic!("still open after {LIVE_WITHIN:?}: {error}"),
        }
    }
}

//! The scene in which every setting is changed, and the promise that is held against each change.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nixcast_core::control::Observed;
use nixcast_schema::{
    AccessToken, Effect, ExternalAction, Moderator, Network, Preset, Scope, Settings, SocialHandle, Variant, Webhook,
    WebhookEvent,
};
use nixcast_tests::agent::Agent;
use nixcast_tests::certificate::{Authority, KeyKind};
use nixcast_tests::clip::Clip;
use nixcast_tests::connection::Connection;
use nixcast_tests::open_page::OpenPage;
use nixcast_tests::process;
use nixcast_tests::publish::{Publisher, Target};
use nixcast_tests::server::{Nixcast, Scene, free_port, replace};
use nixcast_tests::wait;
use nixcast_tests::watcher::LiveWatcher;
use serde_json::Value;

use super::receiver::Receiver;
use crate::live::source;

/// Longest from a change to what it looks like from outside, on two busy cores that encode: some segments.
pub(super) const SEEN_WITHIN: Duration = Duration::from_secs(30);

pub(super) struct Stage {
    pub(super) server: Nixcast,
    pub(super) publisher: Option<Publisher>,
    pub(super) watcher: LiveWatcher,
    pub(super) page: OpenPage,
    /// The document everything starts from and comes back to.
    pub(super) base: Value,
    /// What the settings file says now.
    pub(super) document: Value,
    /// Content of each secret file by its path.
    pub(super) secrets: BTreeMap<String, String>,
    /// Path of a picture that is not the logo yet.
    pub(super) picture: String,
    /// Path of a folder with one emoji, "wave", which is not declared yet.
    pub(super) emoji_folder: String,
    pub(super) authority: Authority,
    /// Path and serial number of two certificates of one key; the first is declared.
    pub(super) certificates: [(String, String); 2],
    /// Another file with that key.
    pub(super) other_key_file: String,
    pub(super) receivers: [Receiver; 2],
    /// Ports nobody listens on, for the page and for publishers.
    pub(super) spare_ports: [u16; 2],
    /// When the document was last written.
    pub(super) changed_at: Instant,
    engine_pid: u32,
    session: u64,
    publisher_pid: u32,
}

impl Stage {
    /// A server with something declared in every corner, live, watched, with its page open.
    pub(super) fn set() -> Self {
        let mut scene = Scene::with_key();
        scene.add_key("guest");
        scene.add_key("resting").enable = false;
        let receivers = [Receiver::open(), Receiver::open()];
        let mut secrets = BTreeMap::new();
        let mut secret = |name: &str| {
            let path = scene.folder().join(name).to_str().unwrap().to_owned();
            let value = format!("{name}-{}", "0123456789abcdef".repeat(2));
            replace(path.as_ref(), &format!("{value}\n"), 0o600);
            secrets.insert(path.clone(), value);
            path
        };
        let (password, signing) = (secret("password"), secret("signing"));
        let moderator = secret("moderator");
        secret("moderator-rotated");
        let token = secret("token");
        secret("token-rotated");
        secret("guest-rotated");
        secret("password-rotated");
        secret("signing-rotated");
        let picture = scene.folder().join("picture.svg").to_str().unwrap().to_owned();
        fs::write(&picture, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"/>").unwrap();
        let emoji_folder = scene.folder().join("emoji");
        fs::create_dir(&emoji_folder).unwrap();
        fs::copy(&picture, emoji_folder.join("wave.svg")).unwrap();
        let emoji_folder = emoji_folder.to_str().unwrap().to_owned();
        declare(&mut scene.settings, &receivers[0], password, signing);
        scene.settings.chat.moderators = vec![Moderator { name: "mate".to_owned(), secret_file: moderator }];
        scene.settings.integrations.access_tokens = vec![AccessToken {
            name: "clock".to_owned(),
            token_file: token,
            scopes: vec![Scope::CanSendMessages, Scope::CanSendSystemMessages],
        }];
        let authority = Authority::new();
        let pair = authority.issue(KeyKind::Pkcs8);
        let again = authority.issue_again();
        scene.declare_rtmps(&pair);
        let file = |name: &str, text: &str| {
            let path = scene.folder().join(name);
            replace(&path, text, 0o600);
            path.to_str().unwrap().to_owned()
        };
        let other_key_file = file("key-elsewhere.pem", &again.key);
        let declared = scene.settings.rtmps.certificate_file.clone().unwrap();
        let certificates = [(declared, pair.serial), (file("chain-again.pem", &again.chain), again.serial)];

        let server = scene.start();
        let base = serde_json::to_value(&server.settings).unwrap();
        for key in &server.settings.stream_keys {
            secrets.insert(key.key_file.clone(), server.keys[&key.name].clone());
        }
        let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
        let session = server.wait_live().session;
        let watcher = LiveWatcher::start_kept(server.http_port());
        watcher.wait_track("/hls/video/low/stream.m3u8", 1);
        watcher.wait_track("/hls/audio/stream.m3u8", 1);
        let page = OpenPage::open(server.http_port());
        Self {
            engine_pid: server.observe().engine_pid,
            publisher_pid: publisher.process.id(),
            session,
            document: base.clone(),
            base,
            watcher,
            page,
            publisher: Some(publisher),
            server,
            secrets,
            picture,
            emoji_folder,
            authority,
            certificates,
            other_key_file,
            receivers,
            spare_ports: [free_port(), free_port()],
            changed_at: Instant::now(),
        }
    }

    pub(super) fn agent(&self) -> Agent {
        Agent::at(&self.server.state_dir().join("agent.sock"))
    }

    /// Path and content of the secret file of this name.
    pub(super) fn secret(&self, name: &str) -> (String, String) {
        let found = self.secrets.iter().find(|(path, _)| path.rsplit('/').next() == Some(name));
        let (path, value) = found.unwrap_or_else(|| panic!("no secret {name}"));
        (path.clone(), value.clone())
    }

    /// What the engine runs, without what changes by itself.
    pub(super) fn observed(&self) -> Observed {
        let observed = self.server.observe();
        Observed { broadcast: None, conditions: Vec::new(), pending: Vec::new(), ..observed }
    }

    /// Whether every change the plan lists for this document has the effect that the table states for the leaf.
    pub(super) fn planned_as(&self, document: &Value, effect: Effect) -> Result<(), String> {
        let plan = self.agent().plan(&document.to_string())?;
        let changes = plan["changes"].as_array().ok_or_else(|| format!("no plan: {plan}"))?;
        let stated = serde_json::to_value(effect).map_err(|error| error.to_string())?;
        match changes.iter().find(|change| change["effect"] != stated) {
            Some(change) => Err(format!("the table says {effect:?}, the plan says {}", change["effect"])),
            None => Ok(()),
        }
    }

    /// Writes the document and has it applied, as an operator would.
    pub(super) fn apply(&mut self, document: &Value) -> Result<(), String> {
        self.server.settings = Settings::parse(&document.to_string()).map_err(|problems| problems.to_string())?;
        self.document = document.clone();
        self.changed_at = Instant::now();
        replace(&self.server.settings_file(), &document.to_string(), 0o644);
        let output = self.server.command(&["apply", "--wait", "60"]);
        if output.status.code() == Some(0) {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Err(format!("apply ended with {:?}:\n{said}", output.status.code()))
    }

    /// After a failure: back to where everything starts, if that is possible.
    pub(super) fn put_back(&mut self) {
        let base = self.base.clone();
        self.apply(&base).unwrap_or_else(|reason| panic!("the scene cannot be put back: {reason}"));
    }

    /// Same engine, same publisher connection, and nothing that a viewer or an open page would have noticed.
    pub(super) fn untouched(&self) -> Result<(), String> {
        let observed = self.server.observe();
        let publisher = self.publisher.as_ref().ok_or("nobody publishes")?;
        let checks = [
            (observed.engine_pid == self.engine_pid && process::is_alive(self.engine_pid), "the engine is another"),
            (publisher.process.id() == self.publisher_pid && publisher.is_running(), "the publisher was cut off"),
            (
                observed.broadcast.is_some_and(|broadcast| broadcast.session == self.session),
                "the publisher has another session",
            ),
        ];
        if let Some((_, reason)) = checks.iter().find(|(holds, _)| !holds) {
            return Err((*reason).to_owned());
        }
        if let Some(reason) = self.page.shown().ended {
            return Err(format!("the open page lost its connection: {reason}"));
        }
        match self.watcher.problems() {
            problems if problems.is_empty() => Ok(()),
            problems => Err(format!("a viewer would have noticed:\n{}", problems.join("\n"))),
        }
    }

    /// Publishes once with this key and returns why that was refused.
    pub(super) fn refusal(&self, key: &str) -> String {
        let target = Target { rtmp_port: self.server.settings.rtmp.port, stream_key: key.to_owned() };
        let publisher = Publisher::copy(&target, &Clip::SMALL);
        publisher.process.wait(Duration::from_secs(20));
        publisher.log()
    }

    /// Ends the watching as well: there is nothing to watch.
    pub(super) fn end_broadcast(&mut self) {
        self.watcher.wait_segments(2);
        self.untouched().unwrap();
        self.publisher = None;
        self.server.wait_offline(SEEN_WITHIN);
    }

    /// Another publisher, another watcher.
    pub(super) fn start_broadcast(&mut self) {
        let publisher = Publisher::copy(&self.server.target("main"), &Clip::SMALL);
        self.session = self.server.wait_live().session;
        self.publisher_pid = publisher.process.id();
        self.publisher = Some(publisher);
        self.watcher = LiveWatcher::start_kept(self.server.http_port());
        self.watcher.wait_track("/hls/audio/stream.m3u8", 1);
    }

    /// Lets some more segments pass, holds the promise once more, and decodes everything the last watcher saw.
    pub(super) fn finish(self) {
        self.watcher.wait_segments(2);
        self.untouched().unwrap();
        self.server.assert_no_key_is_kept();
        let log = self.server.log();
        assert!(!log.contains("panicked"), "{log}");
        self.watcher.finish().assert_decodes();
    }
}

fn declare(settings: &mut Settings, receiver: &Receiver, password: String, signing: String) {
    let text = |text: &str| text.to_owned();
    settings.admin.password_file = Some(password);
    settings.metrics.enable = true;
    settings.metrics.allow_from = vec![Network(text("127.0.0.0/8"))];
    settings.http.trusted_proxies = vec![Network(text("127.0.0.0/8"))];
    settings.instance.social_handles =
        vec![SocialHandle { platform: text("mastodon"), url: text("https://example.org/@harbour") }];
    settings.instance.external_actions = vec![ExternalAction {
        title: text("Tickets"),
        url: text("https://example.org/tickets"),
        description: text("For tonight"),
        colour: None,
        open_externally: true,
    }];
    settings.video.variants = vec![
        source(),
        Variant {
            height: Some(144),
            video_bitrate_kbps: 150,
            preset: Preset::Superfast,
            order: 2,
            ..Variant::named("low")
        },
    ];
    settings.webhooks = vec![Webhook {
        name: text("desk"),
        enable: true,
        url: receiver.url(),
        events: vec![WebhookEvent::StreamStarted, WebhookEvent::StreamStopped],
        secret_file: Some(signing),
    }];
}

/// What clients went through that connect anew for each request.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) served: u64,
    /// Nobody listened at that moment.
    pub(super) refused: u64,
    /// Connected by the kernel in the very moment in which the port closed.
    pub(super) reset: u64,
    /// Anything worse, in words.
    pub(super) broken: Vec<String>,
}

/// A stream of clients that connect anew for each request, one after the other.
pub(super) struct Newcomers {
    outcome: Arc<Mutex<Outcome>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Newcomers {
    pub(super) fn start(address: &str, port: u16) -> Self {
        let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), port);
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (outcome, stop) = (Arc::clone(&outcome), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let reply = Connection::to(address).get("/api/page");
                    let mut outcome = outcome.lock().unwrap();
                    match reply {
                        Ok(reply) if reply.status == 200 => outcome.served += 1,
                        Ok(reply) => outcome.broken.push(format!("status {}", reply.status)),
                        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => outcome.refused += 1,
                        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => outcome.reset += 1,
                        Err(error) => outcome.broken.push(error.to_string()),
                    }
                }
            }
        });
        Self { outcome, stop, thread }
    }

    /// Waits until so many more have been served.
    #[track_caller]
    pub(super) fn wait_served(&self, more: u64) {
        let goal = self.outcome.lock().unwrap().served + more;
        wait::until("newcomers to be served", SEEN_WITHIN, || {
            (self.outcome.lock().unwrap().served >= goal).then_some(())
        });
    }

    pub(super) fn finish(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.outcome.lock().unwrap().clone()
    }
}

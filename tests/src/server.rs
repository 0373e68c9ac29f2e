//! The server under test: the real binary, its settings file and its key files, on loopback ports nobody else has.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nixcast_core::control::{BroadcastFacts, BroadcastState, Observed, Request, Response};
use nixcast_schema::{Rtmps, Settings, StreamKey};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::certificate::Pair;
use crate::process::{self, Process};
use crate::publish::Target;
use crate::{http, playlist, wait};

/// Longest a settings change may take from the file to convergence, on a machine that also encodes.
pub const CONVERGED_WITHIN: Duration = Duration::from_secs(20);

/// Longest from a publisher's start to a playable broadcast: its keyframe, one segment, and a busy machine.
pub const LIVE_WITHIN: Duration = Duration::from_secs(45);

/// Settings and key files that a server will be started from.
#[derive(Debug)]
pub struct Scene {
    folder: TempDir,
    pub settings: Settings,
    /// Set for the server on top of the test's own.
    pub environment: Vec<(String, OsString)>,
    /// The words the server is started with, such as a program that takes something away from it first.
    pub place: Vec<OsString>,
    keys: BTreeMap<String, String>,
}

impl Scene {
    /// The default settings (one pass-through rung, no key) on free loopback ports, with one-second segments.
    pub fn new() -> Self {
        let mut settings = Settings::default();
        "127.0.0.1".clone_into(&mut settings.http.address);
        "127.0.0.1".clone_into(&mut settings.rtmp.address);
        settings.http.port = free_port();
        settings.rtmp.port = free_port();
        settings.video.latency_level = 0;
        settings.reconcile.interval_seconds = 5;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { folder, settings, environment: Vec::new(), place: Vec::new(), keys: BTreeMap::new() }
    }

    /// A scene with one key named "main".
    pub fn with_key() -> Self {
        let mut scene = Self::new();
        scene.add_key("main");
        scene
    }

    /// Declares a stream key with a random value in a file of its own.
    pub fn add_key(&mut self, name: &str) -> &mut StreamKey {
        let (declared, value) = declare_key(self.folder.path(), name);
        self.keys.insert(name.to_owned(), value);
        self.settings.stream_keys.push(declared);
        self.settings.stream_keys.last_mut().expect("one was just added")
    }

    /// Declares publishing with TLS on a free port, with this pair in "fullchain.pem" and "key.pem" of the folder.
    pub fn declare_rtmps(&mut self, pair: &Pair) {
        let file = |name: &str, text: &str, mode| {
            let path = self.folder.path().join(name);
            replace(&path, text, mode);
            path.to_str().map(str::to_owned)
        };
        let (chain, key) = (file("fullchain.pem", &pair.chain, 0o644), file("key.pem", &pair.key, 0o600));
        let address = "127.0.0.1".to_owned();
        self.settings.rtmps =
            Rtmps { enable: true, address, port: free_port(), certificate_file: chain, key_file: key };
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server on a settings file and waits until it has converged.
    #[track_caller]
    pub fn start(self) -> Nixcast {
        let file = self.folder.path().join("settings.json");
        write_settings(&file, &self.settings);
        self.start_with(&["--settings".as_ref(), file.as_os_str()])
    }

    /// Starts the server on a settings file of which not all can be had, and waits until the engine has been told.
    #[track_caller]
    pub fn start_held(self) -> Nixcast {
        let file = self.folder.path().join("settings.json");
        write_settings(&file, &self.settings);
        let server = self.spawn_with(&["--settings".as_ref(), file.as_os_str()]);
        wait::until("a fresh server to be told", CONVERGED_WITHIN, || {
            server.try_observe().ok().filter(|observed| observed.generation > 0)
        });
        server
    }

    /// Starts the server on a Nix file and waits until it has converged. The file has to say what `self.settings` does.
    #[track_caller]
    pub fn start_nix(self, file: &Path, nixpkgs: &Path) -> Nixcast {
        self.start_with(&["--nix".as_ref(), file.as_os_str(), "--nixpkgs".as_ref(), nixpkgs.as_os_str()])
    }

    fn start_with(self, source: &[&std::ffi::OsStr]) -> Nixcast {
        let server = self.spawn_with(source);
        wait::until("a fresh server to converge", CONVERGED_WITHIN, || {
            assert!(server.process.is_running(), "nixcast ended:\n{}", process::tail(&server.log(), 30));
            server.is_converged().then_some(())
        });
        server
    }

    fn spawn_with(self, source: &[&std::ffi::OsStr]) -> Nixcast {
        let state = self.folder.path().join("state");
        let mut words = self.place;
        words.push(binary().into_os_string());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("run").args(source).arg("--state-dir").arg(&state).envs(self.environment);
        let process = Process::spawn("nixcast run", &mut command, &self.folder.path().join("nixcast.log"));
        Nixcast { process, settings: self.settings, keys: self.keys, folder: self.folder }
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// A running server.
#[derive(Debug)]
pub struct Nixcast {
    pub process: Process,
    /// What the settings file says now.
    pub settings: Settings,
    /// Value of each key by name.
    pub keys: BTreeMap<String, String>,
    folder: TempDir,
}

impl Nixcast {
    pub fn http_port(&self) -> u16 {
        self.settings.http.port
    }

    /// Where to publish with the key `name`.
    pub fn target(&self, name: &str) -> Target {
        self.target_with(&self.keys[name])
    }

    /// Where to publish with any text as the key.
    pub fn target_with(&self, stream_key: &str) -> Target {
        Target { rtmp_port: self.settings.rtmp.port, stream_key: stream_key.to_owned() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn settings_file(&self) -> PathBuf {
        self.folder.path().join("settings.json")
    }

    pub fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Everything engine, agent and worker have logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Writes changed settings and returns at once: what happens next is the agent's affair.
    pub fn write(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        write_settings(&self.settings_file(), &self.settings);
    }

    /// Writes changed settings and waits until they run.
    #[track_caller]
    pub fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        let before = self.observe().generation;
        self.write(change);
        self.wait_converged_after(before);
    }

    /// Waits until a generation later than `before` runs and nothing is left to do.
    #[track_caller]
    pub fn wait_converged_after(&self, before: u64) {
        wait::until("the changed settings to converge", CONVERGED_WITHIN, || {
            (self.observe().generation > before && self.is_converged()).then_some(())
        });
    }

    /// Declares one more key, without writing the settings.
    pub fn declare_key(&mut self, name: &str) -> StreamKey {
        let (declared, value) = declare_key(self.folder.path(), name);
        self.keys.insert(name.to_owned(), value);
        declared
    }

    /// Puts a new value into the key file of `name`, the way a secret manager does: a new file in place of the old.
    pub fn rotate_key(&mut self, name: &str) {
        let (_, value) = declare_key(self.folder.path(), name);
        self.keys.insert(name.to_owned(), value);
    }

    /// What the engine runs, straight from its control socket.
    #[track_caller]
    pub fn observe(&self) -> Observed {
        match self.try_observe() {
            Ok(observed) => observed,
            Err(reason) => panic!("the engine cannot be observed: {reason}"),
        }
    }

    pub fn try_observe(&self) -> Result<Observed, String> {
        let request = serde_json::to_string(&Request::Observe).expect("a request is plain data");
        let answer = ask(&self.state_dir().join("engine.sock"), &request)?;
        match serde_json::from_str(&answer) {
            Ok(Response::Observed(observed)) => Ok(*observed),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(format!("{error}: {answer}")),
        }
    }

    /// The live broadcast, if there is one.
    #[track_caller]
    pub fn broadcast(&self) -> Option<BroadcastFacts> {
        self.observe().broadcast
    }

    /// Waits until the broadcast has a publisher and can be played, and returns its facts.
    #[track_caller]
    pub fn wait_live(&self) -> BroadcastFacts {
        wait::until("a playable broadcast", LIVE_WITHIN, || {
            let playlist = playlist::multivariant(self.http_port())?;
            let all_there =
                playlist::media_paths(&playlist).iter().all(|path| playlist::media(self.http_port(), path).is_ok());
            if all_there { self.broadcast().filter(|facts| facts.state == BroadcastState::Live) } else { None }
        })
    }

    /// Waits until the broadcast waits for its publisher, and returns its facts.
    #[track_caller]
    pub fn wait_reconnecting(&self) -> BroadcastFacts {
        wait::until("a broadcast that waits for its publisher", LIVE_WITHIN, || {
            self.broadcast().filter(|facts| facts.state == BroadcastState::Reconnecting)
        })
    }

    /// Waits until nobody is live.
    #[track_caller]
    pub fn wait_offline(&self, limit: Duration) {
        wait::until("the end of the broadcast", limit, || self.broadcast().is_none().then_some(()));
    }

    /// Whether `nixcast status` says that everything declared runs.
    pub fn is_converged(&self) -> bool {
        self.command(&["status", "--json"]).status.code() == Some(0)
    }

    /// The agent's status, straight from its socket: cheap enough to ask hundreds of times a second.
    pub fn agent_status(&self) -> Result<Value, String> {
        let answer = ask(&self.state_dir().join("agent.sock"), r#"{"request":"status"}"#)?;
        serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))
    }

    /// What `nixcast status --json` prints.
    #[track_caller]
    pub fn status(&self) -> Value {
        let output = self.command(&["status", "--json"]);
        match serde_json::from_slice(&output.stdout) {
            Ok(status) => status,
            Err(error) => panic!("status is no JSON: {error}\n{output:?}"),
        }
    }

    /// Generation and digest of the document the agent has accepted.
    #[track_caller]
    pub fn accepted(&self) -> (u64, String) {
        let status = self.status();
        let accepted = &status["accepted"];
        match (accepted["generation"].as_u64(), accepted["digest"].as_str()) {
            (Some(generation), Some(digest)) => (generation, digest.to_owned()),
            _ => panic!("status names no accepted document: {status:#}"),
        }
    }

    /// Runs a command of the binary against this server's agent.
    pub fn command(&self, words: &[&str]) -> Output {
        Command::new(binary())
            .args(words)
            .env("NIXCAST_AGENT_SOCKET", self.state_dir().join("agent.sock"))
            .output()
            .expect("the binary can be started")
    }

    /// Pid of the process below `nixcast run` that runs the named command, if there is exactly one.
    pub fn pid_of(&self, command: &str) -> Option<u32> {
        let all = process::descendants(self.process.id());
        let mut named = all.into_iter().filter(|id| process::command_line(*id).iter().any(|word| word == command));
        named.next().filter(|_| named.next().is_none())
    }

    /// Every process of the server: `nixcast run` and all below it.
    pub fn pids(&self) -> Vec<u32> {
        let mut all = vec![self.process.id()];
        all.extend(process::descendants(self.process.id()));
        all
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> http::Reply {
        match http::get(self.http_port(), path) {
            Ok(reply) => reply,
            Err(error) => panic!("GET {path}: {error}"),
        }
    }

    /// Fails if any stream key stands in the log or in a file of the state folder.
    #[track_caller]
    pub fn assert_no_key_is_kept(&self) {
        for (name, value) in &self.keys {
            self.assert_not_kept(&format!("the value of stream key {name}"), value);
        }
    }

    /// Fails if a secret stands in the log, in the status, on a command line or in a file of the state folder.
    #[track_caller]
    pub fn assert_not_kept(&self, what: &str, secret: &str) {
        let mut texts = vec![("the log".to_owned(), self.log()), ("the status".to_owned(), self.status().to_string())];
        texts.extend(
            self.pids().into_iter().map(|id| ("a command line".to_owned(), process::command_line(id).join(" "))),
        );
        collect_texts(&self.state_dir(), &mut texts);
        for (place, text) in &texts {
            assert!(!text.contains(secret), "{what} stands in {place}");
        }
    }
}

impl Drop for Nixcast {
    fn drop(&mut self) {
        let below = process::descendants(self.process.id());
        self.process.end(Signal::TERM, Duration::from_secs(8));
        // Whatever outlived it, the next test must not meet. Pids are not reused within this moment.
        for id in below.into_iter().filter(|id| process::is_alive(*id)) {
            process::kill(id);
        }
    }
}

/// One line there, one line back, as both control sockets speak.
pub fn ask(socket: &Path, request: &str) -> Result<String, String> {
    let exchange = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(format!("{request}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer)
    };
    exchange().map_err(|error| format!("{}: {error}", socket.display()))
}

/// The binary under test: NIXCAST_BIN, or what cargo built beside the tests.
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("NIXCAST_BIN") {
        return named.into();
    }
    let own = std::env::current_exe().expect("a running program has a path");
    let built = own.ancestors().skip(1).map(|folder| folder.join("nixcast")).find(|file| file.is_file());
    built.unwrap_or_else(|| panic!("no binary to test: run `make build` and set NIXCAST_BIN=build/nixcast"))
}

/// A loopback port that nobody listens on, and that this process has not given out before.
///
/// Below the range that the kernel takes the near ends of connections from (32768 and up), so that no connection of
/// another test takes it between this look and the server's own bind.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = u16::try_from(std::process::id() % 10_000).expect("below 10000");
    for _ in 0..10_000 {
        let port = 20_000 + (spread + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 20000 and 30000");
}

/// A new file in place of the old: no reader ever sees half of it.
pub fn write_settings(file: &Path, settings: &Settings) {
    let text = serde_json::to_string_pretty(settings).expect("settings are plain data");
    replace(file, &text, 0o644);
}

/// Puts `text` in place of the file with one rename.
pub fn replace(file: &Path, text: &str, mode: u32) {
    let fresh = file.with_extension("new");
    fs::remove_file(&fresh).ok();
    let mut to = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh).expect("a file to write");
    to.write_all(text.as_bytes()).expect("a file to write");
    fs::rename(&fresh, file).expect("a file can be renamed in its own folder");
}

fn declare_key(folder: &Path, name: &str) -> (StreamKey, String) {
    let file = folder.join(format!("{name}.key"));
    let mut random = [0; 16];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").expect("a random source"), &mut random)
        .expect("a random source");
    let value: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    replace(&file, &format!("{value}\n"), 0o600);
    let declared = StreamKey {
        name: name.to_owned(),
        key_file: file.to_str().expect("temporary folders have plain names").to_owned(),
        comment: String::new(),
        enable: true,
        expires: None,
    };
    (declared, value)
}

fn collect_texts(folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_texts(&path, into);
        } else if path.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
            into.push((path.display().to_string(), text));
        }
    }
}

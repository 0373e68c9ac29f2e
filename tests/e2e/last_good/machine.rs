//! An engine and an agent as two processes of their own, each of which a test starts, ends and loses as it likes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nixcast_core::certificates::{CertificateChain, PrivateKey};
use nixcast_core::control::{Certificate, Observed, Request, Response, Step};
use nixcast_core::keys::{Salt, StreamKeySecret};
use nixcast_core::passwords;
use nixcast_core::webhooks::SigningSecret;
use nixcast_schema::Settings;
use nixcast_tests::process::{self, Process};
use nixcast_tests::server::{Scene, ask, binary, replace};
use nixcast_tests::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

/// No step takes more than milliseconds of work; the machine may be busy with anything.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// What differs between two engines that run the same settings.
const OF_THE_PROCESS: [&str; 6] = ["enginePid", "engineVersion", "generation", "pending", "broadcast", "conditions"];

pub(crate) struct Machine {
    pub(crate) scene: Scene,
    engine: Option<Process>,
    agent: Option<Process>,
    /// State of an engine that was told nothing.
    fresh: Option<Value>,
    /// Starts so far, for the names of the logs.
    starts: u32,
    /// Words before the agent's own, for the way it is started.
    pub(crate) prefix: Vec<OsString>,
}

impl Machine {
    /// Nothing runs yet; the scene's settings are written.
    pub(crate) fn new(scene: Scene) -> Self {
        let machine = Self { scene, engine: None, agent: None, fresh: None, starts: 0, prefix: Vec::new() };
        machine.write(&machine.scene.settings);
        machine
    }

    /// Engine and agent run and have converged.
    #[track_caller]
    pub(crate) fn converged(scene: Scene) -> Self {
        let mut machine = Self::new(scene);
        machine.start_engine();
        machine.start_agent(&[]);
        machine.wait_converged();
        machine
    }

    /// Lets the agent be bound by file modes, which root otherwise is not.
    pub(crate) fn obey_file_modes(&mut self) {
        if process::is_root() {
            self.prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"].map(OsString::from).into();
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scene.folder().join(name)
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.path("settings.json")
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.path("state/ledger")
    }

    pub(crate) fn write(&self, settings: &Settings) {
        self.write_text(&serde_json::to_string(settings).unwrap());
    }

    pub(crate) fn write_text(&self, text: &str) {
        replace(&self.source(), text, 0o644);
    }

    #[track_caller]
    pub(crate) fn start_engine(&mut self) {
        let mut command = Command::new(binary());
        command.arg("engine").arg("--control-socket").arg(self.path("engine.sock"));
        self.engine = Some(self.spawn("engine", &mut command));
        wait::until("the engine's control socket", SOON, || self.try_observe().ok());
        self.fresh = Some(self.state());
    }

    /// Starts the agent with more in its environment and waits until it answers or ends.
    #[track_caller]
    pub(crate) fn start_agent(&mut self, environment: &[(&str, OsString)]) {
        let mut words = self.prefix.clone();
        words.push(binary().into());
        words.extend(["agent".into(), "--settings".into(), self.source().into()]);
        words.extend(["--engine-socket".into(), self.path("engine.sock").into()]);
        words.extend(["--socket".into(), self.path("agent.sock").into()]);
        words.extend(["--state-dir".into(), self.path("state").into()]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(environment.iter().map(|(name, value)| (name, value)));
        self.agent = Some(self.spawn("agent", &mut command));
        wait::until("the agent to answer or to end", SOON, || {
            let has_looked = self.try_status().is_ok_and(|status| status["passes"].as_u64() > Some(0));
            (has_looked || !self.agent().is_running()).then_some(())
        });
    }

    #[track_caller]
    fn spawn(&mut self, name: &str, command: &mut Command) -> Process {
        self.starts += 1;
        let log = self.path(&format!("{}-{name}.log", self.starts));
        Process::spawn(name, command, &log)
    }

    pub(crate) fn agent(&self) -> &Process {
        self.agent.as_ref().expect("the agent was started")
    }

    /// Ends the agent in order.
    pub(crate) fn stop_agent(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.end(Signal::TERM, Duration::from_secs(10));
        }
    }

    /// Ends the engine as a power cut would.
    pub(crate) fn lose_engine(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.end(Signal::KILL, Duration::from_secs(10));
        }
    }

    pub(crate) fn try_observe(&self) -> Result<Observed, String> {
        match self.tell_engine(&Request::Observe)? {
            Response::Observed(observed) => Ok(*observed),
            other => Err(format!("{other:?}")),
        }
    }

    #[track_caller]
    pub(crate) fn observe(&self) -> Observed {
        self.try_observe().unwrap()
    }

    /// Does behind the agent's back what only the agent should do.
    #[track_caller]
    pub(crate) fn meddle(&self, steps: Vec<Step>) {
        let generation = self.observe().generation;
        let answer = self.tell_engine(&Request::Apply { generation, digest: String::new(), steps }).unwrap();
        assert!(matches!(answer, Response::Applied { .. }), "{answer:?}");
    }

    fn tell_engine(&self, request: &Request) -> Result<Response, String> {
        let answer = ask(&self.path("engine.sock"), &serde_json::to_string(request).unwrap())?;
        serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))
    }

    /// All that the engine runs, comparable between processes: a salted hash is replaced by the name of the file in the
    /// scene's folder whose content it is made of.
    #[track_caller]
    pub(crate) fn state(&self) -> Value {
        let mut state = serde_json::to_value(self.observe()).unwrap();
        for name in OF_THE_PROCESS {
            state.as_object_mut().unwrap().shift_remove(name);
        }
        self.name_secrets(&mut state);
        state
    }

    #[track_caller]
    fn name_secrets(&self, value: &mut Value) {
        match value {
            Value::Array(entries) => entries.iter_mut().for_each(|entry| self.name_secrets(entry)),
            Value::Object(members) if members.contains_key("chainDigest") => {
                let known: Certificate = serde_json::from_value(value.clone()).unwrap();
                let read = |name: &str| fs::read(self.scene.folder().join(name)).unwrap();
                let chain = CertificateChain::from_file_content(&read("fullchain.pem")).unwrap();
                let key = PrivateKey::from_file_content(&read("key.pem")).unwrap();
                assert!(known.is_of(&chain, &key), "the engine knows a certificate that was never declared");
                *value = json!("fullchain.pem, key.pem");
            }
            Value::Object(members) => {
                let salted = (members.get("salt").and_then(Value::as_str), members.get("hash").and_then(Value::as_str));
                if let (Some(salt), Some(hash)) = salted {
                    *value = self.file_of(|content| is_hash_of(content, salt, hash));
                } else if let Some(hash) = members.get("passwordHash").and_then(Value::as_str) {
                    let name = self.file_of(|content| passwords::verify(hash, content.trim_ascii()));
                    members.insert("passwordHash".to_owned(), name);
                } else {
                    members.values_mut().for_each(|member| self.name_secrets(member));
                }
            }
            _ => (),
        }
    }

    /// The secret file whose content passes `test`.
    #[track_caller]
    fn file_of(&self, test: impl Fn(&[u8]) -> bool) -> Value {
        let files = fs::read_dir(self.scene.folder()).unwrap().flatten();
        let mut secrets = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "key"));
        let found = secrets.find(|file| fs::read(file.path()).is_ok_and(|content| test(&content)));
        let found = found.unwrap_or_else(|| panic!("the engine knows a secret that was never declared"));
        json!(found.file_name().to_string_lossy())
    }

    /// Nothing listens and nobody may publish.
    #[track_caller]
    pub(crate) fn assert_nothing_is_open(&self) {
        let observed = self.observe();
        assert_eq!(Some(self.state()), self.fresh, "the engine was told something");
        assert!(observed.listeners.is_empty(), "listens: {:?}", observed.listeners);
        assert!(observed.stream_keys.is_empty(), "has keys: {:?}", observed.stream_keys.keys());
        let Settings { http, rtmp, .. } = &self.scene.settings;
        for port in [http.port, rtmp.port] {
            let connected = std::net::TcpStream::connect(("127.0.0.1", port));
            assert!(connected.is_err(), "port {port} takes connections");
        }
    }

    pub(crate) fn try_status(&self) -> Result<Value, String> {
        let answer = ask(&self.path("agent.sock"), r#"{"request":"status"}"#)?;
        serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))
    }

    #[track_caller]
    pub(crate) fn wait_converged(&self) {
        let mut last = Value::Null;
        let converged = wait::within(SOON, || {
            last = self.try_status().unwrap_or_default();
            (condition(&last, "Converged")["isTrue"] == true
                && last["observedGeneration"] == last["accepted"]["generation"])
                .then_some(())
        });
        assert!(converged.is_some(), "never converged: {last:#}\n{}", self.agent().log());
    }

    /// Runs a command of the binary against this agent.
    pub(crate) fn command(&self, words: &[&str]) -> Output {
        Command::new(binary())
            .args(words)
            .env("NIXCAST_AGENT_SOCKET", self.path("agent.sock"))
            .output()
            .expect("the binary can be started")
    }

    /// Runs a command that must end with `code`, and returns what it printed.
    #[track_caller]
    pub(crate) fn told(&self, code: i32, words: &[&str]) -> String {
        let output = self.command(words);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?} printed:\n{printed}\n{output:?}");
        printed
    }

    #[track_caller]
    pub(crate) fn json(&self, code: i32, words: &[&str]) -> Value {
        let printed = self.told(code, &[words, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{words:?}: {error}: {printed}"))
    }

    /// What `nixcast history` says: one word for each event, oldest first.
    #[track_caller]
    pub(crate) fn story(&self) -> Vec<String> {
        let events = self.json(0, &["history"]);
        let told = |event: &Value| match event["event"].as_str().unwrap() {
            "accepted" => format!("{} {}", event["generation"], event["outcome"]["state"].as_str().unwrap()),
            "damaged" => format!("{} damaged", event["generation"]),
            other => other.to_owned(),
        };
        events.as_array().unwrap().iter().map(told).collect()
    }

    /// The name of the generation files, by number.
    pub(crate) fn generations(&self) -> BTreeMap<u64, PathBuf> {
        let files = fs::read_dir(self.ledger()).unwrap().flatten().map(|entry| entry.path());
        files.filter_map(|file| Some((number(&file)?, file))).collect()
    }
}

fn number(file: &Path) -> Option<u64> {
    file.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()
}

/// The condition of that kind in a status.
pub(crate) fn condition(status: &Value, kind: &str) -> Value {
    let all = status["conditions"].as_array().into_iter().flatten();
    all.clone().find(|condition| condition["kind"] == kind).cloned().unwrap_or_default()
}

/// Whether `hash` is what stands for a stream key or a webhook's secret with this content.
fn is_hash_of(content: &[u8], salt: &str, hash: &str) -> bool {
    let Some(salt) = Salt::from_hex(salt) else { return false };
    let key = StreamKeySecret::from_file_content(content).is_ok_and(|key| key.hash(&salt) == hash);
    key || SigningSecret::from_file_content(content).is_ok_and(|secret| secret.fingerprint(&salt) == hash)
}

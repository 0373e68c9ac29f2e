//! Engine and agent each by itself, as a service manager runs them, the agent wherever a test wants it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nixcast_core::control::{Observed, Request, Response};
use nixcast_schema::Settings;
use nixcast_tests::process::Process;
use nixcast_tests::server::{ask, free_port};
use nixcast_tests::wait;
use rustix::fs::Uid;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// Longest until a change is in force: an interval of five seconds, on a machine that does much else.
pub(crate) const IN_FORCE_WITHIN: Duration = Duration::from_secs(60);

/// So rarely that whatever is noticed in a test was hinted at.
pub(crate) const NEVER_BY_ITSELF: u32 = 3600;
/// The shortest interval there is, seconds.
pub(crate) const SOON_BY_ITSELF: u32 = 5;

/// The words a process is started with, such as `nsenter` with a place to go to; empty: as any other.
pub(crate) type Place = Vec<OsString>;

/// An engine and an agent that follows a settings file.
#[derive(Debug)]
pub(crate) struct Pair {
    agent: Option<Process>,
    pub(crate) engine: Process,
    settings_file: PathBuf,
    place: Place,
    home: TempDir,
}

impl Pair {
    /// Starts both and waits until the engine runs what the file says.
    #[track_caller]
    pub(crate) fn start(settings_file: &Path, place: Place) -> Self {
        let pair = Self::start_unready(settings_file, place, None);
        pair.wait_converged();
        pair
    }

    /// Starts both and waits until the agent has tried. `user`: who the place makes of the agent, if anybody else.
    #[track_caller]
    pub(crate) fn start_unready(settings_file: &Path, place: Place, user: Option<u32>) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        let mut command = Command::new(binary());
        command.arg("engine").arg("--control-socket").arg(home.path().join("engine.sock")).env("NIXCAST_LOG", "trace");
        command.env("RUST_BACKTRACE", "full").current_dir(home.path());
        let engine = Process::spawn("the engine", &mut command, &home.path().join("engine.log"));
        let mut pair = Self { agent: None, engine, settings_file: settings_file.to_owned(), place, home };
        folder(&pair.agent_home());
        wait::until("the engine's socket", IN_FORCE_WITHIN, || pair.engine_socket().exists().then_some(()));
        if let Some(user) = user.map(Uid::from_raw) {
            fs::set_permissions(pair.home.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
            for theirs in [pair.agent_home(), pair.engine_socket()] {
                rustix::fs::chown(theirs, Some(user), None).expect("root gives files away");
            }
        }
        pair.start_agent();
        pair
    }

    #[track_caller]
    fn start_agent(&mut self) {
        let mut words = self.place.clone();
        words.push(binary().into_os_string());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("agent").arg("--settings").arg(&self.settings_file);
        command.arg("--engine-socket").arg(self.engine_socket());
        command.arg("--socket").arg(self.agent_socket());
        command.arg("--state-dir").arg(self.state_dir());
        command.env("NIXCAST_LOG", "trace").env("RUST_BACKTRACE", "full").current_dir(self.home.path());
        self.agent = Some(Process::spawn("the agent", &mut command, &self.home.path().join("agent.log")));
        wait::until("the agent to try", IN_FORCE_WITHIN, || {
            let agent = self.agent();
            assert!(agent.is_running(), "the agent ended:\n{}", agent.log());
            (self.status()?["passes"].as_u64()? > 0).then_some(())
        });
    }

    #[track_caller]
    pub(crate) fn wait_converged(&self) {
        wait::until("the engine to run the settings", IN_FORCE_WITHIN, || {
            (self.status()?["conditions"].as_array()?)
                .iter()
                .any(|condition| condition["kind"] == "Converged" && condition["isTrue"] == true)
                .then_some(())
        });
    }

    /// Ends the agent and starts it anew in `place`.
    #[track_caller]
    pub(crate) fn restart_agent(&mut self, place: Place) {
        self.agent().end(Signal::TERM, Duration::from_secs(10));
        self.place = place;
        self.start_agent();
        self.wait_converged();
    }

    pub(crate) fn agent(&self) -> &Process {
        self.agent.as_ref().expect("an agent was started")
    }

    pub(crate) fn agent_log(&self) -> String {
        self.agent().log()
    }

    pub(crate) fn engine_socket(&self) -> PathBuf {
        self.home.path().join("engine.sock")
    }

    /// Where both run.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    fn agent_home(&self) -> PathBuf {
        self.home.path().join("agent")
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.agent_home().join("state")
    }

    pub(crate) fn agent_socket(&self) -> PathBuf {
        self.agent_home().join("agent.sock")
    }

    /// The agent's status, as its socket gives it.
    pub(crate) fn status(&self) -> Option<Value> {
        serde_json::from_str(&ask(&self.agent_socket(), r#"{"request":"status"}"#).ok()?).ok()
    }

    /// Generation the agent has accepted.
    #[track_caller]
    pub(crate) fn generation(&self) -> u64 {
        let status = self.status().expect("the agent answers");
        status["accepted"]["generation"].as_u64().unwrap_or_else(|| panic!("nothing accepted: {status:#}"))
    }

    /// How often the agent has compared what is declared with what runs.
    #[track_caller]
    pub(crate) fn passes(&self) -> u64 {
        self.status().expect("the agent answers")["passes"].as_u64().expect("the status counts passes")
    }

    /// What the engine runs, as its socket gives it.
    #[track_caller]
    pub(crate) fn observed_text(&self) -> String {
        let request = serde_json::to_string(&Request::Observe).expect("a request is plain data");
        match ask(&self.engine_socket(), &request) {
            Ok(answer) => answer,
            Err(reason) => panic!("the engine cannot be observed: {reason}"),
        }
    }

    /// What the engine runs.
    #[track_caller]
    pub(crate) fn observe(&self) -> Observed {
        match serde_json::from_str(&self.observed_text()) {
            Ok(Response::Observed(observed)) => *observed,
            other => panic!("the engine cannot be observed: {other:?}"),
        }
    }

    pub(crate) fn page_name(&self) -> String {
        self.observe().page.map(|page| page.name).unwrap_or_default()
    }

    /// Waits until the engine shows `name`, which only a document that was just written has.
    #[track_caller]
    pub(crate) fn wait_for_name(&self, name: &str, how: &str) {
        if wait::within(IN_FORCE_WITHIN, || (self.page_name() == name).then_some(())).is_none() {
            panic!("not noticed within {IN_FORCE_WITHIN:?}: {how}\n{}", self.agent_log());
        }
    }

    /// What the unit's reload runs, in a place of its own.
    #[track_caller]
    pub(crate) fn reload(&self, place: &Place) -> Output {
        let mut words = place.clone();
        words.push(binary().into_os_string());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("apply").arg("--settings").arg(&self.settings_file).args(["--wait", "60"]);
        command.env("NIXCAST_AGENT_SOCKET", self.agent_socket()).output().expect("the binary can be started")
    }

    /// Runs a command against the agent.
    #[track_caller]
    pub(crate) fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(words).env("NIXCAST_AGENT_SOCKET", self.agent_socket()).env("NIXCAST_LOG", "trace");
        command.output().expect("the binary can be started")
    }

    /// Watches the agent holds once it sets no more: it does so beside its other work, so that some may come late.
    #[track_caller]
    pub(crate) fn settled_watches(&self) -> usize {
        let (mut last, mut looks) = (0, 0);
        wait::until("the agent's watches to stay as they are", IN_FORCE_WITHIN, || {
            let now = self.watches();
            looks = if now > 0 && now == last { looks + 1 } else { 0 };
            last = now;
            (looks > 25).then_some(now)
        })
    }

    /// Watches the agent holds in the kernel.
    pub(crate) fn watches(&self) -> usize {
        let folder = format!("/proc/{}/fdinfo", self.agent().id());
        let infos = fs::read_dir(folder).expect("a running process has descriptors").flatten();
        let texts = infos.map(|info| fs::read_to_string(info.path()).unwrap_or_default());
        texts.map(|text| text.lines().filter(|line| line.starts_with("inotify wd:")).count()).sum()
    }
}

/// The binary under test, wherever it is started.
fn binary() -> PathBuf {
    nixcast_tests::server::binary().canonicalize().expect("the binary under test is there")
}

/// The default settings on free loopback ports, under a name that tells documents apart.
pub(crate) fn settings(name: &str, interval_seconds: u32) -> Settings {
    let mut settings = Settings::default();
    "127.0.0.1".clone_into(&mut settings.http.address);
    "127.0.0.1".clone_into(&mut settings.rtmp.address);
    settings.http.port = free_port();
    settings.rtmp.port = free_port();
    settings.reconcile.interval_seconds = interval_seconds;
    name.clone_into(&mut settings.instance.name);
    settings
}

/// A new folder that may be there already.
pub(crate) fn folder(path: &Path) {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path).expect("a folder can be made");
}

//! Child processes that end with their owner, and what /proc says about any process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// Clock ticks per second in /proc/PID/stat: fixed at 100 for user space on every Linux (`getconf CLK_TCK`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Bytes of a page in /proc/PID/statm on the machines the tests run on.
const PAGE_BYTES: u64 = 4096;

/// A running child. What it prints goes to a file; dropping it ends it.
#[derive(Debug)]
pub struct Process {
    name: String,
    id: u32,
    child: Mutex<Child>,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with no input and with its output in `log`.
    #[track_caller]
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Self {
        let out = File::create(log).unwrap_or_else(|error| panic!("cannot write {}: {error}", log.display()));
        let err = out.try_clone().expect("a file just opened can be duplicated");
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { name: name.to_owned(), id: child.id(), child: Mutex::new(child), log: log.to_owned() }
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().unwrap();
        child.try_wait().expect("a child that was not waited for can be asked")
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub fn wait(&self, limit: Duration) -> ExitStatus {
        match wait::within(limit, || self.exit_status()) {
            Some(status) => status,
            None => panic!("{} did not end within {limit:?}; it printed:\n{}", self.name, tail(&self.log(), 30)),
        }
    }

    /// Asks it to end with `signal`, and makes it end when it has not within `patience`.
    pub fn end(&self, signal: Signal, patience: Duration) {
        if self.is_running() {
            send(self.id, signal);
            if wait::within(patience, || self.exit_status()).is_none() {
                let mut child = self.child.lock().unwrap();
                child.kill().ok();
                child.wait().ok();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Signal::TERM, Duration::from_secs(3));
        if std::thread::panicking() {
            eprintln!("---- the end of what {} printed\n{}", self.name, tail(&self.log(), 40));
        }
    }
}

/// The last `lines` lines of `text`.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Sends `signal` to the process `id`; one that is gone already is no matter.
pub fn send(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal).ok();
    }
}

/// Ends the process `id` without giving it a chance to say anything.
pub fn kill(id: u32) {
    send(id, Signal::KILL);
}

pub fn is_alive(id: u32) -> bool {
    stat(id).is_some_and(|fields| fields[0] != "Z")
}

/// All processes below `root`, parents first; `root` itself is not among them.
pub fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("/proc can be listed")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|id| Some((id, stat(id)?[1].parse().ok()?)))
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

/// The words a process was started with; empty for one that is gone.
pub fn command_line(id: u32) -> Vec<String> {
    let raw = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    raw.split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// Seconds of CPU the process `id` and its ended children have used, in user and kernel mode.
pub fn cpu_seconds(id: u32) -> f64 {
    let Some(fields) = stat(id) else { return 0.0 };
    // proc_pid_stat(5): utime, stime, cutime, cstime are fields 14 to 17, counted from 1; `stat` starts at field 3.
    fields[11..15].iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

/// Bytes of memory the process `id` holds now.
pub fn resident_bytes(id: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{id}/statm")).unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}

/// Fields of /proc/PID/stat from the third (the state) on: the second may itself hold blanks and parentheses.
fn stat(id: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// Whether this process may do anything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

//! Players that know nothing of nixcast: ffmpeg (the code inside ffplay and mpv), GStreamer and VLC, each with its own
//! reading of playlists. None of them shows anything; what counts is that they go on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::media;
use crate::process::{Process, tail};
use crate::wait;

/// Time for a player to get somewhere on two busy cores: several target durations of the longest segments used here.
const PATIENCE: Duration = Duration::from_secs(40);

/// Somebody without rights: VLC refuses to run as root.
const NOBODY: &str = "65534";

/// A player at work. Dropping it ends it.
#[derive(Debug)]
pub struct Player {
    kind: Kind,
    process: Process,
    folder: TempDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ffmpeg,
    GStreamer,
    Vlc,
}

impl Player {
    /// Decodes one picture and one sound stream of what `url` lists, as fast as they come.
    pub fn ffmpeg(url: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-progress", "pipe:1"]);
        command.args(["-i", url, "-map", "0:v:0?", "-map", "0:a:0?", "-f", "null", "-"]);
        Self::start(Kind::Ffmpeg, &mut command, folder())
    }

    /// Plays the pictures at their own speed.
    pub fn gstreamer(url: &str) -> Self {
        let mut command = Command::new("gst-launch-1.0");
        command.args(["-v", "souphttpsrc", &format!("location={url}"), "!", "hlsdemux", "!", "decodebin", "!"]);
        command.args(["progressreport", "update-freq=1", "!", "fakesink", "sync=true"]);
        Self::start(Kind::GStreamer, &mut command, folder())
    }

    /// Plays at its own speed, into a file: pictures are decoded when the file is read at the end.
    pub fn vlc(url: &str) -> Self {
        let folder = folder();
        let is_root = rustix::process::geteuid().is_root();
        let mut command = Command::new(if is_root { "setpriv" } else { "cvlc" });
        if is_root {
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "cvlc"]);
        }
        let output = format!("#std{{access=file,mux=ts,dst={}}}", recording(folder.path()).display());
        command.env("HOME", folder.path()).args(["-I", "dummy", url, "--sout", &output]);
        Self::start(Kind::Vlc, &mut command, folder)
    }

    fn start(kind: Kind, command: &mut Command, folder: TempDir) -> Self {
        let process = Process::spawn(&format!("{kind:?}"), command, &folder.path().join("log"));
        Self { kind, process, folder }
    }

    /// How far it has come, in a measure of its own that grows as long as it plays.
    fn position(&self) -> f64 {
        match self.kind {
            Kind::Ffmpeg => {
                let log = self.process.log();
                let newest = log.lines().rev().find_map(|line| line.strip_prefix("frame="));
                newest.and_then(|frames| frames.trim().parse().ok()).unwrap_or(0.0)
            }
            Kind::GStreamer => {
                let log = self.process.log();
                let reports = log.lines().rev().filter(|line| line.starts_with("progressreport"));
                let seconds = |line: &str| line.split_whitespace().rev().nth(1)?.parse().ok();
                reports.map(seconds).find_map(|found| found).unwrap_or(0.0)
            }
            #[allow(clippy::cast_precision_loss, reason = "a recording of a test is far below 2^52 bytes")]
            Kind::Vlc => fs::metadata(recording(self.folder.path())).map_or(0.0, |file| file.len() as f64),
        }
    }

    /// What half a second and more of playing adds to [`Self::position`].
    fn step(&self) -> f64 {
        match self.kind {
            Kind::Ffmpeg => 15.0,
            Kind::GStreamer => 1.0,
            Kind::Vlc => 4096.0,
        }
    }

    /// Fails unless all of them still run and get some seconds further.
    #[track_caller]
    pub fn assert_all_play_on(players: &[Self], after: &str) {
        let goals: Vec<f64> = players.iter().map(|player| player.position() + 3.0 * player.step()).collect();
        for (player, goal) in players.iter().zip(goals) {
            let is_decided = || !player.process.is_running() || player.position() >= goal;
            let found = wait::within(PATIENCE, || is_decided().then_some(()));
            let log = || tail(&player.process.log(), 20);
            assert!(player.process.is_running(), "{:?} gave up after {after}:\n{}", player.kind, log());
            assert!(found.is_some(), "{:?} has not come to {goal} after {after}:\n{}", player.kind, log());
        }
    }

    /// Ends it, and fails if it has seen anything it could not decode.
    #[track_caller]
    pub fn finish(self) {
        self.process.end(rustix::process::Signal::INT, Duration::from_secs(10));
        let log = self.process.log();
        let complaints: Vec<&str> = log.lines().filter(|line| is_complaint(line)).collect();
        assert!(complaints.is_empty(), "{:?} stumbled:\n{}", self.kind, complaints.join("\n"));
        if self.kind == Kind::Vlc {
            let recorded = media::packets(&recording(self.folder.path())).len();
            assert!(recorded > 100, "VLC passed {recorded} packets on");
        }
    }
}

/// Whether a line says that pictures were damaged. What ffmpeg says of a new init section ("duplicated MOOV") is no
/// matter: it goes by the parameter sets in the keyframes.
fn is_complaint(line: &str) -> bool {
    ["error while decoding", "corrupt decoded frame", "no frame!", "ERROR:", "Invalid data"]
        .iter()
        .any(|words| line.contains(words))
}

fn recording(folder: &Path) -> PathBuf {
    folder.join("recording.ts")
}

/// A folder anybody may write to, because a player may run as somebody else.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    folder
}

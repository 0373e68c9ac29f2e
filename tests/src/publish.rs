//! Publishers other than OBS: ffmpeg that encodes, ffmpeg that copies a clip, and a program built on librtmp.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::clip::{self, Clip};
use crate::process::{self, Process};

/// Where a publisher goes, and with which stream key.
#[derive(Clone, Debug)]
pub struct Target {
    pub rtmp_port: u16,
    pub stream_key: String,
}

impl Target {
    /// The server half of the address, as OBS asks for it.
    pub fn server(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.rtmp_port)
    }

    /// The whole address, as ffmpeg and librtmp ask for it.
    pub fn url(&self) -> String {
        format!("{}/{}", self.server(), self.stream_key)
    }
}

/// A publisher that runs until it is dropped or the server ends it.
#[derive(Debug)]
pub struct Publisher {
    pub process: Process,
    _folder: TempDir,
}

impl Publisher {
    /// Sends a clip as it is: the cheapest publisher there is.
    pub fn copy(target: &Target, clip: &Clip) -> Self {
        let mut ffmpeg = ffmpeg();
        ffmpeg.args(["-re", "-stream_loop", "-1", "-i"]).arg(clip.file()).args(["-c", "copy"]);
        Self::start("the copying ffmpeg", ffmpeg.args(["-f", "flv", &target.url()]))
    }

    /// Sends the tags of a file as they are, time stamps and all, through librtmp.
    pub fn librtmp_file(target: &Target, file: &Path) -> Self {
        let mut command = Command::new(librtmp_publisher());
        Self::start("the librtmp publisher", command.arg(target.url()).arg(file))
    }

    /// As [`Self::copy`], with TLS to `port`, trusting nobody but `authority`.
    pub fn copy_with_tls(target: &Target, port: u16, authority: &Path, clip: &Clip) -> Self {
        let mut ffmpeg = ffmpeg();
        ffmpeg.args(["-re", "-stream_loop", "-1", "-i"]).arg(clip.file()).args(["-c", "copy", "-f", "flv"]);
        ffmpeg.args(["-tls_verify", "1", "-ca_file"]).arg(authority);
        let url = format!("rtmps://127.0.0.1:{port}/live/{}", target.stream_key);
        Self::start("the copying ffmpeg with TLS", ffmpeg.arg(url))
    }

    /// Sends a clip as it is at `speed` times real time: below 1 leaves a small machine time to encode a large ladder.
    pub fn copy_at(target: &Target, clip: &Clip, speed: f64) -> Self {
        let mut ffmpeg = ffmpeg();
        ffmpeg.args(["-readrate", &speed.to_string(), "-stream_loop", "-1", "-i"]).arg(clip.file());
        Self::start("the copying ffmpeg", ffmpeg.args(["-c", "copy", "-f", "flv", &target.url()]))
    }

    /// Sends an FLV file once, as it is, at `speed` times real time.
    pub fn copy_file(target: &Target, file: &Path, speed: f64) -> Self {
        let mut ffmpeg = ffmpeg();
        ffmpeg.args(["-readrate", &speed.to_string(), "-i"]).arg(file);
        Self::start("the copying ffmpeg", ffmpeg.args(["-c", "copy", "-f", "flv", &target.url()]))
    }

    /// Sends the pictures of a clip as they are, and no sound.
    pub fn copy_video(target: &Target, clip: &Clip) -> Self {
        let mut ffmpeg = ffmpeg();
        ffmpeg.args(["-re", "-stream_loop", "-1", "-i"]).arg(clip.file()).args(["-an", "-c", "copy"]);
        Self::start("the copying ffmpeg", ffmpeg.args(["-f", "flv", &target.url()]))
    }

    /// Encodes while it sends, as a person with ffmpeg would.
    pub fn encode(target: &Target, source: &Clip) -> Self {
        let mut ffmpeg = ffmpeg();
        ffmpeg.arg("-re").args(source.inputs()).args(source.encoding());
        Self::start("the encoding ffmpeg", ffmpeg.args(["-f", "flv", &target.url()]))
    }

    /// Sends a clip through librtmp.
    pub fn librtmp(target: &Target, clip: &Clip) -> Self {
        let mut command = Command::new(librtmp_publisher());
        Self::start("the librtmp publisher", command.arg(target.url()).arg(clip.file()))
    }

    fn start(name: &str, command: &mut Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { process: Process::spawn(name, command, &folder.path().join("log")), _folder: folder }
    }

    /// Ends it without giving it a chance to say anything, and waits until it is gone.
    pub fn kill(&self) {
        self.process.end(Signal::KILL, Duration::from_secs(5));
    }

    /// Stops it in its tracks: the connection stands, and nothing comes over it.
    pub fn freeze(&self) {
        process::send(self.process.id(), Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        process::send(self.process.id(), Signal::CONT);
    }

    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// What the streamer would read.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "info"]);
    command
}

/// The program of `tests/publishers/librtmp_publish.c`, built once for each run of the tests.
fn librtmp_publisher() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("publishers/librtmp_publish.c");
        let program = clip::cache().join("librtmp_publish");
        let unfinished = program.with_extension(std::process::id().to_string());
        let output = Command::new("gcc")
            .args(["-Wall", "-Wextra", "-Werror", "-O1", "-o"])
            .args([&unfinished, &source])
            .arg("-lrtmp")
            .output()
            .expect("gcc can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::rename(&unfinished, &program).expect("a file can be renamed in its own folder");
        program
    })
}

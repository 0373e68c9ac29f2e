//! Pre-encoded pictures and sound, so that a publisher in a test costs next to no CPU.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// What a publisher sends: a moving test picture with a tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clip {
    pub width: u32,
    pub height: u32,
    /// Frames per second.
    pub rate: u32,
    /// Frames from one keyframe to the next.
    pub gop: u32,
    pub b_frames: u32,
    pub video_kbps: u32,
    /// Length in seconds; publishers start over at the end.
    pub seconds: u32,
    /// Strength of the noise over the picture, 0 to 100: a test picture alone is far easier to encode than a camera's.
    pub noise: u32,
    /// Samples of the sound per second.
    pub sound_rate: u32,
}

impl Clip {
    /// Small enough for two cores that encode a ladder from it at the same time; a keyframe every two seconds.
    pub const SMALL: Self = Self {
        width: 640,
        height: 360,
        rate: 30,
        gop: 60,
        b_frames: 0,
        video_kbps: 800,
        seconds: 120,
        noise: 0,
        sound_rate: 48_000,
    };

    /// As hard as a camera's picture, in the size most people send.
    pub const FULL_HD: Self = Self {
        width: 1920,
        height: 1080,
        rate: 30,
        gop: 60,
        b_frames: 2,
        video_kbps: 6000,
        seconds: 30,
        noise: 12,
        sound_rate: 48_000,
    };

    /// The clip as an FLV file, encoded the first time anybody asks and kept beside the build.
    pub fn file(&self) -> PathBuf {
        // One at a time: two tests that want the same clip would otherwise encode it twice.
        static ENCODING: Mutex<()> = Mutex::new(());
        let _turn = ENCODING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Self { width, height, rate, gop, b_frames, video_kbps, seconds, noise, sound_rate } = *self;
        let name = format!("{width}x{height}-{rate}-{gop}-{b_frames}-{video_kbps}-{seconds}-{noise}-{sound_rate}.flv");
        let folder = cache();
        let file = folder.join(name);
        if !file.exists() {
            let unfinished = file.with_extension(format!("{}.part", std::process::id()));
            self.encode(&unfinished);
            fs::rename(&unfinished, &file).expect("a file can be renamed in its own folder");
        }
        file
    }

    /// The ffmpeg arguments of the lavfi inputs that the clip is made from.
    pub fn inputs(&self) -> Vec<String> {
        let Self { width, height, rate, noise, sound_rate, .. } = self;
        let picture = format!("testsrc2=size={width}x{height}:rate={rate},noise=alls={noise}:allf=t");
        let sound = format!("sine=frequency=440:sample_rate={sound_rate}");
        ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound].map(str::to_owned).to_vec()
    }

    /// The ffmpeg arguments that encode it: fixed keyframe distance, near constant bitrate.
    pub fn encoding(&self) -> Vec<String> {
        let gop = self.gop.to_string();
        let rate = format!("{}k", self.video_kbps);
        let b_frames = self.b_frames.to_string();
        let video = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-sc_threshold", "0"];
        let grid = ["-g", &gop, "-keyint_min", &gop, "-bf", &b_frames];
        let size = ["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate];
        let audio = ["-c:a", "aac", "-b:a", "96k", "-ac", "2"];
        [video.as_slice(), &grid, &size, &audio].concat().into_iter().map(str::to_owned).collect()
    }

    fn encode(&self, to: &Path) {
        let output = Command::new("ffmpeg")
            .args(["-hide_banner", "-v", "error", "-y"])
            .args(self.inputs())
            .args(["-t", &self.seconds.to_string()])
            .args(self.encoding())
            .args(["-f", "flv"])
            .arg(to)
            .output()
            .expect("ffmpeg can be started");
        assert!(output.status.success(), "the clip was not encoded: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A folder that outlives the run, outside the checkout: beside the test binaries.
pub(crate) fn cache() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    let profile =
        own.ancestors().find(|path| path.join("deps").is_dir()).expect("cargo builds into a folder with deps");
    let folder = profile.join("nixcast-clips");
    fs::create_dir_all(&folder).expect("the build folder can be written to");
    folder
}

//! A clip with a white flash and a beep at the start of each second, in every shape that people publish, and what is
//! left of the two falling together once it was served.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::clip;

/// How the clip is made. The picture is black but for the flashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    pub width: u32,
    pub height: u32,
    /// Frames per second as FFmpeg reads it: "30000/1001".
    pub rate: &'static str,
    /// More arguments of the video encoder: keyframes, B-frames, frame dropping.
    pub video: &'static [&'static str],
    pub sample_rate: u32,
    /// 1, 2 or 6.
    pub channels: u32,
    pub seconds: u32,
}

impl Beat {
    /// What most people send: 30 frames a second, a keyframe every second, stereo at 48 kHz.
    pub const USUAL: Self = Self {
        width: 320,
        height: 180,
        rate: "30",
        video: &["-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-bf", "0"],
        sample_rate: 48_000,
        channels: 2,
        seconds: 30,
    };

    /// The clip as an FLV file, encoded the first time anybody asks and kept beside the build.
    pub fn file(&self) -> PathBuf {
        static ENCODING: Mutex<()> = Mutex::new(());
        let _turn = ENCODING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Self { width, height, rate, video, sample_rate, channels, seconds } = self;
        let words = video.concat();
        let name = format!("beat-{width}x{height}-{rate}-{words}-{sample_rate}-{channels}-{seconds}.flv");
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let file = clip::cache().join(name);
        if !file.exists() {
            let unfinished = file.with_extension(format!("{}.part", std::process::id()));
            self.encode(&unfinished);
            fs::rename(&unfinished, &file).expect("a file can be renamed in its own folder");
        }
        file
    }

    fn encode(&self, to: &Path) {
        let Self { width, height, rate, video, sample_rate, channels, seconds } = self;
        let flash = "drawbox=c=white:t=fill:enable='lt(mod(t,1),0.2)'";
        let picture = format!("color=black:size={width}x{height}:rate={rate},{flash}");
        let beep = vec!["0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.2)"; *channels as usize].join("|");
        let layout = match channels {
            1 => "mono",
            2 => "stereo",
            _ => "5.1",
        };
        let sound = format!("aevalsrc=exprs='{beep}':sample_rate={sample_rate}:channel_layout={layout}");
        let output = Command::new("ffmpeg")
            .args(["-hide_banner", "-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound])
            .args(["-t", &seconds.to_string(), "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"])
            .args(*video)
            .args(["-c:a", "aac", "-b:a", "96k", "-f", "flv"])
            .arg(to)
            .output()
            .expect("ffmpeg can be started");
        assert!(output.status.success(), "{self:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// How far flashes and beeps are apart at most, seconds, over all that both files hold.
///
/// # Panics
/// If fewer than two of them can be compared.
#[track_caller]
pub fn apart(video: &Path, audio: &Path) -> f64 {
    let flashes = moments(video, &["-vf", "blackdetect=d=0.3:pix_th=0.3"], "black_end:");
    let beeps = moments(audio, &["-af", "silencedetect=n=-30dB:d=0.3"], "silence_end: ");
    let nearest = |flash: f64| beeps.iter().map(|beep| (beep - flash).abs()).fold(f64::INFINITY, f64::min);
    let compared: Vec<f64> = flashes.iter().map(|flash| nearest(*flash)).filter(|apart| *apart < 0.5).collect();
    assert!(compared.len() >= 2, "flashes at {flashes:?}, beeps at {beeps:?}");
    compared.into_iter().fold(0.0, f64::max)
}

/// Times that a filter reports behind `word`, but for those at the very edge of the file.
fn moments(file: &Path, filter: &[&str], word: &str) -> Vec<f64> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-nostdin", "-copyts", "-i"])
        .arg(file)
        .args(filter)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg can be started");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let number = |rest: &str| rest.split([' ', '\n', '\r']).next().and_then(|number| number.parse().ok());
    let mut found: Vec<f64> = text.split(word).skip(1).filter_map(number).collect();
    // The last one is reported where the file ends, flash or not.
    found.pop();
    found
}

//! A real OBS on a screen that exists in memory only.
//!
//! OBS rewrites its files when it ends, so every run gets a home of its own. It needs no window manager, no sound
//! server and no graphics card; Mesa draws in software, which takes most of a core.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{self, Process};
use crate::publish::Target;

/// Name of the profile and of the scene collection in the throw-away home.
const NAME: &str = "nixcast";

/// Starts a program with the folder named next in the place of the authorities that the machine trusts.
const ELSEWHERE: [&str; 6] =
    ["unshare", "--map-root-user", "--mount", "sh", "-c", "mount --bind \"$0\" /etc/ssl/certs && exec \"$@\""];

/// How OBS is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What a new user has who only filled in server and key: a keyframe every 250 frames.
    SimpleDefault,
    /// Advanced output with a keyframe every two seconds.
    Advanced,
    /// Advanced output with OBS's own keyframe interval, "0 = auto".
    AdvancedAuto,
}

/// An OBS that streams until it is dropped.
#[derive(Debug)]
pub struct Obs {
    process: Process,
    _screen: Screen,
    _home: TempDir,
}

impl Obs {
    pub fn start(target: &Target, mode: Mode) -> Self {
        Self::start_in(&[], &target.server(), &target.stream_key, mode)
    }

    /// Streams with TLS to `port`. OBS asks no setting and no variable whom to trust, but reads every file of
    /// `/etc/ssl/certs` itself: it is started where `authorities` lies in its place, and nobody else sees it there.
    ///
    /// The name is "localhost" because OBS's TLS library does not look at the addresses in a certificate.
    pub fn start_with_tls(port: u16, stream_key: &str, authorities: &Path, mode: Mode) -> Self {
        let authorities = authorities.to_str().expect("temporary folders have plain names");
        let place = [&ELSEWHERE[..], &[authorities]].concat();
        Self::start_in(&place, &format!("rtmps://localhost:{port}/live"), stream_key, mode)
    }

    /// Whether there can be such a place on this machine.
    pub fn can_be_told_whom_to_trust() -> bool {
        let tried = Command::new(ELSEWHERE[0]).args(&ELSEWHERE[1..]).args(["/tmp", "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    }

    /// `place`: the words that OBS is started with, such as a program that starts it elsewhere.
    fn start_in(place: &[&str], server: &str, stream_key: &str, mode: Mode) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        write_home(home.path(), &service(server, stream_key), mode);
        let screen = Screen::open();
        let words = [place, &["obs"]].concat();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(["--multi", "--disable-updater", "--disable-missing-files-check", "--startstreaming"])
            .args(["--profile", NAME, "--collection", NAME, "--scene", NAME])
            .env_remove("XDG_CONFIG_HOME")
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path().join("run"))
            .env("DISPLAY", format!(":{}", screen.number))
            .env("QT_QPA_PLATFORM", "xcb")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            // OBS looks for news on the web when it starts; a test has no business there.
            .env("https_proxy", "http://127.0.0.1:9");
        let process = Process::spawn("OBS", &mut command, &home.path().join("log"));
        Self { process, _screen: screen, _home: home }
    }

    /// Ends it without giving it a chance to say anything.
    pub fn kill(&self) {
        self.process.end(Signal::KILL, Duration::from_secs(5));
    }

    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// OBS's log, where a streamer looks for the reason of a refusal.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

impl Drop for Obs {
    fn drop(&mut self) {
        // On an interrupt OBS stops the stream and ends cleanly; the screen goes after it.
        self.process.end(Signal::INT, Duration::from_secs(40));
    }
}

/// An X server without hardware, on the first free display.
#[derive(Debug)]
struct Screen {
    server: Child,
    number: String,
}

impl Screen {
    fn open() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp", "+extension", "GLX"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb can be started");
        let output = server.stdout.take().expect("its output was piped");
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number).expect("Xvfb says which display it took");
        assert!(!number.trim().is_empty(), "Xvfb found no free display");
        Self { server, number: number.trim().to_owned() }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        process::send(self.server.id(), Signal::TERM);
        self.server.wait().ok();
    }
}

fn write_home(home: &Path, service: &Value, mode: Mode) {
    let root = home.join(".config/obs-studio");
    let profile = root.join("basic/profiles").join(NAME);
    let scenes = root.join("basic/scenes");
    let put = |path: &Path, text: String| {
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a fresh home can be written to");
        fs::write(path, text).expect("a fresh home can be written to");
    };
    // Qt wants a run-time folder that nobody else can read.
    fs::DirBuilder::new().mode(0o700).create(home.join("run")).expect("a fresh home can be written to");
    put(&root.join("global.ini"), global_ini());
    put(&profile.join("basic.ini"), profile_ini(mode));
    put(&profile.join("service.json"), service.to_string());
    if mode != Mode::SimpleDefault {
        let keyint_sec = if mode == Mode::AdvancedAuto { 0 } else { 2 };
        put(&profile.join("streamEncoder.json"), encoder(keyint_sec).to_string());
    }
    put(&scenes.join(format!("{NAME}.json")), scene_collection().to_string());
}

/// No first-run wizard, no questions: nobody is there to answer them.
fn global_ini() -> String {
    format!(
        "[General]\nFirstRun=true\nEnableAutoUpdates=false\nConfirmOnExit=false\n\
         [Basic]\nProfile={NAME}\nProfileDir={NAME}\nSceneCollection={NAME}\nSceneCollectionFile={NAME}\n\
         ConfigOnNewProfile=false\n\
         [BasicWindow]\nPreviewEnabled=false\nSysTrayEnabled=false\nWarnBeforeStartingStream=false\n\
         WarnBeforeStoppingStream=false\n\
         [OBSWebSocket]\nFirstLoad=false\nServerEnabled=false\n"
    )
}

/// The picture is small because software draws it; in simple mode nothing else is said, so OBS's defaults hold.
fn profile_ini(mode: Mode) -> String {
    let output = match mode {
        Mode::SimpleDefault => "Mode=Simple\n",
        Mode::Advanced | Mode::AdvancedAuto => {
            "Mode=Advanced\n[AdvOut]\nEncoder=obs_x264\nApplyServiceSettings=false\nTrackIndex=1\n"
        }
    };
    format!(
        "[General]\nName={NAME}\n\
         [Video]\nBaseCX=640\nBaseCY=360\nOutputCX=640\nOutputCY=360\nFPSType=0\nFPSCommon=30\n\
         [Audio]\nSampleRate=48000\nChannelSetup=Stereo\n\
         [Output]\nReconnect=false\n{output}"
    )
}

fn service(server: &str, stream_key: &str) -> Value {
    json!({
        "type": "rtmp_custom",
        "settings": { "server": server, "key": stream_key, "use_auth": false, "bwtest": false },
    })
}

fn encoder(keyint_sec: u32) -> Value {
    json!({ "rate_control": "CBR", "bitrate": 800, "keyint_sec": keyint_sec, "preset": "veryfast", "profile": "main" })
}

/// One scene with one source: a test picture and a tone that OBS's own FFmpeg makes.
fn scene_collection() -> Value {
    let input = "testsrc2=size=640x360:rate=30[out0];sine=frequency=440:sample_rate=48000[out1]";
    let picture = json!({
        "id": "ffmpeg_source", "versioned_id": "ffmpeg_source", "name": "picture", "enabled": true,
        "volume": 0.5, "mixers": 1,
        "settings": { "is_local_file": false, "input": input, "input_format": "lavfi", "hw_decode": false },
    });
    let shown = json!({
        "id": 1, "name": "picture", "visible": true, "align": 5, "rot": 0.0,
        "pos": { "x": 0.0, "y": 0.0 }, "scale": { "x": 1.0, "y": 1.0 },
    });
    let scene = json!({
        "id": "scene", "versioned_id": "scene", "name": NAME, "enabled": true,
        "settings": { "id_counter": 1, "items": [shown] },
    });
    json!({
        "name": NAME, "current_scene": NAME, "current_program_scene": NAME, "scene_order": [{ "name": NAME }],
        "sources": [picture, scene], "transitions": [], "groups": [],
    })
}

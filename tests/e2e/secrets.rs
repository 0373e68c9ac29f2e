//! Secrets: whatever replaces their files is followed, whatever is wrong with one is told, and nobody else sees them.

mod leaks;
mod memory;
mod vault;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nixcast_core::control::{Listener, Observed};
use nixcast_schema::Settings;
use nixcast_tests::clip::Clip;
use nixcast_tests::publish::{Publisher, Target};
use nixcast_tests::server::write_settings;
use nixcast_tests::{process, wait};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::pair::{IN_FORCE_WITHIN, NEVER_BY_ITSELF, Pair, Place, SOON_BY_ITSELF, settings};
use crate::watching::{skipped, without_inotify};
use vault::{HOOK, KEY, MODERATOR, PASSWORD, Secrets, TLS, TOKEN, Vault, Way};

/// A pair whose settings declare one secret of each kind.
struct Scene {
    pair: Pair,
    vault: Vault,
    secrets: Secrets,
    settings: Settings,
    folder: TempDir,
}

impl Scene {
    fn start(way: Way, place: Place, interval_seconds: u32) -> Self {
        Self::start_with(way, place, settings("secrets", interval_seconds))
    }

    fn start_with(way: Way, place: Place, mut settings: Settings) -> Self {
        let secrets = Secrets::random();
        let vault = Vault::new(way, &secrets);
        vault.declare(&mut settings);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("settings.json");
        write_settings(&file, &settings);
        let pair = Pair::start(&file, place);
        let scene = Self { pair, vault, secrets, settings, folder };
        assert!(scene.secrets.are_in_force(&scene.pair.observe()));
        scene
    }

    fn target(&self) -> Target {
        Target { rtmp_port: self.settings.rtmp.port, stream_key: self.secrets.key.clone() }
    }

    /// New secrets, put where they are read.
    fn rotate(&mut self) {
        self.secrets = Secrets::random();
        self.vault.install(&self.secrets);
    }

    #[track_caller]
    fn wait_in_force(&self, how: &str) {
        if wait::within(IN_FORCE_WITHIN, || self.secrets.are_in_force(&self.pair.observe()).then_some(())).is_none() {
            panic!("not in force within {IN_FORCE_WITHIN:?}: {how}\n{}", self.pair.agent_log());
        }
    }

    /// Why an object is held; none while it is not.
    fn held(&self, option: &str) -> Option<String> {
        let status = self.pair.status()?;
        let object = status["objects"].as_array()?.iter().find(|object| object["option"] == option)?;
        (object["state"] == "held").then(|| object["reason"].as_str().map(str::to_owned))?
    }

    #[track_caller]
    fn wait_held(&self, option: &str, why: &str) -> String {
        let found = wait::within(IN_FORCE_WITHIN, || self.held(option).filter(|reason| reason.contains(why)));
        found.unwrap_or_else(|| {
            panic!(
                "{option} should be held because of {why:?}, and is {:?}\n{}",
                self.held(option),
                self.pair.agent_log()
            )
        })
    }

    #[track_caller]
    fn wait_not_held(&self) {
        wait::until("nothing to be held", IN_FORCE_WITHIN, || {
            OBJECTS.iter().all(|(_, option, _)| self.held(option).is_none()).then_some(())
        });
    }
}

/// File, object and option of each kind of secret.
const OBJECTS: [(&str, &str, &str); 6] = [
    (KEY, "services.nixcast.streamKeys.main", "services.nixcast.streamKeys.main.keyFile"),
    (PASSWORD, "services.nixcast.admin", "services.nixcast.admin.passwordFile"),
    (HOOK, "services.nixcast.webhooks.hook", "services.nixcast.webhooks.hook.secretFile"),
    (MODERATOR, "services.nixcast.chat.moderators.mate", "services.nixcast.chat.moderators.mate.secretFile"),
    (
        TOKEN,
        "services.nixcast.integrations.accessTokens.clock",
        "services.nixcast.integrations.accessTokens.clock.tokenFile",
    ),
    (TLS, "services.nixcast.rtmps.certificateFile", "services.nixcast.rtmps.keyFile"),
];

#[test]
fn a_rotation_is_noticed_at_once_however_it_is_done() {
    for way in Way::ALL {
        let mut scene = Scene::start(way, Place::new(), NEVER_BY_ITSELF);
        for round in 0..3 {
            scene.rotate();
            scene.wait_in_force(&format!("{way:?}, rotation {round}"));
        }
        scene.wait_not_held();
    }
}

#[test]
fn the_same_secrets_anew_change_nothing() {
    for way in Way::ALL {
        let mut scene = Scene::start(way, Place::new(), NEVER_BY_ITSELF);
        let engine = scene.pair.observe();
        let watches = scene.pair.settled_watches();
        let applied = applied(&scene.pair);
        for _ in 0..5 {
            let passes = scene.pair.passes();
            scene.vault.install(&scene.secrets);
            wait::until("the agent to look", IN_FORCE_WITHIN, || (scene.pair.passes() > passes).then_some(()));
        }
        scene.wait_not_held();
        assert_eq!(scene.pair.observe(), engine, "{way:?}");
        assert_eq!(applied_now(&scene), applied, "{way:?}: {}", scene.pair.agent_log());
        wait::until("as many watches as at first", IN_FORCE_WITHIN, || (scene.pair.watches() == watches).then_some(()));
    }
}

/// How often the agent has told the engine anything.
fn applied(pair: &Pair) -> usize {
    pair.agent_log().matches(": applying ").count()
}

fn applied_now(scene: &Scene) -> usize {
    applied(&scene.pair)
}

#[test]
fn without_inotify_the_interval_finds_a_rotation() {
    let Some(place) = without_inotify() else { return };
    for way in [Way::InPlace, Way::Sops, Way::Agenix] {
        let mut scene = Scene::start(way, place.clone(), SOON_BY_ITSELF);
        scene.rotate();
        scene.wait_in_force(&format!("{way:?}"));
        let engine = scene.pair.observe();
        let passes = scene.pair.passes();
        scene.vault.install(&scene.secrets);
        wait::until("two looks", IN_FORCE_WITHIN, || (scene.pair.passes() > passes + 1).then_some(()));
        assert_eq!(scene.pair.observe(), engine);
    }
}

#[test]
fn activations_leave_the_publisher_alone_until_the_key_is_another() {
    for way in [Way::Agenix, Way::Sops] {
        let mut scene = Scene::start(way, Place::new(), NEVER_BY_ITSELF);
        let publisher = Publisher::copy(&scene.target(), &Clip::SMALL);
        let session = |observed: &Observed| observed.broadcast.as_ref().map(|broadcast| broadcast.session);
        let first = wait::until("a broadcast", IN_FORCE_WITHIN, || session(&scene.pair.observe()));
        for _ in 0..5 {
            let passes = scene.pair.passes();
            scene.vault.install(&scene.secrets);
            wait::until("the agent to look", IN_FORCE_WITHIN, || (scene.pair.passes() > passes).then_some(()));
            assert_eq!(session(&scene.pair.observe()), Some(first), "{way:?}");
            assert!(publisher.is_running(), "{way:?}: {}", publisher.log());
        }
        // A restarted agent knows no salt; what the engine holds tells it that the key is the same.
        scene.pair.restart_agent(Place::new());
        assert_eq!(session(&scene.pair.observe()), Some(first), "{way:?}");

        let old = scene.target();
        scene.rotate();
        publisher.process.wait(IN_FORCE_WITHIN);
        scene.wait_in_force("a rotation under a publisher");
        let refused = Publisher::copy(&old, &Clip::SMALL);
        refused.process.wait(IN_FORCE_WITHIN);
        assert!(refused.log().contains("the stream key is wrong"), "{way:?}: {}", refused.log());
        let admitted = Publisher::copy(&scene.target(), &Clip::SMALL);
        wait::until("a broadcast with the new key", IN_FORCE_WITHIN, || {
            session(&scene.pair.observe()).filter(|session| *session != first)
        });
        assert!(admitted.is_running(), "{way:?}: {}", admitted.log());
    }
}

type Spoil = fn(&Path);

/// What people leave in place of a secret, and what the reason for holding must say about a stream key, a password,
/// a webhook's secret, a moderator's, an access token and a private key; none: it is taken.
const FILES: &[(&str, Spoil, [Option<&str>; 6])] = &[
    ("missing", |_| (), [Some("does not exist"); 6]),
    ("empty", |file| fs::write(file, "").unwrap(), is_empty()),
    ("a line end", |file| fs::write(file, "\n").unwrap(), is_empty()),
    ("a line end of Windows", |file| fs::write(file, "\r\n").unwrap(), is_empty()),
    ("short", |file| fs::write(file, "1234567").unwrap(), no_key([Some("holds 7 bytes"); 3])),
    ("a folder", |file| fs::create_dir(file).unwrap(), [Some("is a folder"); 6]),
    (
        "large",
        |file| fs::write(file, vec![b'a'; 10 << 20]).unwrap(),
        [
            Some("is larger than 4096 bytes"),
            Some("is larger than 4096 bytes"),
            Some("is larger than 4096 bytes"),
            Some("is larger than 4096 bytes"),
            Some("is larger than 4096 bytes"),
            Some("is larger than 16384 bytes"),
        ],
    ),
    ("endless", |file| symlink("/dev/zero", file).unwrap(), [Some("is not a regular file"); 6]),
    ("nothing", |file| symlink("/dev/null", file).unwrap(), [Some("is not a regular file"); 6]),
    ("a pipe", |file| pipe(file), [Some("is not a regular file"); 6]),
    ("a link to itself", |file| symlink(file, file).unwrap(), [Some("could not be read"); 6]),
    ("a link to nowhere", |file| symlink("nowhere", file).unwrap(), [Some("does not exist"); 6]),
    (
        "zeros",
        |file| fs::write(file, "hush-hush\0hush").unwrap(),
        no_key([Some("holds a blank, a line break"), Some("holds a line break"), Some("holds a blank, a line break")]),
    ),
    (
        "bytes",
        |file| fs::write(file, b"hush-hush\xff\xfe\xfd").unwrap(),
        no_key([Some("holds a blank, a line break"), Some("no UTF-8"), Some("holds a blank, a line break")]),
    ),
    (
        "two lines",
        |file| fs::write(file, "hush-hush-one\nhush-hush-two\n").unwrap(),
        no_key([Some("holds a blank, a line break"), Some("holds a line break"), Some("holds a blank, a line break")]),
    ),
    (
        "words",
        |file| fs::write(file, "hush hush hush\n").unwrap(),
        no_key([Some("holds a blank"), None, Some("holds a blank")]),
    ),
    ("a line", |file| fs::write(file, "hush-hush-hush\n").unwrap(), no_key([None; 3])),
    ("a line of Windows", |file| fs::write(file, "hush-hush-hash\r\n").unwrap(), no_key([None; 3])),
    ("no line end", |file| fs::write(file, "hush-hush-hosh").unwrap(), no_key([None; 3])),
    (
        "a damaged key",
        |file| fs::write(file, "-----BEGIN PRIVATE KEY-----\nhush-hush-hush\n-----END PRIVATE KEY-----\n").unwrap(),
        [
            Some("holds a blank, a line break"),
            Some("holds a line break"),
            Some("holds a blank, a line break"),
            Some("holds a blank, a line break"),
            Some("holds a blank, a line break"),
            Some(NO_KEY_INSIDE),
        ],
    ),
];

/// What is said of a file whose first line promised a private key.
const NO_KEY_INSIDE: &str = "is no private key that can be read";

/// What is said of a file that holds nothing.
const fn is_empty() -> [Option<&'static str>; 6] {
    no_key([Some("is empty"); 3])
}

/// A moderator's secret and an access token are judged as a stream key is. A private key is known by its first line;
/// whatever else a file holds is none.
const fn no_key([key, password, hook]: [Option<&'static str>; 3]) -> [Option<&'static str>; 6] {
    [key, password, hook, key, key, Some("holds no private key")]
}

fn pipe(file: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

fn clear(file: &Path) {
    if file.is_dir() && !file.is_symlink() {
        fs::remove_dir(file).unwrap();
    } else {
        fs::remove_file(file).ok();
    }
}

#[test]
fn whatever_is_wrong_with_a_file_is_told_and_holds_back_nothing_else() {
    let mut scene = Scene::start(Way::Renamed, Place::new(), NEVER_BY_ITSELF);
    let file = scene.folder.path().join("settings.json");
    let secrets = scene.secrets.clone();
    for (what, spoil, reasons) in FILES {
        // The same file for each kind in turn, so that the other two show that they are not held back.
        for ((name, option, field), reason) in OBJECTS.iter().zip(reasons) {
            let path = scene.vault.file(name);
            clear(&path);
            spoil(&path);
            scene.settings.instance.name = format!("{what} for {name}");
            write_settings(&file, &scene.settings);
            scene.pair.wait_for_name(&scene.settings.instance.name, "something else in the same document");
            match reason {
                Some(reason) => {
                    let told = scene.wait_held(option, reason);
                    // What only the TLS library can judge is told by the engine, which knows no path.
                    let place = if *reason == NO_KEY_INSIDE { String::new() } else { format!("{} ", path.display()) };
                    assert!(told.starts_with(&format!("{field}: {place}")), "{told}");
                    assert!(!told.contains("hush"), "{told}");
                    // What the engine holds stays, since a file may be on its way back.
                    assert!(secrets.are_in_force(&scene.pair.observe()), "{what} for {name}");
                }
                None => {
                    let is_other = || (!secrets.are_in_force(&scene.pair.observe())).then_some(());
                    wait::until("what the file holds to be taken", IN_FORCE_WITHIN, is_other);
                    scene.wait_not_held();
                }
            }
            for (_, other, _) in OBJECTS.iter().filter(|(_, other, _)| other != option) {
                assert_eq!(scene.held(other), None, "{what} for {name}");
            }
            clear(&path);
            scene.vault.install(&secrets);
            scene.wait_in_force(&format!("the good file after {what} for {name}"));
            scene.wait_not_held();
        }
    }
    assert!(!scene.pair.agent_log().contains("hush"), "{}", scene.pair.agent_log());
}

#[test]
fn a_key_that_was_never_good_lets_nobody_in() {
    let mut settings = settings("never good", NEVER_BY_ITSELF);
    let secrets = Secrets::random();
    let vault = Vault::new(Way::Removed, &secrets);
    vault.declare(&mut settings);
    for (name, _, _) in OBJECTS {
        fs::write(vault.file(name), "\n").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    write_settings(&file, &settings);
    let pair = Pair::start_unready(&file, Place::new(), None);
    let mut scene = Scene { pair, vault, secrets, settings, folder };
    for ((_, option, _), reason) in OBJECTS.iter().zip(is_empty()) {
        scene.wait_held(option, reason.unwrap());
    }
    let observed = scene.pair.observe();
    assert!(observed.stream_keys.is_empty() && observed.admin.is_none() && observed.webhooks.is_empty());
    assert!(observed.moderators.is_empty() && observed.access_tokens.is_empty());
    assert!(observed.certificate.is_none() && !observed.listeners.contains_key(&Listener::Rtmps));
    for key in ["", "\n", "main"] {
        let target = Target { stream_key: key.to_owned(), ..scene.target() };
        let refused = Publisher::copy(&target, &Clip::SMALL);
        refused.process.wait(IN_FORCE_WITHIN);
    }
    assert_eq!(scene.pair.observe().broadcast, None);
    scene.vault.install(&scene.secrets);
    scene.wait_in_force("good files after bad ones");
}

#[test]
fn a_secret_that_is_gone_for_a_while_ends_nothing() {
    let mut scene = Scene::start(Way::Removed, Place::new(), NEVER_BY_ITSELF);
    let publisher = Publisher::copy(&scene.target(), &Clip::SMALL);
    wait::until("a broadcast", IN_FORCE_WITHIN, || scene.pair.observe().broadcast);
    let keys = scene.pair.observe().stream_keys;
    for _ in 0..3 {
        let (there, away) = (scene.vault.root().join("secrets"), scene.vault.root().join("away"));
        fs::rename(&there, &away).unwrap();
        for (_, option, _) in OBJECTS {
            scene.wait_held(option, "does not exist");
        }
        fs::rename(&away, &there).unwrap();
        scene.wait_not_held();
        assert_eq!(scene.pair.observe().stream_keys, keys);
    }
    assert!(publisher.is_running(), "{}", publisher.log());
    scene.rotate();
    publisher.process.wait(IN_FORCE_WITHIN);
    scene.wait_in_force("a rotation after the files came back");
}

/// A secret file that may not be read by whoever runs the agent.
#[test]
fn a_file_the_agent_may_not_read_is_named() {
    if !process::is_root() {
        skipped("a file the agent may not read", "only root can start an agent as somebody else");
        return;
    }
    let nobody = 65534;
    let mut settings = settings("may not", NEVER_BY_ITSELF);
    let secrets = Secrets::random();
    let vault = Vault::new(Way::Renamed, &secrets);
    vault.declare(&mut settings);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    write_settings(&file, &settings);
    for open in [folder.path(), vault.root()] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let place = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"].map(Into::into).to_vec();
    let pair = Pair::start_unready(&file, place, Some(nobody));
    let scene = Scene { pair, vault, secrets, settings, folder };
    for (name, option, field) in OBJECTS {
        let told = scene.wait_held(option, "may not be read by the agent");
        assert_eq!(told, format!("{field}: {} may not be read by the agent", scene.vault.file(name).display()));
    }
    // Whoever runs as the agent cannot look into its memory all the same: the kernel gives that to root.
    let owner = fs::metadata(format!("/proc/{}/environ", scene.pair.agent().id())).unwrap().uid();
    assert_eq!(owner, 0, "the agent's memory is open to its user");
    // Made readable where it lies: agenix does so at the end of an activation.
    for (name, _, _) in OBJECTS {
        rustix::fs::chown(scene.vault.file(name), Some(rustix::fs::Uid::from_raw(nobody)), None).unwrap();
    }
    scene.wait_in_force("files given to the agent");
}

/// Makes every opening of a file wait until this is dropped, as a dead network file system does.
struct Hang(Child);

impl Hang {
    fn on(file: &Path) -> Result<Self, String> {
        // fanotify(7): asked for permission to open the file, and never answering.
        let program = "import ctypes, os, sys, time\n\
             FAN_CLASS_CONTENT, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD = 4, 1, 0x10000, -100\n\
             libc = ctypes.CDLL(None, use_errno=True)\n\
             group = libc.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY)\n\
             marked = libc.fanotify_mark(group, FAN_MARK_ADD, ctypes.c_uint64(FAN_OPEN_PERM), AT_FDCWD, sys.argv[1].encode())\n\
             if group < 0 or marked < 0: sys.exit(os.strerror(ctypes.get_errno()))\n\
             print('ready', flush=True)\n\
             time.sleep(300)\n";
        let spawned = Command::new("python3")
            .args(["-c", program])
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|error| error.to_string())?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output was piped")).read_line(&mut line).ok();
        if line == "ready\n" {
            return Ok(Self(child));
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

impl Drop for Hang {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_file_that_never_answers_holds_back_itself_alone() {
    let scene = Scene::start(Way::Renamed, Place::new(), SOON_BY_ITSELF);
    let hang = match Hang::on(&scene.vault.file(KEY)) {
        Ok(hang) => hang,
        Err(why) => return skipped("a file that never answers", &why),
    };
    scene.wait_held(OBJECTS[0].1, "could not be read within 5 s");
    assert!(scene.secrets.are_in_force(&scene.pair.observe()), "what the engine holds stays");
    let fresh = Secrets { key: scene.secrets.key.clone(), ..Secrets::random() };
    scene.vault.install_chain(&fresh);
    for (name, content) in fresh.each().into_iter().filter(|(name, _)| *name != KEY) {
        let file = scene.vault.file(name);
        vault::write(&file.with_extension("new"), content);
        fs::rename(file.with_extension("new"), file).unwrap();
    }
    wait::until("the other secrets to be in force", IN_FORCE_WITHIN, || {
        fresh.are_in_force(&scene.pair.observe()).then_some(())
    });
    let plans: Vec<_> = (0..3).map(|_| scene.pair.command(&["plan"])).collect();
    for plan in plans {
        let text = String::from_utf8_lossy(&plan.stdout).into_owned();
        assert!(text.contains("could not be read within 5 s"), "{plan:?}");
    }
    let threads = fs::read_dir(format!("/proc/{}/task", scene.pair.agent().id())).unwrap().count();
    assert!(threads < 16, "{threads} threads wait for one file");
    drop(hang);
    scene.wait_not_held();

    let hang = Hang::on(&scene.vault.file(KEY)).unwrap();
    scene.wait_held(OBJECTS[0].1, "could not be read within 5 s");
    process::send(scene.pair.agent().id(), Signal::TERM);
    let ended = scene.pair.agent().wait(IN_FORCE_WITHIN);
    assert!(ended.success(), "an agent that waits for a file ends when told to: {ended}");
    drop(hang);
}

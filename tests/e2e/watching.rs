//! The settings file is replaced in every way NixOS and people replace it, and the agent follows.
//!
//! Where the interval is an hour, whatever is noticed was hinted at by inotify. The overlay rows need the right to mount
//! in a namespace of their own and Linux 6.5; where either is lacking they say so and prove nothing.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nixcast_schema::{Digest, Settings};
use nixcast_tests::server::write_settings;
use nixcast_tests::wait;
use tempfile::TempDir;

use crate::pair::{IN_FORCE_WITHIN, NEVER_BY_ITSELF, Pair, Place, SOON_BY_ITSELF, folder, settings};

/// How a switch places the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `environment.etc."nixcast/settings.json".source = FILE`: a real folder with a link in it.
    File,
    /// `environment.etc.nixcast.source = FOLDER`: the folder itself is the link.
    Folder,
}

/// A machine's `/etc` and its store, below a folder of the test's own.
#[derive(Debug)]
struct Machine {
    root: TempDir,
    activations: u32,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        for name in ["etc", "store"] {
            folder(&root.path().join(name));
        }
        Self { root, activations: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn settings_file(&self) -> PathBuf {
        self.path("etc/nixcast/settings.json")
    }

    /// A store file is named by its content and never changes.
    fn store(&self, settings: &Settings) -> PathBuf {
        let text = serde_json::to_string(settings).expect("settings are plain data");
        let file = self.path(&format!("store/{}-nixcast-settings.json", Digest::of(text.as_bytes())));
        if !file.exists() {
            fs::write(&file, text).unwrap();
        }
        file
    }

    /// The tree of links that one configuration makes of `environment.etc`; `note` stands for everything else in it.
    fn etc_tree(&self, settings: &Settings, layout: Layout, note: &str) -> PathBuf {
        let document = self.store(settings);
        let name = document.file_name().unwrap().to_str().unwrap().replace("nixcast-settings.json", note);
        let tree = self.path("store").join(format!("{name}-{layout:?}-etc"));
        if tree.exists() {
            return tree;
        }
        folder(&tree.join("ssh"));
        symlink("/nix/store/none-hosts", tree.join("hosts")).unwrap();
        symlink("/nix/store/none-sshd_config", tree.join("ssh/sshd_config")).unwrap();
        match layout {
            Layout::File => {
                folder(&tree.join("nixcast"));
                symlink(&document, tree.join("nixcast/settings.json")).unwrap();
            }
            Layout::Folder => {
                let source = self.path("store").join(format!("{name}-nixcast"));
                folder(&source);
                symlink(&document, source.join("settings.json")).unwrap();
                symlink(&source, tree.join("nixcast")).unwrap();
            }
        }
        tree
    }

    /// What an activation does to a classic `/etc`: `/etc/static` first, then every single link anew, changed or not.
    fn activate(&mut self, settings: &Settings, layout: Layout, note: &str) {
        self.activations += 1;
        let tree = self.etc_tree(settings, layout, note);
        let etc = self.path("etc");
        swap_link(&tree, &etc.join("static"));
        let nixcast = if layout == Layout::File { "nixcast/settings.json" } else { "nixcast" };
        for name in ["hosts", nixcast, "ssh/sshd_config"] {
            let link = etc.join(name);
            folder(link.parent().unwrap());
            // A folder in the way of a link goes; one that is a link already leads to the file as it is.
            if link.is_dir() && !link.is_symlink() {
                fs::remove_dir_all(&link).unwrap();
            }
            if !link.parent().unwrap().is_symlink() {
                swap_link(&etc.join("static").join(name), &link);
            }
        }
    }
}

/// Unlink a leftover, make the link beside, rename it over the old.
fn swap_link(target: &Path, link: &Path) {
    let temporary = PathBuf::from(format!("{}.tmp", link.display()));
    fs::remove_file(&temporary).ok();
    symlink(target, &temporary).unwrap();
    fs::rename(&temporary, link).unwrap();
}

type Replace = fn(&mut Machine, &Settings);

/// Every way in which the file is replaced on a machine with a classic `/etc`, and by hand. The order matters: each
/// row starts from what the one before has left.
const WAYS: &[(&str, Replace)] = &[
    ("an activation", |machine, settings| machine.activate(settings, Layout::File, "a")),
    ("an activation that was killed after /etc/static", |machine, settings| {
        let tree = machine.etc_tree(settings, Layout::File, "b");
        swap_link(&tree, &machine.path("etc/static"));
    }),
    ("the next activation", |machine, settings| machine.activate(settings, Layout::File, "c")),
    ("a link straight into the store, made again", |machine, settings| {
        swap_link(&machine.store(settings), &machine.settings_file());
    }),
    ("the link removed, and another made", |machine, settings| {
        fs::remove_file(machine.settings_file()).unwrap();
        symlink(machine.store(settings), machine.settings_file()).unwrap();
    }),
    ("a file renamed over the link", |machine, settings| write_settings(&machine.settings_file(), settings)),
    ("the file written in place", |machine, settings| {
        fs::write(machine.settings_file(), serde_json::to_string(settings).unwrap()).unwrap();
    }),
    ("the file removed, and another written", |machine, settings| {
        fs::remove_file(machine.settings_file()).unwrap();
        fs::write(machine.settings_file(), serde_json::to_string(settings).unwrap()).unwrap();
    }),
    ("the folder replaced", |machine, settings| {
        folder(&machine.path("etc/next"));
        write_settings(&machine.path("etc/next/settings.json"), settings);
        fs::rename(machine.path("etc/nixcast"), machine.path("etc/old")).unwrap();
        fs::rename(machine.path("etc/next"), machine.path("etc/nixcast")).unwrap();
    }),
    ("the file written in the folder that took its place", |machine, settings| {
        write_settings(&machine.settings_file(), settings);
    }),
    ("the whole of /etc replaced", |machine, settings| {
        folder(&machine.path("etc.next/nixcast"));
        write_settings(&machine.path("etc.next/nixcast/settings.json"), settings);
        fs::rename(machine.path("etc"), machine.path("etc.old")).unwrap();
        fs::rename(machine.path("etc.next"), machine.path("etc")).unwrap();
    }),
    ("an activation that makes a link of the folder", |machine, settings| {
        machine.activate(settings, Layout::Folder, "d");
    }),
    ("an activation that leaves it one", |machine, settings| machine.activate(settings, Layout::Folder, "e")),
    ("/etc/nixcast alone made to lead elsewhere", |machine, settings| {
        let tree = machine.etc_tree(settings, Layout::Folder, "f");
        swap_link(&fs::read_link(tree.join("nixcast")).unwrap(), &machine.path("etc/nixcast"));
    }),
    ("an activation that makes a folder of the link", |machine, settings| {
        fs::remove_file(machine.path("etc/nixcast")).unwrap();
        machine.activate(settings, Layout::File, "g");
    }),
];

#[test]
fn every_way_to_replace_the_settings_is_noticed_at_once() {
    let mut machine = Machine::new();
    let mut settings = settings("first", NEVER_BY_ITSELF);
    machine.activate(&settings, Layout::File, "first");
    let pair = Pair::start(&machine.settings_file(), Place::new());
    let at_first = pair.settled_watches();
    for (how, replace) in WAYS {
        settings.instance.name = (*how).to_owned();
        replace(&mut machine, &settings);
        pair.wait_for_name(how, how);
    }
    // Each way was one acceptance: a moment without a file, or with half of one, is none.
    let generations = pair.generation();
    assert_eq!(generations, 1 + WAYS.len() as u64, "{}", pair.agent_log());
    wait::until("the watches of folders that are gone to be given back", IN_FORCE_WITHIN, || {
        (pair.watches() == at_first).then_some(())
    });
}

#[test]
fn an_activation_that_changes_nothing_makes_no_generation_and_leaks_no_watch() {
    let mut machine = Machine::new();
    let settings = settings("the same", NEVER_BY_ITSELF);
    machine.activate(&settings, Layout::File, "first");
    let pair = Pair::start(&machine.settings_file(), Place::new());
    let (watches, generation, engine) = (pair.settled_watches(), pair.generation(), pair.observe());
    for round in 0..25 {
        let passes = pair.passes();
        // Every other time something else of the machine has changed, so that the tree of links is a new one.
        let note = format!("other-{}", round / 2);
        machine.activate(&settings, Layout::File, &note);
        wait::until("the agent to look", IN_FORCE_WITHIN, || (pair.passes() > passes).then_some(()));
    }
    assert_eq!(pair.generation(), generation);
    assert_eq!(pair.observe(), engine);
    wait::until("as many watches as at first", IN_FORCE_WITHIN, || (pair.watches() == watches).then_some(()));
    assert_eq!(pair.agent_log().matches("accepted settings").count(), 1, "{}", pair.agent_log());
}

#[test]
fn a_file_that_is_gone_for_a_while_changes_nothing() {
    let mut machine = Machine::new();
    let mut settings = settings("stays", NEVER_BY_ITSELF);
    machine.activate(&settings, Layout::File, "first");
    let pair = Pair::start(&machine.settings_file(), Place::new());
    let engine = pair.observe();
    let is_refused =
        |pair: &Pair| pair.status().is_some_and(|status| !status["source"]["refusal"].is_null()).then_some(());
    for _ in 0..3 {
        fs::rename(machine.path("etc"), machine.path("away")).unwrap();
        wait::until("the missing file to be told", IN_FORCE_WITHIN, || is_refused(&pair));
        assert_eq!(pair.observe(), engine);
        fs::rename(machine.path("away"), machine.path("etc")).unwrap();
        wait::until("the file to count again", IN_FORCE_WITHIN, || is_refused(&pair).is_none().then_some(()));
    }
    assert_eq!((pair.observe(), pair.generation()), (engine, 1));
    "moved on".clone_into(&mut settings.instance.name);
    machine.activate(&settings, Layout::File, "second");
    pair.wait_for_name("moved on", "an activation after the file came back");
}

/// A place in which the kernel gives nobody an inotify instance.
pub(crate) fn without_inotify() -> Option<Place> {
    let script = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    let place: Place = ["unshare", "--user", "--map-root-user", "sh", "-c", script].map(Into::into).to_vec();
    let works =
        Command::new(&place[0]).args(&place[1..]).arg("true").output().is_ok_and(|output| output.status.success());
    if !works {
        skipped("without inotify", "no user namespace, or no limit of its own in one");
    }
    works.then_some(place)
}

#[test]
pub(crate) fn without_inotify_the_interval_finds_every_change() {
    let Some(place) = without_inotify() else { return };
    let mut machine = Machine::new();
    let mut settings = settings("first", SOON_BY_ITSELF);
    machine.activate(&settings, Layout::File, "first");
    let pair = Pair::start(&machine.settings_file(), place);
    assert_eq!(pair.watches(), 0);
    wait::until("the agent to say that it cannot watch", IN_FORCE_WITHIN, || {
        pair.agent_log().contains("cannot watch files").then_some(())
    });
    for how in ["second", "third"] {
        how.clone_into(&mut settings.instance.name);
        machine.activate(&settings, Layout::File, how);
        pair.wait_for_name(how, "by the interval alone");
    }
}

#[test]
fn a_reload_applies_whatever_nobody_has_noticed() {
    let Some(place) = without_inotify() else { return };
    let mut machine = Machine::new();
    let mut settings = settings("first", NEVER_BY_ITSELF);
    machine.activate(&settings, Layout::File, "first");
    let pair = Pair::start(&machine.settings_file(), place);
    for (how, replace) in WAYS {
        settings.instance.name = (*how).to_owned();
        replace(&mut machine, &settings);
        assert_ne!(pair.page_name(), *how, "somebody else has noticed");
        let reload = pair.reload(&Place::new());
        assert_eq!(reload.status.code(), Some(0), "{how}: {reload:?}");
        assert_eq!(pair.page_name(), *how);
    }
}

/// A mount namespace, held open by a process that does nothing else.
#[derive(Debug)]
struct Namespace {
    holder: Child,
}

impl Namespace {
    /// Made from the place it is opened in, after `script`.
    fn open(place: &Place, propagation: &str, script: &str) -> Result<Self, String> {
        let script = format!("set -e\n{script}\necho ready\nexec sleep 900");
        let words: Vec<_> =
            ["unshare", "--mount", "--propagation", propagation, "sh", "-c", &script].map(Into::into).to_vec();
        let words = [place.clone(), words].concat();
        let spawned = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut holder = spawned.map_err(|error| error.to_string())?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("its output was piped")).read_line(&mut line).ok();
        if line == "ready\n" {
            return Ok(Self { holder });
        }
        let output = holder.wait_with_output().map_err(|error| error.to_string())?;
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// The words that start a program in it.
    fn place(&self) -> Place {
        ["nsenter", "--mount", "--target", &self.holder.id().to_string(), "--"].map(Into::into).to_vec()
    }

    /// Runs a shell script in it.
    fn run(&self, script: &str) -> Result<(), String> {
        let words = self.place();
        let output = Command::new(&words[0]).args(&words[1..]).args(["sh", "-ec", script]).output();
        let output = output.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

/// A machine whose `/etc` is an overlay, in a mount namespace of its own that stands for the host's.
#[derive(Debug)]
struct OverlayMachine {
    host: Namespace,
    machine: Machine,
    generation: u32,
}

const SETTINGS_FILE: &str = "/etc/nixcast/settings.json";

impl OverlayMachine {
    fn start(settings: &Settings) -> Result<Self, String> {
        let machine = Machine::new();
        let area = machine.path("area");
        folder(&area);
        let area = area.display();
        // Nothing may reach the real machine, so all is made private first; then shared among what is opened from here, as
        // systemd has it. New mounts are made aside, in private, before they are moved.
        let script = format!(
            "mount --make-rshared /; mount -t tmpfs none {area}; mount --make-private {area}; mkdir {area}/base; \
             mount --bind /etc {area}/base; mount --make-private {area}/base"
        );
        let host = Namespace::open(&Place::new(), "private", &script)?;
        let mut this = Self { host, machine, generation: 0 };
        let first = this.prepare(settings)?;
        this.host.run(&format!("mount --move {first} /etc"))?;
        Ok(this)
    }

    /// Mounts the `/etc` of a new configuration aside.
    fn prepare(&mut self, settings: &Settings) -> Result<String, String> {
        self.generation += 1;
        let layer = self.machine.path(&format!("store/etc-metadata-{}", self.generation));
        folder(&layer.join("nixcast"));
        symlink(self.machine.store(settings), layer.join("nixcast/settings.json")).unwrap();
        let (area, layer) = (self.machine.path("area"), layer.display());
        let (area, mounted) = (area.display(), format!("{}/{}", area.display(), self.generation));
        self.host
            .run(&format!("mkdir {mounted}; mount -t overlay overlay -o lowerdir={layer}:{area}/base {mounted}"))?;
        Ok(mounted)
    }

    /// What a switch does: the new overlay goes beneath the old, and the old one away.
    fn switch(&mut self, settings: &Settings) -> Result<(), String> {
        // move_mount(2) has this number on every architecture; util-linux learnt `--beneath` in 2.39.
        let program = "import ctypes, os, sys\n\
             AT_FDCWD, MOVE_MOUNT, MOVE_MOUNT_BENEATH = -100, 429, 0x200\n\
             libc = ctypes.CDLL(None, use_errno=True)\n\
             if libc.syscall(MOVE_MOUNT, AT_FDCWD, sys.argv[1].encode(), AT_FDCWD, b'/etc', MOVE_MOUNT_BENEATH):\n\
             \x20   sys.exit('move_mount: ' + os.strerror(ctypes.get_errno()))\n";
        let mounted = self.prepare(settings)?;
        self.host.run(&format!("python3 - {mounted} <<'END'\n{program}END\numount --lazy /etc"))
    }
}

/// Written past the test harness, which shows nothing of a test that passes.
pub(crate) fn skipped(what: &str, why: &str) {
    writeln!(std::io::stderr(), "\nSKIPPED, nothing was proved: {what}: {why}").ok();
}

/// Runs a test of the overlay where there can be one.
fn with_overlay(what: &str, test: impl FnOnce(OverlayMachine, Settings), interval_seconds: u32) {
    let settings = settings("first", interval_seconds);
    let rehearsal = OverlayMachine::start(&settings).and_then(|mut machine| machine.switch(&settings));
    match rehearsal.and_then(|()| OverlayMachine::start(&settings)) {
        Ok(machine) => test(machine, settings),
        Err(why) => skipped(what, &why),
    }
}

fn renamed(settings: &Settings, name: &str) -> Settings {
    let mut settings = settings.clone();
    name.clone_into(&mut settings.instance.name);
    settings
}

#[test]
fn a_new_overlay_on_etc_is_noticed_at_once() {
    let test = |mut machine: OverlayMachine, settings: Settings| {
        let pair = Pair::start(Path::new(SETTINGS_FILE), machine.host.place());
        for name in ["second", "third", "fourth"] {
            machine.switch(&renamed(&settings, name)).unwrap();
            pair.wait_for_name(name, "a new overlay on /etc");
        }
    };
    with_overlay("a new overlay on /etc", test, NEVER_BY_ITSELF);
}

#[test]
fn a_new_overlay_on_etc_that_gives_no_event_is_found_by_the_interval() {
    let test = |mut machine: OverlayMachine, settings: Settings| {
        let pair = Pair::start(Path::new(SETTINGS_FILE), machine.host.place());
        for name in ["second", "third"] {
            // Whoever has a copy of the mounts keeps the old one alive, and its watches with it.
            let pin = Namespace::open(&machine.host.place(), "private", "").unwrap();
            machine.switch(&renamed(&settings, name)).unwrap();
            pair.wait_for_name(name, "a new overlay on /etc while the old one lives on elsewhere");
            drop(pin);
        }
        let passes = pair.passes();
        wait::until("two more looks", IN_FORCE_WITHIN, || (pair.passes() > passes + 1).then_some(()));
        assert_eq!(pair.generation(), 3);
    };
    with_overlay("a new overlay on /etc without an event", test, SOON_BY_ITSELF);
}

#[test]
fn a_reload_sees_the_overlay_that_the_agent_cannot() {
    let test = |mut machine: OverlayMachine, settings: Settings| {
        // What a unit with `BindPaths` or `ReadOnlyPaths` below /etc would get, and ours must not.
        let bound = "mount --bind /etc/nixcast /etc/nixcast";
        let unit = Namespace::open(&machine.host.place(), "slave", bound).unwrap();
        let mut pair = Pair::start(Path::new(SETTINGS_FILE), unit.place());
        for (generation, name) in [(2, "second"), (3, "third")] {
            machine.switch(&renamed(&settings, name)).unwrap();
            let passes = pair.passes();
            wait::until("the agent to look again", IN_FORCE_WITHIN, || (pair.passes() > passes + 1).then_some(()));
            assert_ne!(pair.page_name(), name, "the agent sees the new /etc by itself, so this row proves nothing");
            let reload = pair.reload(&machine.host.place());
            assert_eq!(reload.status.code(), Some(0), "{reload:?}");
            let passes = pair.passes();
            wait::until("the agent to look again", IN_FORCE_WITHIN, || (pair.passes() > passes + 1).then_some(()));
            assert_eq!((pair.page_name().as_str(), pair.generation()), (name, generation), "the old file took over");
        }
        // A restart gives the agent a namespace of now; what it finds there is what it runs already.
        pair.restart_agent(machine.host.place());
        assert_eq!((pair.page_name().as_str(), pair.generation()), ("third", 3));
        machine.switch(&renamed(&settings, "fourth")).unwrap();
        pair.wait_for_name("fourth", "a new overlay on /etc after the agent's restart");
    };
    with_overlay("a reload under an overlay the agent cannot see", test, SOON_BY_ITSELF);
}

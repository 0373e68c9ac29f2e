//! Where secrets must not be: in the engine's memory before anybody has used them, and in no log, answer, command line,
//! environment, file or last word of any process.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use nixcast_tests::clip::Clip;
use nixcast_tests::process::Process;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::write_settings;
use nixcast_tests::{http, process, wait};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use serde_json::{Value, json};

use super::vault::{Secrets, TLS, Way, random};
use super::{NO_KEY_INSIDE, OBJECTS, Scene, memory};
use crate::live::{rung, source};
use crate::pair::{IN_FORCE_WITHIN, NEVER_BY_ITSELF, Place, settings};
use crate::watching::skipped;

/// Everything that was said or written, by where.
#[derive(Default)]
struct Heard(Vec<(String, Vec<u8>)>);

impl Heard {
    fn add(&mut self, place: impl Into<String>, text: impl Into<Vec<u8>>) {
        self.0.push((place.into(), text.into()));
    }

    fn file(&mut self, place: &str, path: impl AsRef<Path>) {
        let path = path.as_ref();
        let content = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.add(format!("{place} {}", path.display()), content);
    }

    fn folder(&mut self, place: &str, path: &Path) {
        for entry in fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.folder(place, &entry.path()),
                Ok(kind) if kind.is_file() => self.file(place, entry.path()),
                _ => (),
            }
        }
    }

    /// A command's answer, log and all.
    fn command(&mut self, scene: &Scene, words: &[&str]) -> Option<i32> {
        let output = scene.pair.command(words);
        self.add(format!("the answer of {words:?}"), output.stdout);
        self.add(format!("the log of {words:?}"), output.stderr);
        output.status.code()
    }

    /// What the engine says to whoever logs in, the log it keeps in memory among it.
    fn operators_page(&mut self, port: u16, password: &str) {
        let login = basic(password);
        for path in ["view", "settings", "logs", "logs/warnings", "serverconfig", "status", "accesstokens"] {
            let path = format!("/api/admin/{path}");
            let reply = http::get_with(port, &path, &[("authorization", &login)]).unwrap();
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            self.add(path, reply.body);
        }
    }

    /// What an operator is told who deletes a token by what it is.
    fn delete_token(&mut self, port: u16, password: &str, token: &str) {
        let login = basic(password);
        let wish = json!({ "token": token }).to_string();
        let reply = http::post(port, "/api/admin/accesstokens/delete", &[("authorization", &login)], &wish).unwrap();
        assert!([404, 409].contains(&reply.status), "{}", reply.text());
        self.add("the answer to a token's deletion", reply.body);
    }

    /// Every command there is that speaks of settings, for people and for programs.
    fn commands(&mut self, scene: &Scene, other_document: &Path) {
        let other = other_document.to_str().expect("temporary folders have plain names");
        for words in [
            &["status"][..],
            &["plan"],
            &["plan", "--settings", other],
            &["history"],
            &["diff", "1", "2"],
            &["validate", other],
            &["apply", "--wait", "30"],
        ] {
            self.command(scene, words);
            self.command(scene, &[words, &["--json"]].concat());
        }
    }

    #[track_caller]
    fn assert_without(&self, secrets: &[Vec<u8>]) {
        for (place, text) in &self.0 {
            // Each byte as a letter, so that the search for texts, which is a fast one, takes a core dump as well.
            let text: String = text.iter().copied().map(char::from).collect();
            for form in secrets.iter().flat_map(|secret| forms(secret)) {
                if let Some(at) = text.find(&form) {
                    let around: String = text[..at].chars().rev().take(200).collect();
                    let before: String = around.chars().rev().collect();
                    panic!("{form:?} stands in {place} after {before:?}");
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(_, text)| text.len()).sum()
    }
}

/// A secret as it is, as it stands in an address, and as a debugging print of bytes may have it. Each byte as a letter.
fn forms(secret: &[u8]) -> Vec<String> {
    let plain: String = secret.iter().copied().map(char::from).collect();
    let hex = secret.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text takes text");
        hex
    });
    let list = format!("{secret:?}");
    let in_address = plain.replace(' ', "%20");
    vec![plain, in_address, hex, list.trim_matches(['[', ']']).to_owned()]
}

fn basic(password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("admin:{password}")))
}

fn start(name: &str) -> Scene {
    let mut settings = settings(name, NEVER_BY_ITSELF);
    // A rung that has to be encoded, so that there will be a worker.
    settings.video.variants = vec![source(), rung("low", 144, 100)];
    Scene::start_with(Way::Sops, Place::new(), settings)
}

#[test]
fn the_engine_is_given_neither_key_nor_password_nor_path() {
    // Stands in the engine's memory for sure, or looking through it proves nothing.
    let marker = format!("marker-{}", random());
    let scene = start(&marker);
    let Secrets { key, password, hook, moderator, token, tls, authority: _ } = &scene.secrets;
    let line = tls.key.lines().nth(1).expect("a key has more than its first line").to_owned();
    let hash = scene.pair.observe().stream_keys["main"].hash.clone();
    let folder = scene.vault.root().to_str().unwrap().to_owned();
    let needles: Vec<&[u8]> =
        [&marker, &hash, key, password, hook, moderator, token, &line, &folder].map(String::as_bytes).to_vec();

    let engine = scene.pair.engine.id();
    let [has_marker, has_hash, has_key, has_password, has_hook, has_moderator, has_token, has_line, has_folder] =
        memory::count(engine, &needles).try_into().expect("one count for each needle");
    assert!(has_marker > 0 && has_hash > 0, "what the engine does hold is not found: {has_marker}, {has_hash}");
    assert_eq!(
        (has_key, has_password, has_moderator, has_token, has_folder),
        (0, 0, 0, 0, 0),
        "secrets and path in the engine's memory"
    );
    // It has to sign with this one, and to speak TLS with that.
    println!(
        "the webhook's secret stands in the engine's memory {has_hook} times, a line of the private key {has_line}"
    );

    // The same search finds each of them where it belongs.
    let [_, _, has_key, has_password, has_hook, has_moderator, has_token, has_line, has_folder] =
        memory::count(scene.pair.agent().id(), &needles).try_into().expect("one count for each needle");
    let in_agent = [has_key, has_password, has_hook, has_moderator, has_token, has_line, has_folder];
    assert!(in_agent.iter().all(|count| *count > 0), "the agent's memory holds them {in_agent:?} times");

    for entry in fs::read_dir(format!("/proc/{engine}/fd")).unwrap().flatten() {
        let open = fs::read_link(entry.path()).unwrap_or_default();
        assert!(!open.starts_with(&folder), "the engine has {} open", open.display());
    }
}

#[test]
fn no_secret_is_said_or_written_anywhere() {
    let mut scene = start("hush");
    let mut heard = Heard::default();
    let other = scene.folder.path().join("other.json");
    let mut renamed = scene.settings.clone();
    "another name".clone_into(&mut renamed.instance.name);
    write_settings(&other, &renamed);

    heard.commands(&scene, &other);
    let old = scene.secrets.clone();
    scene.rotate();
    scene.wait_in_force("a rotation");
    heard.commands(&scene, &other);

    // A stranger who tries the old key, and people who paste theirs into the wrong field.
    let server = format!("rtmp://127.0.0.1:{}", scene.settings.rtmp.port);
    for path in ["live/KEY", "KEY", "KEY/KEY", "KEY/live", "live/KEY?key=KEY", "live?key=KEY/x"] {
        publish_in_vain(&format!("{server}/{}", path.replace("KEY", &old.key)));
    }
    for authorization in [&old.password, &scene.secrets.password] {
        let _status = log_in(scene.settings.http.port, authorization);
    }

    // A program, with the token that was and with the one that is; and an operator who deletes it by what it is.
    for (token, status) in [(&old.token, 401), (&scene.secrets.token, 200)] {
        let bearer = format!("Bearer {token}");
        let reply = http::get_with(scene.settings.http.port, "/api/integrations/status", &[("authorization", &bearer)]);
        let reply = reply.unwrap();
        assert_eq!(reply.status, status, "{}", reply.text());
        heard.add("what a program is told", reply.body);
        heard.delete_token(scene.settings.http.port, &scene.secrets.password, token);
    }

    let secured = scene.settings.rtmps.port;
    publish_in_vain(&format!("rtmps://127.0.0.1:{secured}/live/{}", old.key));
    let trusted = scene.secrets.authority.file();
    let publisher = Publisher::copy_with_tls(&scene.target(), secured, &trusted, &Clip::SMALL);
    let worker = wait::until("a worker", IN_FORCE_WITHIN, || scene.pair.observe().broadcast?.worker_pid);
    let engine = scene.pair.engine.id();
    for (name, id) in [("agent", scene.pair.agent().id()), ("engine", engine), ("worker", worker)] {
        heard.file(&format!("the {name}'s command line"), format!("/proc/{id}/cmdline"));
        heard.file(&format!("the {name}'s environment"), format!("/proc/{id}/environ"));
    }
    let current = scene.secrets.clone();
    let telling = current.telling();
    let needles: Vec<&[u8]> = telling.iter().map(Vec::as_slice).collect();
    assert!(memory::count(worker, &needles).iter().all(|count| *count == 0), "secrets in the worker's memory");
    let while_live = memory::count(engine, &needles)[0];
    heard.commands(&scene, &other);
    heard.add("what the engine says it runs", scene.pair.observed_text());
    for path in ["/", "/api/page", "/api/status", "/metrics", "/hls/stream.m3u8"] {
        let reply = http::get(scene.settings.http.port, path).unwrap();
        heard.add(path, reply.body);
    }
    heard.operators_page(scene.settings.http.port, &current.password);
    drop(publisher);
    wait::until("the broadcast to end", IN_FORCE_WITHIN, || scene.pair.observe().broadcast.is_none().then_some(()));
    let afterwards = memory::count(engine, &needles)[0];
    println!(
        "a key that was used stands in the engine's memory {while_live} times while live, {afterwards} times after"
    );

    let pasted = refused_documents(&scene, &mut heard);

    // Files that hold a secret and something else besides.
    for (name, option, _) in OBJECTS {
        let file = scene.vault.file(name);
        let content = fs::read_to_string(&file).unwrap();
        if name == TLS {
            // Around a key in PEM anything may stand.
            super::vault::write(&file, &content.replacen('\n', &format!("\n{pasted}\n"), 1));
            scene.wait_held(option, NO_KEY_INSIDE);
        } else {
            super::vault::write(&file, &format!("{content}\n{pasted}\n"));
            scene.wait_held(option, "holds a");
        }
        heard.commands(&scene, &other);
        scene.vault.install(&current);
        scene.wait_not_held();
    }

    last_words(&scene, &mut heard);
    heard.add("the agent's log", scene.pair.agent_log());
    heard.add("the engine's and its worker's log", scene.pair.engine.log());
    heard.folder("the ledger", &scene.pair.state_dir());
    let all: Vec<Vec<u8>> = [old.telling(), current.telling(), vec![pasted.into_bytes()]].concat();
    println!(
        "{} secrets and parts of secrets looked for in {} texts of {} bytes in all",
        all.len(),
        heard.0.len(),
        heard.bytes()
    );
    heard.assert_without(&all);
    assert_can_fail(heard, "another name");
}

/// The search would have found a secret: it finds what was said on purpose.
fn assert_can_fail(heard: Heard, said: &str) {
    let is_found = std::panic::catch_unwind(|| heard.assert_without(&[said.as_bytes().to_vec()])).is_err();
    assert!(is_found, "{said:?} was said, and is not found");
}

fn publish_in_vain(address: &str) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "quiet", "-re", "-i"])
        .arg(Clip::SMALL.file())
        .args(["-c", "copy", "-f", "flv", address])
        .output();
    assert!(!output.expect("ffmpeg can be started").status.success(), "a wrong address or key was let in");
}

/// Asks for a page of the operator's with a password.
fn log_in(port: u16, password: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let path = password.replace(' ', "%20");
    write!(stream, "GET /api/admin/status?password={path} HTTP/1.0\r\nX-Password: {password}\r\n\r\n")?;
    let mut answer = String::new();
    BufReader::new(stream).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Documents into which somebody has pasted the secret itself. Returns it.
fn refused_documents(scene: &Scene, heard: &mut Heard) -> String {
    let pasted = format!("pasted-{}", random());
    let good = serde_json::to_value(&scene.settings).unwrap();
    let with = |place: &str, value: Value| {
        let mut document = good.clone();
        let (parent, field) = place.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[field] = value;
        document.to_string()
    };
    let text = with("/instance/name", json!(pasted));
    let cut = &text[..text.find(&pasted).unwrap() + pasted.len() - 3];
    let documents = [
        with("/streamKeys/0/keyFile", json!(pasted)),
        with("/streamKeys/0/keyFile", json!(format!("/nix/store/{pasted}"))),
        with("/streamKeys/0/key", json!(pasted)),
        with("/admin/passwordFile", json!(pasted)),
        with("/admin/password", json!(pasted)),
        with("/rtmps/keyFile", json!(pasted)),
        with("/rtmps/key", json!(pasted)),
        with("/webhooks/0/secretFile", json!([pasted])),
        with("/integrations/accessTokens/0/tokenFile", json!(pasted)),
        with("/integrations/accessTokens/0/token", json!(pasted)),
        with("/webhooks/0/secret", json!({ "value": pasted })),
        with("/streamKeys", json!({ "main": pasted })),
        format!("{cut}\n"),
        pasted.clone(),
    ];
    let (file, source) = (scene.folder.path().join("pasted.json"), scene.folder.path().join("settings.json"));
    for document in documents {
        fs::write(&file, &document).unwrap();
        let file = file.to_str().unwrap();
        for words in [&["validate", file][..], &["plan", "--settings", file], &["apply", "--settings", file]] {
            assert_eq!(heard.command(scene, words), Some(1), "{words:?}: {document}");
            assert_eq!(heard.command(scene, &[words, &["--json"]].concat()), Some(1), "{words:?}: {document}");
        }
        let refusal =
            |scene: &Scene| scene.pair.status().filter(|status| !status["source"]["refusal"].is_null()).map(drop);
        fs::write(&source, &document).unwrap();
        wait::until("the source to be refused", IN_FORCE_WITHIN, || refusal(scene));
        heard.commands(scene, &source);
        write_settings(&source, &scene.settings);
        wait::until("the good source to count again", IN_FORCE_WITHIN, || refusal(scene).is_none().then_some(()));
    }
    pasted
}

/// Makes each process crash in the middle of its work, and takes what the crash leaves in files.
fn last_words(scene: &Scene, heard: &mut Heard) {
    let publisher = Publisher::copy(&scene.target(), &Clip::SMALL);
    let worker = wait::until("a worker", IN_FORCE_WITHIN, || scene.pair.observe().broadcast?.worker_pid);
    for id in [worker, scene.pair.agent().id(), scene.pair.engine.id()] {
        allow_dumps(id);
        process::send(id, Signal::ABORT);
        wait::until("its end", IN_FORCE_WITHIN, || (!process::is_alive(id)).then_some(()));
    }
    drop(publisher);
    for server in [scene.pair.agent(), &scene.pair.engine] {
        let ended = server.wait(IN_FORCE_WITHIN);
        assert!(!ended.success(), "it should have crashed: {ended}");
    }
    if !dumps_are_left() {
        return skipped("no core dump", "this machine leaves none beside a program");
    }
    let dumps = dumps_in(scene.pair.home());
    println!("core dumps, of the worker at most: {dumps:?}");
    assert!(dumps.len() <= 1, "a process that knows secrets has left its memory in a file: {dumps:?}");
    for dump in dumps {
        heard.file("the worker's memory in", dump);
    }
}

/// Whether a program that may leave a core dump beside itself does: core(5) can be set to do other things with it.
fn dumps_are_left() -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut sleeper = Command::new("sleep");
    let sleeper = Process::spawn("sleep", sleeper.arg("60").current_dir(folder.path()), &folder.path().join("log"));
    allow_dumps(sleeper.id());
    process::send(sleeper.id(), Signal::ABORT);
    sleeper.wait(IN_FORCE_WITHIN);
    dumps_in(folder.path()).len() == 1
}

fn dumps_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"))).collect()
}

fn allow_dumps(id: u32) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    let whole = getrlimit(Resource::Core).maximum;
    match prlimit(pid, Resource::Core, Rlimit { current: whole, maximum: whole }) {
        // A worker that has locked itself in has given them up, and only CAP_SYS_RESOURCE could give them back.
        Ok(_) | Err(Errno::PERM) => {}
        Err(error) => panic!("a limit of our own child's: {error}"),
    }
}

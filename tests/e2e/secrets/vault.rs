//! Secret files, and every way in which people and secret managers replace them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nixcast_core::certificates::{CertificateChain, PrivateKey};
use nixcast_core::control::Observed;
use nixcast_core::keys::Salt;
use nixcast_core::webhooks::SigningSecret;
use nixcast_core::{keys, passwords};
use nixcast_schema::{AccessToken, Moderator, Rtmps, Scope, Settings, StreamKey, Webhook, WebhookEvent};
use nixcast_tests::certificate::{Authority, KeyKind, Pair};
use nixcast_tests::server::free_port;
use tempfile::TempDir;

/// Where each secret lies below the vault's folder of secrets.
pub(super) const KEY: &str = "live/main";
pub(super) const PASSWORD: &str = "live/admin";
pub(super) const HOOK: &str = "hook";
pub(super) const MODERATOR: &str = "live/mate";
pub(super) const TOKEN: &str = "token";
pub(super) const TLS: &str = "live/tls-key";

/// One secret of every kind.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    pub(super) key: String,
    pub(super) password: String,
    pub(super) hook: String,
    pub(super) moderator: String,
    pub(super) token: String,
    /// Its certificate is no secret, and comes and goes with it.
    pub(super) tls: Pair,
    /// What publishers have to trust.
    pub(super) authority: Arc<Authority>,
}

impl Secrets {
    /// New ones, which nothing else in any memory or log can look like.
    pub(super) fn random() -> Self {
        let authority = Arc::new(Authority::new());
        let tls = authority.issue(KeyKind::Pkcs8);
        Self {
            key: random(),
            password: format!("pass word {}", random()),
            hook: random(),
            moderator: random(),
            token: random(),
            tls,
            authority,
        }
    }

    /// Contents of the files.
    pub(super) fn each(&self) -> [(&'static str, &str); 6] {
        [
            (KEY, &self.key),
            (PASSWORD, &self.password),
            (HOOK, &self.hook),
            (MODERATOR, &self.moderator),
            (TOKEN, &self.token),
            (TLS, &self.tls.key),
        ]
    }

    /// Whatever gives one of them away: of the private key each line of its file that holds some of it, and the number
    /// that it is.
    pub(super) fn telling(&self) -> Vec<Vec<u8>> {
        let base64: Vec<&str> = self.tls.key.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64.concat()).expect("OpenSSL writes PEM");
        // The version of an ECPrivateKey and the head of its octet string (RFC 5915, section 3), for P-256.
        let head = [2, 1, 1, 4, 32];
        let at = der.windows(head.len()).position(|bytes| bytes == head).expect("a key of P-256") + head.len();
        // 64 letters a line are 48 bytes.
        let lines = &base64[..=(at + 31) / 48];
        let words = [&self.key, &self.password, &self.hook, &self.moderator, &self.token].map(String::as_str);
        let texts = words.into_iter().chain(lines.iter().copied()).map(|text| text.as_bytes().to_vec());
        texts.chain([der[at..at + 32].to_vec()]).collect()
    }

    /// Whether these are what the engine goes by.
    pub(super) fn are_in_force(&self, observed: &Observed) -> bool {
        let key = observed.stream_keys.get("main").is_some_and(|grant| keys::verify(grant, self.key.as_bytes()));
        let hook = observed.webhooks.get("hook").and_then(|webhook| webhook.secret.as_ref());
        let is_hook = hook.is_some_and(|held| {
            let secret = SigningSecret::from_file_content(self.hook.as_bytes()).expect("a usable secret");
            Salt::from_hex(&held.salt).is_some_and(|salt| secret.fingerprint(&salt) == held.hash)
        });
        let chain = CertificateChain::from_file_content(self.tls.chain.as_bytes()).expect("a usable chain");
        let private_key = PrivateKey::from_file_content(self.tls.key.as_bytes()).expect("a usable private key");
        let is_shown = observed.certificate.as_ref().is_some_and(|shown| shown.is_of(&chain, &private_key));
        let moderator = observed.moderators.get("mate");
        let is_moderator = moderator.is_some_and(|held| keys::recognise(held, self.moderator.as_bytes()));
        let token = observed.access_tokens.get("clock");
        let is_token = token.is_some_and(|held| keys::recognise(&held.token, self.token.as_bytes()));
        // The slow one last, and only when it counts.
        key && is_hook
            && is_moderator
            && is_token
            && is_shown
            && (observed.admin.as_ref())
                .is_some_and(|admin| passwords::verify(&admin.password_hash, self.password.as_bytes()))
    }
}

/// 32 hexadecimal digits.
pub(super) fn random() -> String {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).expect("a random source");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How secrets get where they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Plain files, written to as they are.
    InPlace,
    /// Plain files, new ones renamed over the old.
    Renamed,
    /// Plain files, removed and written anew.
    Removed,
    /// Plain files in a folder that is replaced.
    NewFolder,
    Sops,
    Agenix,
}

impl Way {
    pub(super) const ALL: [Self; 6] =
        [Self::InPlace, Self::Renamed, Self::Removed, Self::NewFolder, Self::Sops, Self::Agenix];
}

/// A machine's secrets, below a folder of the test's own.
#[derive(Debug)]
pub(super) struct Vault {
    root: TempDir,
    way: Way,
    generation: u32,
}

impl Vault {
    pub(super) fn new(way: Way, secrets: &Secrets) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        let mut vault = Self { root, way, generation: 0 };
        vault.install(secrets);
        vault
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The certificate, where everybody may read it.
    fn chain(&self) -> PathBuf {
        self.path("fullchain.pem")
    }

    /// The path that the settings name.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        match self.way {
            // With a `path` of its own sops-nix makes one more link.
            Way::Sops if name == HOOK => self.path("var/lib/hook-secret"),
            Way::Sops => self.path("run/secrets").join(name),
            Way::Agenix => self.path("run/agenix").join(name),
            Way::InPlace | Way::Renamed | Way::Removed | Way::NewFolder => self.path("secrets").join(name),
        }
    }

    /// Puts secrets where they are read, as the manager does at every activation, whether they are new or not.
    pub(super) fn install(&mut self, secrets: &Secrets) {
        self.generation += 1;
        self.install_chain(secrets);
        match self.way {
            Way::InPlace => self.each_file(secrets, write),
            Way::Renamed => self.each_file(secrets, |file, content| {
                write(&file.with_extension("new"), content);
                fs::rename(file.with_extension("new"), file).unwrap();
            }),
            Way::Removed => self.each_file(secrets, |file, content| {
                fs::remove_file(file).ok();
                write(file, content);
            }),
            Way::NewFolder => self.replace_folder(secrets),
            Way::Sops => self.sops_install_secrets(secrets),
            Way::Agenix => self.agenix_activation(secrets),
        }
    }

    /// Puts the certificate beside them, with one rename.
    pub(super) fn install_chain(&self, secrets: &Secrets) {
        let fresh = self.chain().with_extension("new");
        fs::write(&fresh, &secrets.tls.chain).expect("a certificate can be written");
        fs::rename(fresh, self.chain()).expect("a file can be renamed in its own folder");
    }

    fn each_file(&self, secrets: &Secrets, put: impl Fn(&Path, &str)) {
        for (name, content) in secrets.each() {
            let file = self.file(name);
            folder(file.parent().unwrap());
            put(&file, content);
        }
    }

    fn replace_folder(&self, secrets: &Secrets) {
        let next = self.path("secrets.next");
        for (name, content) in secrets.each() {
            folder(next.join(name).parent().unwrap());
            write(&next.join(name), content);
        }
        if self.generation > 1 {
            fs::rename(self.path("secrets"), self.path(&format!("secrets.{}", self.generation))).unwrap();
        }
        fs::rename(next, self.path("secrets")).unwrap();
    }

    /// sops-nix: a numbered folder with everything in it, the link to it swapped from within a folder beside it, and
    /// the older generations removed.
    fn sops_install_secrets(&self, secrets: &Secrets) {
        let (link, store) = (self.path("run/secrets"), self.path("run/secrets.d"));
        let fresh = store.join(self.generation.to_string());
        folder(&store);
        fs::DirBuilder::new().mode(0o751).create(&fresh).unwrap();
        for (name, content) in secrets.each() {
            folder(fresh.join(name).parent().unwrap());
            write(&fresh.join(name), content);
            fs::set_permissions(fresh.join(name), fs::Permissions::from_mode(0o400)).unwrap();
        }
        let own_path = self.path("var/lib/hook-secret");
        if !own_path.is_symlink() {
            folder(own_path.parent().unwrap());
            symlink(link.join(HOOK), own_path).unwrap();
        }
        if symlink(&fresh, &link).is_err() {
            let aside = self.path(&format!("run/.secrets{}", self.generation));
            folder(&aside);
            symlink(&fresh, aside.join("tmp.symlink")).unwrap();
            fs::rename(aside.join("tmp.symlink"), &link).unwrap();
            fs::remove_dir_all(aside).unwrap();
        }
        for older in 1..self.generation {
            fs::remove_dir_all(store.join(older.to_string())).ok();
        }
    }

    /// agenix: at every activation a new generation, each file written beside itself and moved, then `ln -sfn`, and the
    /// generation before removed. Who owns a file is put right last of all.
    fn agenix_activation(&self, secrets: &Secrets) {
        let (link, store) = (self.path("run/agenix"), self.path("run/agenix.d"));
        let fresh = store.join(self.generation.to_string());
        folder(&fresh);
        for (name, content) in secrets.each() {
            let file = fresh.join(name);
            folder(file.parent().unwrap());
            let temporary = PathBuf::from(format!("{}.tmp", file.display()));
            write(&temporary, content);
            fs::set_permissions(&temporary, fs::Permissions::from_mode(0o400)).unwrap();
            fs::rename(temporary, &file).unwrap();
        }
        let linked = Command::new("ln").arg("-sfn").args([&fresh, &link]).status().expect("ln can be started");
        assert!(linked.success());
        fs::remove_dir_all(store.join((self.generation - 1).to_string())).ok();
        for (name, _) in secrets.each() {
            let owner = rustix::process::geteuid();
            rustix::fs::chown(fresh.join(name), Some(owner), None).unwrap();
        }
    }

    /// Declares one object of each kind with its secret in this vault.
    pub(super) fn declare(&self, settings: &mut Settings) {
        let text = |name: &str| self.file(name).to_str().expect("temporary folders have plain names").to_owned();
        settings.stream_keys.push(StreamKey {
            name: "main".to_owned(),
            key_file: text(KEY),
            comment: String::new(),
            enable: true,
            expires: None,
        });
        settings.admin.password_file = Some(text(PASSWORD));
        settings.webhooks.push(Webhook {
            name: "hook".to_owned(),
            enable: true,
            // Nobody listens there.
            url: format!("http://127.0.0.1:{}/hook", free_port()),
            events: vec![WebhookEvent::StreamStarted],
            secret_file: Some(text(HOOK)),
        });
        settings.chat.moderators = vec![Moderator { name: "mate".to_owned(), secret_file: text(MODERATOR) }];
        settings.integrations.access_tokens =
            vec![AccessToken { name: "clock".to_owned(), token_file: text(TOKEN), scopes: Scope::ALL.to_vec() }];
        settings.rtmps = Rtmps {
            enable: true,
            address: "127.0.0.1".to_owned(),
            port: free_port(),
            certificate_file: self.chain().to_str().map(str::to_owned),
            key_file: Some(text(TLS)),
        };
    }
}

/// Truncates and writes, as an editor or a shell does; a new file is its owner's alone.
pub(super) fn write(file: &Path, content: &str) {
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    opened.and_then(|mut file| file.write_all(content.as_bytes())).expect("a secret can be written");
}

fn folder(path: &Path) {
    fs::DirBuilder::new().recursive(true).mode(0o751).create(path).expect("a folder can be made");
}

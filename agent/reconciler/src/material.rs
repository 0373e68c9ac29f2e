//! What lies behind the document's paths: stream keys, the admin password, secrets of moderators and webhooks, access
//! tokens, the certificate of publishers with TLS, the logo and the emoji.
//!
//! The only code of the whole program that reads a secret file. A file that cannot be used holds back its own object,
//! with a reason that names the option and the path and never the content. Called by the loop before each comparison.

mod emoji;
mod file;
mod logo;
mod reads;
mod salt;
mod secret;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nixcast_core::certificates::{CertificateChain, PrivateKey};
use nixcast_core::control::{Listener, ObjectId};
use nixcast_core::keys::{Salt, StreamKeySecret};
use nixcast_core::passwords::AdminPassword;
use nixcast_core::plan::{DesiredCertificate, DesiredEmoji, DesiredLogo, Material, Picture};
use nixcast_core::webhooks::SigningSecret;
use nixcast_schema::Settings;
use tokio::time::Instant;
use zeroize::Zeroizing;

use reads::{Read, Reads};

/// How long files may take to read before their objects are held: a network file system that hangs must not take the
/// loop with it.
const READ_DEADLINE: Duration = Duration::from_secs(5);

/// Reads material and remembers what must outlive a read: salts, and the picture shown last.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Of moderators' secrets: the engine remembers with which one somebody logged in, longer than agent and engine run.
    /// None: this machine has neither a place to keep one nor randomness.
    lasting_salt: Option<Salt>,
    keys: BTreeMap<String, (StreamKeySecret, Salt)>,
    admin: BTreeMap<String, (AdminPassword, Salt)>,
    moderators: BTreeMap<String, (StreamKeySecret, Salt)>,
    webhooks: BTreeMap<String, (SigningSecret, Salt)>,
    access_tokens: BTreeMap<String, (StreamKeySecret, Salt)>,
    private_key: BTreeMap<String, (PrivateKey, Salt)>,
    last_logo: Option<(PathBuf, Picture)>,
    reads: Reads,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// Name and path of each key.
    keys: Vec<(String, PathBuf)>,
    /// At most one, by the fixed name [`ONLY`].
    admin: Vec<(String, PathBuf)>,
    /// Name and path of each moderator's secret.
    moderators: Vec<(String, PathBuf)>,
    /// Name and path of each webhook's secret.
    webhooks: Vec<(String, PathBuf)>,
    /// Name and path of each access token.
    access_tokens: Vec<(String, PathBuf)>,
    /// None while publishers may not connect with TLS, as is the next.
    certificate: Option<PathBuf>,
    /// At most one, by the fixed name [`ONLY`].
    private_key: Vec<(String, PathBuf)>,
    logo: Option<PathBuf>,
    emoji: Option<PathBuf>,
}

/// What a secret is called that is the only one of its kind.
const ONLY: &str = "";

impl Wanted {
    fn of(settings: &Settings) -> Self {
        let entry = |name: &str, path: &str| (name.to_owned(), PathBuf::from(path));
        let webhooks = settings.webhooks.iter();
        let access_tokens = settings.integrations.access_tokens.iter();
        let rtmps = Some(&settings.rtmps).filter(|rtmps| rtmps.enable);
        Self {
            keys: settings.stream_keys.iter().map(|key| entry(&key.name, &key.key_file)).collect(),
            admin: settings.admin.password_file.iter().map(|path| entry(ONLY, path)).collect(),
            moderators: settings.chat.moderators.iter().map(|one| entry(&one.name, &one.secret_file)).collect(),
            webhooks: webhooks.filter_map(|hook| Some(entry(&hook.name, hook.secret_file.as_ref()?))).collect(),
            access_tokens: access_tokens.map(|token| entry(&token.name, &token.token_file)).collect(),
            certificate: rtmps.and_then(|rtmps| rtmps.certificate_file.as_ref()).map(PathBuf::from),
            private_key: rtmps.iter().filter_map(|rtmps| Some(entry(ONLY, rtmps.key_file.as_ref()?))).collect(),
            logo: settings.instance.logo.as_ref().map(PathBuf::from),
            emoji: settings.chat.emoji_folder.as_ref().map(PathBuf::from),
        }
    }
}

/// Every file that `settings` refers to, whether it exists or not.
pub(crate) fn files(settings: &Settings) -> impl Iterator<Item = PathBuf> {
    let Wanted { keys, admin, moderators, webhooks, access_tokens, certificate, private_key, logo, emoji } =
        Wanted::of(settings);
    [keys, admin, moderators, webhooks, access_tokens, private_key]
        .into_iter()
        .flatten()
        .map(|(_, path)| path)
        .chain(certificate)
        .chain(logo)
        .chain(emoji)
}

impl Reader {
    /// Keeps in `state_dir` what must outlive the agent.
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self { lasting_salt: salt::lasting(state_dir), ..Self::default() }
    }

    /// Reads every file that `settings` names.
    pub(crate) async fn read(&mut self, settings: &Settings) -> Material {
        let wanted = Wanted::of(settings);
        let deadline = Instant::now() + READ_DEADLINE;
        // All are under way before the first is waited for.
        let [keys, admin, moderators, webhooks, access_tokens] =
            [&wanted.keys, &wanted.admin, &wanted.moderators, &wanted.webhooks, &wanted.access_tokens]
                .map(|files| self.start(files, secret::read));
        let private_key = self.start(&wanted.private_key, secret::read_private_key);
        let certificate = wanted.certificate.as_deref().map(|path| self.reads.start(path, secret::read_certificate));
        let logo = wanted.logo.as_deref().map(|path| self.reads.start(path, logo::read));
        let emoji = wanted.emoji.as_deref().map(|path| self.reads.start(path, emoji::read));
        let keys = self.finish(keys, deadline, StreamKeySecret::from_file_content).await;
        let admin = self.finish(admin, deadline, AdminPassword::from_file_content).await;
        let moderators = self.finish(moderators, deadline, StreamKeySecret::from_file_content).await;
        let webhooks = self.finish(webhooks, deadline, SigningSecret::from_file_content).await;
        let access_tokens = self.finish(access_tokens, deadline, StreamKeySecret::from_file_content).await;
        let private_key = self.finish(private_key, deadline, PrivateKey::from_file_content).await;
        let certificate =
            self.finish(certificate.into_iter().collect(), deadline, CertificateChain::from_file_content).await;
        let logo = match logo {
            Some(logo) => Some(self.reads.finish(logo, deadline).await),
            None => None,
        };
        let emoji = match emoji {
            Some(emoji) => self.reads.finish(emoji, deadline).await,
            None => Ok(emoji::Folder::default()),
        };
        let key_option = |name: &str| format!("{}.keyFile", ObjectId::StreamKey(name.to_owned()));
        let moderator_option = |name: &str| format!("{}.secretFile", ObjectId::Moderator(name.to_owned()));
        let hook_option = |name: &str| format!("{}.secretFile", ObjectId::Webhook(name.to_owned()));
        let token_option = |name: &str| format!("{}.tokenFile", ObjectId::AccessToken(name.to_owned()));
        let password_option = |_: &str| format!("{}.passwordFile", ObjectId::Admin);
        let private_key_option = |_: &str| format!("{}.keyFile", ObjectId::Listener(Listener::Rtmps));
        let anew = |_: &str| fresh_salt();
        let private_key =
            salted(&mut self.private_key, &wanted.private_key, private_key, private_key_option, anew).remove(ONLY);
        let lasting = self.lasting_salt;
        let of_moderator = |name: &str| lasting.map_or_else(fresh_salt, |salt| Ok(salt.derived(name)));
        Material {
            certificate: certificate_of(wanted.certificate.as_deref(), certificate, private_key),
            keys: salted(&mut self.keys, &wanted.keys, keys, key_option, anew),
            admin: salted(&mut self.admin, &wanted.admin, admin, password_option, anew).remove(ONLY),
            moderators: salted(&mut self.moderators, &wanted.moderators, moderators, moderator_option, of_moderator),
            webhooks: salted(&mut self.webhooks, &wanted.webhooks, webhooks, hook_option, anew),
            access_tokens: salted(&mut self.access_tokens, &wanted.access_tokens, access_tokens, token_option, anew),
            emoji: emoji_of(wanted.emoji.as_deref(), emoji),
            logo: self.logo(wanted.logo, logo),
        }
    }

    /// Reads every file that a document names which is only being planned for: what is remembered stays as it is.
    pub(crate) async fn read_for_plan(&mut self, settings: &Settings) -> Material {
        let reads = std::mem::take(&mut self.reads);
        let mut other = Self { lasting_salt: self.lasting_salt, reads, ..Self::default() };
        let material = other.read(settings).await;
        self.reads = other.reads;
        material
    }

    fn start(
        &mut self,
        files: &[(String, PathBuf)],
        read: fn(&Path) -> Result<Zeroizing<Vec<u8>>, String>,
    ) -> Vec<Read<Zeroizing<Vec<u8>>>> {
        files.iter().map(|(_, path)| self.reads.start(path, read)).collect()
    }

    async fn finish<Secret, Fault: ToString>(
        &mut self,
        started: Vec<Read<Zeroizing<Vec<u8>>>>,
        deadline: Instant,
        parse: impl Fn(&[u8]) -> Result<Secret, Fault>,
    ) -> Vec<Result<Secret, String>> {
        let mut found = Vec::with_capacity(started.len());
        for read in started {
            let content = self.reads.finish(read, deadline).await;
            found.push(content.and_then(|content| parse(&content).map_err(|fault| fault.to_string())));
        }
        found
    }

    fn logo(&mut self, path: Option<PathBuf>, found: Option<Result<Picture, String>>) -> DesiredLogo {
        let (Some(path), Some(found)) = (path, found) else {
            self.last_logo = None;
            return DesiredLogo::BuiltIn;
        };
        match found {
            Ok(picture) => {
                self.last_logo = Some((path, picture.clone()));
                DesiredLogo::Picture(picture)
            }
            Err(reason) => DesiredLogo::Held {
                reason: format!("{}.logo: {} {reason}", ObjectId::Page, path.display()),
                last_good: self.last_logo.as_ref().map(|(_, picture)| picture.clone()),
            },
        }
    }
}

/// The declared pair, each half with its fault; none if it is not declared.
fn certificate_of(
    path: Option<&Path>,
    mut found: Vec<Result<CertificateChain, String>>,
    private_key: Option<(Result<PrivateKey, String>, Salt)>,
) -> Option<DesiredCertificate> {
    let (path, (private_key, fresh_salt)) = (path?, private_key?);
    let chain = found.pop()?.map_err(|reason| format!("{}: {} {reason}", ObjectId::Certificate, path.display()));
    Some(DesiredCertificate { chain, private_key, fresh_salt })
}

/// What can be offered of a folder, and what keeps the rest of it from being offered.
fn emoji_of(path: Option<&Path>, found: Result<emoji::Folder, String>) -> DesiredEmoji {
    let reason = |fault: &str| match path {
        Some(path) => format!("{}: {} {fault}", ObjectId::Emoji, path.display()),
        None => format!("{}: {fault}", ObjectId::Emoji),
    };
    match found {
        Ok(folder) => {
            let refused = folder.refused_in_words().map(|words| reason(&words));
            DesiredEmoji { pictures: Some(folder.pictures), refused }
        }
        Err(fault) => DesiredEmoji { pictures: None, refused: Some(reason(&fault)) },
    }
}

/// Gives each secret of a kind its salt: one for as long as the secret stays the same, so that two rounds of reading
/// compare equal. A fault names the option and the path.
fn salted<Secret: Clone + PartialEq>(
    known: &mut BTreeMap<String, (Secret, Salt)>,
    wanted: &[(String, PathBuf)],
    found: Vec<Result<Secret, String>>,
    option: impl Fn(&str) -> String,
    new_salt: impl Fn(&str) -> Result<Salt, String>,
) -> BTreeMap<String, (Result<Secret, String>, Salt)> {
    known.retain(|known, _| wanted.iter().any(|(name, _)| name == known));
    let mut secrets = BTreeMap::new();
    for ((name, path), found) in wanted.iter().zip(found) {
        let secret = found.and_then(|secret| {
            let (secret, salt) = match known.remove(name) {
                Some((same, salt)) if same == secret => (same, salt),
                _ => (secret, new_salt(name)?),
            };
            known.insert(name.clone(), (secret.clone(), salt));
            Ok((secret, salt))
        });
        let entry = match secret {
            Ok((secret, salt)) => (Ok(secret), salt),
            Err(reason) => (Err(format!("{}: {} {reason}", option(name), path.display())), Salt::new([0; 16])),
        };
        secrets.insert(name.clone(), entry);
    }
    secrets
}

fn fresh_salt() -> Result<Salt, String> {
    salt::random().map_err(|cause| format!("cannot be hashed: no random numbers ({cause})"))
}

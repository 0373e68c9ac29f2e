//! What lies behind the document's paths: stream keys, the admin password, webhook secrets and the logo.
//!
//! The only code of the whole program that reads a secret file. A file that cannot be used holds back its own object,
//! with a reason that names the option and the path and never the content. Called by the loop before each comparison.

mod logo;
mod secret;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nixcast_core::control::ObjectId;
use nixcast_core::keys::{Salt, StreamKeySecret};
use nixcast_core::passwords::AdminPassword;
use nixcast_core::plan::{DesiredLogo, Material, Picture};
use nixcast_core::webhooks::SigningSecret;
use nixcast_schema::Settings;
use tokio::task::JoinHandle;

/// How long files may take to read before their objects are held: a network file system that hangs must not take the
/// loop with it.
const READ_DEADLINE: Duration = Duration::from_secs(5);

/// Reads material and remembers what must outlive a read: salts, and the picture shown last.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    keys: BTreeMap<String, (StreamKeySecret, Salt)>,
    admin: BTreeMap<String, (AdminPassword, Salt)>,
    webhooks: BTreeMap<String, (SigningSecret, Salt)>,
    last_logo: Option<(PathBuf, Picture)>,
    /// A read that missed its deadline. No second one is started beside it.
    overdue: Option<JoinHandle<Files>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// Name and path of each key.
    keys: Vec<(String, PathBuf)>,
    /// At most one, by the fixed name [`PASSWORD`].
    admin: Vec<(String, PathBuf)>,
    /// Name and path of each webhook's secret.
    webhooks: Vec<(String, PathBuf)>,
    logo: Option<PathBuf>,
}

/// What the admin password is called among the secrets of its kind.
const PASSWORD: &str = "";

impl Wanted {
    fn of(settings: &Settings) -> Self {
        let entry = |name: &str, path: &str| (name.to_owned(), PathBuf::from(path));
        let webhooks = settings.webhooks.iter();
        Self {
            keys: settings.stream_keys.iter().map(|key| entry(&key.name, &key.key_file)).collect(),
            admin: settings.admin.password_file.iter().map(|path| entry(PASSWORD, path)).collect(),
            webhooks: webhooks.filter_map(|hook| Some(entry(&hook.name, hook.secret_file.as_ref()?))).collect(),
            logo: settings.instance.logo.as_ref().map(PathBuf::from),
        }
    }
}

/// Every file that `settings` refers to, whether it exists or not.
pub(crate) fn files(settings: &Settings) -> impl Iterator<Item = PathBuf> {
    let Wanted { keys, admin, webhooks, logo } = Wanted::of(settings);
    [keys, admin, webhooks].into_iter().flatten().map(|(_, path)| path).chain(logo)
}

/// What one round of reading found.
#[derive(Debug)]
struct Files {
    keys: Vec<Result<StreamKeySecret, String>>,
    admin: Vec<Result<AdminPassword, String>>,
    webhooks: Vec<Result<SigningSecret, String>>,
    logo: Option<Result<Picture, String>>,
}

impl Reader {
    /// Reads every file that `settings` names.
    pub(crate) async fn read(&mut self, settings: &Settings) -> Material {
        let wanted = Wanted::of(settings);
        let files = self.read_files(wanted.clone()).await.unwrap_or_else(|| Files::late(&wanted));
        let key_option = |name: &str| format!("{}.keyFile", ObjectId::StreamKey(name.to_owned()));
        let hook_option = |name: &str| format!("{}.secretFile", ObjectId::Webhook(name.to_owned()));
        let password_option = |_: &str| format!("{}.passwordFile", ObjectId::Admin);
        Material {
            keys: salted(&mut self.keys, &wanted.keys, files.keys, key_option),
            admin: salted(&mut self.admin, &wanted.admin, files.admin, password_option).remove(PASSWORD),
            webhooks: salted(&mut self.webhooks, &wanted.webhooks, files.webhooks, hook_option),
            logo: self.logo(wanted.logo, files.logo),
        }
    }

    async fn read_files(&mut self, wanted: Wanted) -> Option<Files> {
        if let Some(overdue) = self.overdue.take_if(|overdue| overdue.is_finished()) {
            drop(overdue);
        }
        if self.overdue.is_some() {
            return None;
        }
        let mut reading = tokio::task::spawn_blocking(move || Files::read(&wanted));
        match tokio::time::timeout(READ_DEADLINE, &mut reading).await {
            Ok(files) => files.ok(),
            Err(_) => {
                self.overdue = Some(reading);
                None
            }
        }
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

impl Files {
    fn read(wanted: &Wanted) -> Self {
        Self {
            keys: read_all(&wanted.keys, StreamKeySecret::from_file_content),
            admin: read_all(&wanted.admin, AdminPassword::from_file_content),
            webhooks: read_all(&wanted.webhooks, SigningSecret::from_file_content),
            logo: wanted.logo.as_deref().map(logo::read),
        }
    }

    /// What is known when the deadline has passed: nothing.
    fn late(wanted: &Wanted) -> Self {
        fn late<T>() -> Result<T, String> {
            Err(format!("could not be read within {} s", READ_DEADLINE.as_secs()))
        }
        Self {
            keys: wanted.keys.iter().map(|_| late()).collect(),
            admin: wanted.admin.iter().map(|_| late()).collect(),
            webhooks: wanted.webhooks.iter().map(|_| late()).collect(),
            logo: wanted.logo.as_ref().map(|_| late()),
        }
    }
}

fn read_all<Secret, Fault: ToString>(
    wanted: &[(String, PathBuf)],
    parse: impl Fn(&[u8]) -> Result<Secret, Fault>,
) -> Vec<Result<Secret, String>> {
    wanted.iter().map(|(_, path)| secret::read(path, &parse)).collect()
}

/// Gives each secret of a kind its salt: one for as long as the secret stays the same, so that two rounds of reading
/// compare equal. A fault names the option and the path.
fn salted<Secret: Clone + PartialEq>(
    known: &mut BTreeMap<String, (Secret, Salt)>,
    wanted: &[(String, PathBuf)],
    found: Vec<Result<Secret, String>>,
    option: impl Fn(&str) -> String,
) -> BTreeMap<String, (Result<Secret, String>, Salt)> {
    known.retain(|known, _| wanted.iter().any(|(name, _)| name == known));
    let mut secrets = BTreeMap::new();
    for ((name, path), found) in wanted.iter().zip(found) {
        let secret = found.and_then(|secret| {
            let (secret, salt) = match known.remove(name) {
                Some((same, salt)) if same == secret => (same, salt),
                _ => (secret, fresh_salt()?),
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
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|cause| format!("cannot be hashed: no random numbers ({cause})"))?;
    Ok(Salt::new(random))
}

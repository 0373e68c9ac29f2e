//! What lies behind the document's paths: stream keys and the logo.
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
use nixcast_core::plan::{DesiredLogo, Material, Picture};
use nixcast_schema::Settings;
use tokio::task::JoinHandle;

/// How long files may take to read before their objects are held: a network file system that hangs must not take the
/// loop with it.
const READ_DEADLINE: Duration = Duration::from_secs(5);

/// Reads material and remembers what must outlive a read: salts, and the picture shown last.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    keys: BTreeMap<String, (StreamKeySecret, Salt)>,
    last_logo: Option<(PathBuf, Picture)>,
    /// A read that missed its deadline. No second one is started beside it.
    overdue: Option<JoinHandle<Files>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// Name and path of each key.
    keys: Vec<(String, PathBuf)>,
    logo: Option<PathBuf>,
}

/// What one round of reading found.
#[derive(Debug)]
struct Files {
    keys: Vec<Result<StreamKeySecret, String>>,
    logo: Option<Result<Picture, String>>,
}

impl Reader {
    /// Reads every file that `settings` names.
    pub(crate) async fn read(&mut self, settings: &Settings) -> Material {
        let wanted = Wanted {
            keys: settings.stream_keys.iter().map(|key| (key.name.clone(), PathBuf::from(&key.key_file))).collect(),
            logo: settings.instance.logo.as_ref().map(PathBuf::from),
        };
        let files = self.read_files(wanted.clone()).await.unwrap_or_else(|| {
            let late = || format!("could not be read within {} s", READ_DEADLINE.as_secs());
            Files {
                keys: wanted.keys.iter().map(|_| Err(late())).collect(),
                logo: wanted.logo.as_ref().map(|_| Err(late())),
            }
        });
        Material { keys: self.keys(&wanted, files.keys), logo: self.logo(wanted.logo, files.logo) }
    }

    async fn read_files(&mut self, wanted: Wanted) -> Option<Files> {
        if let Some(overdue) = self.overdue.take_if(|overdue| overdue.is_finished()) {
            drop(overdue);
        }
        if self.overdue.is_some() {
            return None;
        }
        let mut reading = tokio::task::spawn_blocking(move || Files {
            keys: wanted.keys.iter().map(|(_, path)| secret::read(path)).collect(),
            logo: wanted.logo.as_deref().map(logo::read),
        });
        match tokio::time::timeout(READ_DEADLINE, &mut reading).await {
            Ok(files) => files.ok(),
            Err(_) => {
                self.overdue = Some(reading);
                None
            }
        }
    }

    fn keys(
        &mut self,
        wanted: &Wanted,
        found: Vec<Result<StreamKeySecret, String>>,
    ) -> BTreeMap<String, (Result<StreamKeySecret, String>, Salt)> {
        self.keys.retain(|known, _| wanted.keys.iter().any(|(name, _)| name == known));
        let mut keys = BTreeMap::new();
        for ((name, path), found) in wanted.keys.iter().zip(found) {
            let salt = match &found {
                Ok(secret) => self.salt(name, secret),
                Err(_) => Ok(Salt::new([0; 16])),
            };
            let option = ObjectId::StreamKey(name.clone());
            let (secret, salt) = match (found, salt) {
                (Ok(secret), Ok(salt)) => (Ok(secret), salt),
                (Err(reason), _) | (Ok(_), Err(reason)) => {
                    (Err(format!("{option}.keyFile: {} {reason}", path.display())), Salt::new([0; 16]))
                }
            };
            keys.insert(name.clone(), (secret, salt));
        }
        keys
    }

    /// One salt for as long as a key keeps its secret, so that two rounds of reading compare equal.
    fn salt(&mut self, name: &str, secret: &StreamKeySecret) -> Result<Salt, String> {
        if let Some((_, salt)) = self.keys.get(name).filter(|(known, _)| known == secret) {
            return Ok(*salt);
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|cause| format!("cannot be hashed: no random numbers ({cause})"))?;
        let salt = Salt::new(random);
        self.keys.insert(name.to_owned(), (secret.clone(), salt));
        Ok(salt)
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

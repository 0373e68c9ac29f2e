//! Where settings come from: a JSON document, as NixOS renders it, or a Nix file evaluated here.

use std::fs;
use std::path::{Path, PathBuf};

use nixcast_schema::MAX_DOCUMENT_BYTES;
use tokio::io::AsyncReadExt as _;

use crate::crash::{self, Point};
use crate::document::sha256_hex;
use crate::nix::NixSource;
use crate::report::Refusal;

/// A place that is read again whenever it changes.
#[derive(Clone, Debug)]
pub enum Source {
    Json(PathBuf),
    Nix(NixSource),
}

/// What a source holds at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) text: String,
    /// SHA-256 of `text`, lowercase hex.
    pub(crate) hash: String,
}

impl Source {
    /// The file an operator edits.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Json(path) => path,
            Self::Nix(source) => &source.file,
        }
    }

    /// The file behind every symbolic link, on NixOS a store path.
    pub(crate) fn store_path(&self) -> Option<PathBuf> {
        fs::canonicalize(self.path()).ok()
    }

    /// Tells whether an evaluation would see anything new; none where a look at the content itself is cheaper.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        match self {
            Self::Json(_) => None,
            Self::Nix(source) => {
                Some(source.fingerprint().map_or_else(|cause| cause.kind().to_string(), |digest| digest.to_string()))
            }
        }
    }

    /// Every file whose change is a reason to read again.
    pub(crate) fn inputs(&self) -> Vec<PathBuf> {
        match self {
            Self::Json(path) => vec![path.clone()],
            Self::Nix(source) => source.inputs(),
        }
    }

    /// Reads or evaluates the source. The caller sets the deadline.
    pub(crate) async fn read(&self) -> Result<Content, Refusal> {
        let text = match self {
            Self::Json(path) => read_document(path).await?,
            Self::Nix(source) => source.evaluate().await.map_err(|error| Refusal::of_evaluation(&error))?.json,
        };
        let hash = sha256_hex(text.as_bytes());
        crash::reached(Point::SourceRead);
        Ok(Content { text, hash })
    }
}

async fn read_document(path: &Path) -> Result<String, Refusal> {
    let unreadable = |cause: std::io::Error| Refusal::unreadable(path, &cause.to_string());
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    // Room for one byte too many, so that the parser sees that the document is too large and says so.
    let bound = u64::try_from(MAX_DOCUMENT_BYTES + 1).unwrap_or(u64::MAX);
    let mut content = Vec::new();
    file.take(bound).read_to_end(&mut content).await.map_err(unreadable)?;
    String::from_utf8(content).map_err(|_| Refusal::unreadable(path, "it is not UTF-8 text"))
}

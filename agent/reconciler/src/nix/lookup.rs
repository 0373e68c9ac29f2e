//! Which nixpkgs evaluates the settings. Only its `lib` is used, and any since 2023 will do.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::{NixError, command};

/// Looking up a name in NIX_PATH touches a few folders.
const FIND_DEADLINE: Duration = Duration::from_secs(10);

/// The first of: what the caller names, `NIXCAST_NIXPKGS`, `<nixpkgs>`, the copy in the cache. One that was named and
/// is not there is an error, not a reason to take another.
pub(super) async fn nixpkgs(program: &Path, named: Option<&Path>) -> Result<PathBuf, NixError> {
    if let Some(path) = named {
        return usable(path, format!("--nixpkgs {}", path.display()));
    }
    if let Some(path) = env::var_os("NIXCAST_NIXPKGS").filter(|path| !path.is_empty()).map(PathBuf::from) {
        return usable(&path, format!("NIXCAST_NIXPKGS={}", path.display()));
    }
    if let Some(path) = from_nix_path(program).await?.filter(|path| has_lib(path)) {
        return Ok(path);
    }
    let cached = cached();
    if let Some(path) = cached.as_deref().filter(|path| has_lib(path)) {
        return Ok(path.to_owned());
    }
    let cached =
        cached.map_or_else(|| "a cache folder (HOME is not set)".to_owned(), |path| path.display().to_string());
    let tried = ["--nixpkgs", "NIXCAST_NIXPKGS", "<nixpkgs> in NIX_PATH"].map(str::to_owned);
    Err(NixError::NixpkgsMissing { tried: tried.into_iter().chain([cached]).collect() })
}

fn usable(path: &Path, told: String) -> Result<PathBuf, NixError> {
    // Nix takes the path as a string, so it must not depend on the folder the command was run in.
    let absolute = path.canonicalize().ok().filter(|path| has_lib(path));
    absolute.ok_or(NixError::NixpkgsMissing { tried: vec![told] })
}

fn has_lib(path: &Path) -> bool {
    path.join("lib/default.nix").is_file()
}

/// What `<nixpkgs>` stands for, by the evaluator's own rules.
async fn from_nix_path(program: &Path) -> Result<Option<PathBuf>, NixError> {
    let finding = command(program).args(["--store", "dummy://", "--find-file", "nixpkgs"]).output();
    let found = timeout(FIND_DEADLINE, finding).await.map_err(|_| NixError::Deadline(FIND_DEADLINE))?;
    let found = found.map_err(NixError::Start)?;
    let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    Ok((found.status.success() && !path.is_empty()).then(|| path.into()))
}

/// Where `tests/nix/fetch-nixpkgs` leaves a link.
fn cached() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("nixcast/nixpkgs"))
}

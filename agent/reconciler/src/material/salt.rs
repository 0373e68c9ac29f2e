//! A salt that outlives the agent: whoever compares hashes made with it knows a secret again after a restart of both.
//!
//! It is no secret by itself. Without it, what the engine remembers of secrets is of no use for guessing them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nixcast_core::keys::Salt;

const NAME: &str = "salt";
const TEMPORARY: &str = "salt.tmp";

/// The one kept in `folder`, or a new one, which is kept if that is possible. None without randomness.
pub(super) fn lasting(folder: &Path) -> Option<Salt> {
    let kept = fs::read_to_string(folder.join(NAME)).ok();
    if let Some(salt) = kept.and_then(|text| Salt::from_hex(text.trim_end())) {
        return Some(salt);
    }
    let salt = random().ok()?;
    if let Err(error) = keep(folder, &salt) {
        tracing::warn!(%error, folder = %folder.display(), "moderators have to log in again after the next restart");
    }
    Some(salt)
}

pub(super) fn random() -> Result<Salt, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(Salt::new(random))
}

/// Complete as soon as it carries its name.
fn keep(folder: &Path, salt: &Salt) -> io::Result<()> {
    let temporary = folder.join(TEMPORARY);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    writeln!(file, "{}", salt.to_hex())?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(NAME))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_next_agent_finds_it_and_a_damaged_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let first = lasting(folder.path()).unwrap().to_hex();
        assert_eq!(lasting(folder.path()).unwrap().to_hex(), first);
        fs::write(folder.path().join(NAME), "half of it").unwrap();
        let second = lasting(folder.path()).unwrap().to_hex();
        assert_ne!(second, first);
        assert_eq!(lasting(folder.path()).unwrap().to_hex(), second);
        assert!(lasting(&folder.path().join("missing")).is_some(), "for as long as this agent runs");
    }
}

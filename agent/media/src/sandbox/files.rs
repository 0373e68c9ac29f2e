//! Landlock: no file, no TCP, no abstract unix socket and no signal to anybody outside.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::Profile;

/// The newest rights asked for: Linux 6.12. Older kernels enforce what they know of them.
const KNOWN: ABI = ABI::V6;

/// Folders of the nodes of video devices. Those of NVIDIA lie in `/dev` itself.
const DEVICE_FOLDERS: [&str; 2] = ["/dev/dri", "/dev/nvidia-caps"];

/// Beginnings of the names of device nodes in `/dev`.
const DEVICE_NAMES: [&str; 3] = ["nvidia", "video", "media"];

/// Why there is no Landlock.
#[derive(Debug, thiserror::Error)]
pub(super) enum LandlockError {
    #[error("the kernel does not offer it, or a system call filter around the engine forbids it")]
    Absent,
    #[error("{0}")]
    Ruleset(#[from] landlock::RulesetError),
}

/// Handles every right and grants none, or those to open devices. Says whether the kernel enforces all of it.
pub(super) fn restrict(profile: Profile) -> Result<bool, LandlockError> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    let rules = if profile == Profile::Hardware { grant_devices(rules)? } else { rules };
    match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Ok(true),
        RulesetStatus::PartiallyEnforced => Ok(false),
        RulesetStatus::NotEnforced => Err(LandlockError::Absent),
    }
}

fn grant_devices(mut rules: RulesetCreated) -> Result<RulesetCreated, LandlockError> {
    let names = std::fs::read_dir("/dev").into_iter().flatten().flatten().map(|entry| entry.path());
    let nodes = names.filter(|path| {
        let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        DEVICE_NAMES.iter().any(|start| name.starts_with(start)) && !path.is_dir()
    });
    for path in DEVICE_FOLDERS.map(Into::into).into_iter().chain(nodes) {
        // A device that is not there needs no rule.
        if let Ok(opened) = PathFd::new(&path) {
            let rights = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
            rules = rules.add_rule(PathBeneath::new(opened, rights))?;
        }
    }
    Ok(rules)
}

//! The Nix module, carried by the binary: what it evaluates is what it was built with.

use std::{fs, io};

use tempfile::TempDir;

/// Every file that `module/eval.nix` reads, by its path below `module/`. A test holds the list against the folder.
const FILES: [(&str, &str); 20] = [
    ("eval.nix", include_str!("../../../../module/eval.nix")),
    ("addresses.nix", include_str!("../../../../module/addresses.nix")),
    ("document.nix", include_str!("../../../../module/document.nix")),
    ("types.nix", include_str!("../../../../module/types.nix")),
    ("options/default.nix", include_str!("../../../../module/options/default.nix")),
    ("options/admin.nix", include_str!("../../../../module/options/admin.nix")),
    ("options/broadcast.nix", include_str!("../../../../module/options/broadcast.nix")),
    ("options/chat.nix", include_str!("../../../../module/options/chat.nix")),
    ("options/http.nix", include_str!("../../../../module/options/http.nix")),
    ("options/instance.nix", include_str!("../../../../module/options/instance.nix")),
    ("options/integrations.nix", include_str!("../../../../module/options/integrations.nix")),
    ("options/metrics.nix", include_str!("../../../../module/options/metrics.nix")),
    ("options/public-url.nix", include_str!("../../../../module/options/public-url.nix")),
    ("options/reconcile.nix", include_str!("../../../../module/options/reconcile.nix")),
    ("options/rtmp.nix", include_str!("../../../../module/options/rtmp.nix")),
    ("options/rtmps.nix", include_str!("../../../../module/options/rtmps.nix")),
    ("options/service.nix", include_str!("../../../../module/options/service.nix")),
    ("options/stream-keys.nix", include_str!("../../../../module/options/stream-keys.nix")),
    ("options/video.nix", include_str!("../../../../module/options/video.nix")),
    ("options/webhooks.nix", include_str!("../../../../module/options/webhooks.nix")),
];

/// Writes the module to a folder of its own that only this user can enter and that goes with the returned value.
pub(super) fn write() -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("nixcast-module-").tempdir()?;
    fs::create_dir(folder.path().join("options"))?;
    for (name, text) in FILES {
        fs::write(folder.path().join(name), text)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_option_file_is_carried() {
        let options = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../module/options");
        let there: BTreeSet<String> = fs::read_dir(options)
            .unwrap()
            .map(|entry| format!("options/{}", entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        let carried = FILES.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name.starts_with("options/"));
        assert_eq!(carried.collect::<BTreeSet<_>>(), there);
    }
}

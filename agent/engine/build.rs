//! Stops the build with a hint when the page has not been built: the engine embeds it.

use std::path::Path;

const DIST: &str = "../web/dist";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={DIST}");
    if !Path::new(DIST).join(".vite/manifest.json").is_file() {
        println!(
            "cargo::error=the viewers' page is not built (no agent/web/dist/.vite/manifest.json): \
             run `npm ci && npm run build` in agent/web first"
        );
    }
}

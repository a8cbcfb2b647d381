//! Puts the start programs into kiln, where `scripts/build-start` has built them: in `target/start`,
//! or where `KILN_START_DIR` says. A kiln without them refuses the images that need one.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script everything through its environment"
)]

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-env-changed=KILN_START_DIR");
    let folder = std::env::var_os("KILN_START_DIR").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| {
        // OUT_DIR is target/PROFILE/build/kiln-HASH/out.
        let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
        out.ancestors()
            .nth(4)
            .map_or_else(PathBuf::new, |target| target.join("start"))
    });
    let mut list = String::from("&[");
    for (architecture, name) in [("Amd64", "amd64"), ("Arm64", "arm64")] {
        let program = folder.join(format!("kiln-start-{name}"));
        println!("cargo::rerun-if-changed={}", program.display());
        if program.is_file() {
            list.push_str(&format!(
                "(Architecture::{architecture}, include_bytes!({:?})),",
                program.display().to_string()
            ));
        }
    }
    list.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    if let Err(error) = std::fs::write(out.join("start_programs.rs"), list) {
        println!("cargo::error=the list of start programs cannot be written: {error}");
    }
}

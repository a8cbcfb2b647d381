// Included by build scripts: a name for the code of some rooms.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// A number that another source text of these rooms, or of what they are built with, does not have.
fn name_of_sources(rooms: &[&str]) -> String {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for room in rooms {
        let source = crates.join(room).join("src");
        println!("cargo::rerun-if-changed={}", source.display());
        read(&source, &mut files);
    }
    // Other people's code decides too: another deflate makes other bytes, another list of licences
    // knows others.
    for name in ["Cargo.lock", "Cargo.toml"] {
        let path = crates.join("..").join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        if let Ok(content) = std::fs::read(&path) {
            files.insert(path, content);
        }
    }
    let mut hasher = DefaultHasher::new();
    for (path, content) in files {
        path.strip_prefix(&crates)
            .unwrap_or(&path)
            .hash(&mut hasher);
        content.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn read(directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            read(&path, files);
        } else if let Ok(content) = std::fs::read(&path) {
            files.insert(path, content);
        }
    }
}

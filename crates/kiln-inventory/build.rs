//! Names the code that says what is in a layer, so that a kiln with other code does not take answers
//! from the cache that its own would not give. The name is part of a key and of nothing else.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The rooms whose code decides.
const ROOMS: [&str; 5] = [
    "kiln-archive",
    "kiln-deb",
    "kiln-inventory",
    "kiln-oci",
    "kiln-types",
];

fn main() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for room in ROOMS {
        let source = crates.join(room).join("src");
        println!("cargo::rerun-if-changed={}", source.display());
        read(&source, &mut files);
    }
    // Other people's code decides too, such as the list of licences.
    let lock = crates.join("..").join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    if let Ok(content) = std::fs::read(&lock) {
        files.insert(lock, content);
    }
    let mut hasher = DefaultHasher::new();
    for (path, content) in files {
        path.strip_prefix(&crates)
            .unwrap_or(&path)
            .hash(&mut hasher);
        content.hash(&mut hasher);
    }
    println!("cargo::rustc-env=KILN_CATALOGERS={:016x}", hasher.finish());
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

//! `/etc/ld.so.cache`, byte for byte as `ldconfig` of glibc 2.37 to 2.42 writes it, and the links
//! that it makes for libraries whose soname differs from their file name.
//!
//! This file does what `ldconfig` does to find libraries (`elf/ldconfig.c`: `search_dir`,
//! `create_links`); [`format`] writes what was found. Where the real program depends on the order
//! in which a directory happens to be read, names are taken in byte order here. The auxiliary
//! cache below `/var/cache/ldconfig` holds inode numbers and times and is not made.
//!
//! Sonames come from foreign files: one with a slash could name a path outside of its directory,
//! which the real program would follow; such a library is passed over.

mod format;

use kiln_types::{Architecture, EntryKind, FileEntry, RelativePath, SynthesisedFile};

use self::format::{Cached, compare_names, write_cache};
use super::ld_so_conf::{children, directories};
use super::output::Output;
use super::{EmulateError, Emulator, Tree, resolve};
use crate::elf::{ElfFacts, ElfKind};

const CACHE: &str = "etc/ld.so.cache";
/// The most libraries in one cache; a large desktop has about four thousand.
const MAX_LIBRARIES: usize = 50_000;

/// Makes `/etc/ld.so.cache`.
pub(super) struct LdSoCache;

impl Emulator for LdSoCache {
    fn name(&self) -> &'static str {
        "ld-so-cache"
    }

    fn summary(&self) -> &'static str {
        "makes the loader's cache of libraries and the links from sonames to files (ldconfig)"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("libc-bin", "postinst"), ("libc-bin", "triggers")]
    }

    fn describes_contents(&self) -> bool {
        true
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("libc6") {
            return Ok(output.finish());
        }
        let directories = library_directories(tree)?;
        let mut cached = Vec::new();
        for directory in &directories {
            for library in search(tree, directory) {
                let file = if directory.capability.is_some() {
                    &library.name
                } else {
                    &library.soname
                };
                cached.push(Cached {
                    path: format!("{}/{file}", directory.path),
                    soname: library.soname.clone(),
                    flags: library.flags,
                    isa_level: library.isa_level,
                    capability: directory.capability.clone(),
                });
                if directory.capability.is_none() && !library.is_link {
                    link(tree, &mut output, directory, &library)?;
                }
            }
            if cached.len() > MAX_LIBRARIES {
                return Err(EmulateError::File {
                    emulator: self.name(),
                    path: directory.resolved.as_str().to_owned(),
                    reason: format!("more than {MAX_LIBRARIES} libraries"),
                });
            }
        }
        let capabilities = directories
            .iter()
            .filter_map(|directory| directory.capability.as_deref())
            .collect();
        let cache = write_cache(cached, &capabilities, &generator(tree)?, signed(tree));
        output.file(CACHE, 0o644, cache)?;
        Ok(output.finish())
    }
}

/// A directory that is searched.
struct Directory {
    /// As it was named first, which is what the cache says.
    path: String,
    /// Where it is.
    resolved: RelativePath,
    /// The name of the `glibc-hwcaps` subdirectory that it is.
    capability: Option<String>,
}

/// Those of `/etc/ld.so.conf`, then Debian's built-in ones; each real directory once.
fn library_directories(tree: &dyn Tree) -> Result<Vec<Directory>, EmulateError> {
    let triplet = tree.plan().platform.architecture.triplet();
    let mut paths = directories(tree)?;
    paths.extend([
        format!("/lib/{triplet}"),
        format!("/usr/lib/{triplet}"),
        "/lib".to_owned(),
        "/usr/lib".to_owned(),
    ]);
    let mut found: Vec<Directory> = Vec::new();
    for path in paths {
        if !add(tree, &mut found, path.clone(), None) {
            continue;
        }
        let capabilities = format!("{path}/glibc-hwcaps");
        for name in children(tree, &capabilities) {
            // The loader cannot look up names with a colon; hidden ones are ignored.
            if !name.starts_with('.') && !name.contains(':') {
                add(
                    tree,
                    &mut found,
                    format!("{capabilities}/{name}"),
                    Some(name),
                );
            }
        }
    }
    Ok(found)
}

fn add(
    tree: &dyn Tree,
    found: &mut Vec<Directory>,
    path: String,
    capability: Option<String>,
) -> bool {
    let Some(resolved) = resolve(tree, &path) else {
        return false;
    };
    let is_directory = tree
        .entry(resolved.as_str())
        .is_some_and(|entry| entry.kind == EntryKind::Directory);
    if !is_directory || found.iter().any(|directory| directory.resolved == resolved) {
        return false;
    }
    found.push(Directory {
        path,
        resolved,
        capability,
    });
    true
}

/// A library of a directory: of several files with one soname, the one that is taken.
struct Library {
    name: String,
    soname: String,
    flags: u32,
    isa_level: u32,
    is_link: bool,
}

fn search(tree: &dyn Tree, directory: &Directory) -> Vec<Library> {
    let mut libraries: Vec<Library> = Vec::new();
    for name in children(tree, directory.resolved.as_str()) {
        let path = format!("{}/{name}", directory.resolved.as_str());
        let Some(entry) = tree.entry(&path) else {
            continue;
        };
        let Some(library) = examine(tree, directory, &name, entry) else {
            continue;
        };
        match libraries
            .iter_mut()
            .find(|other| other.soname == library.soname)
        {
            // A file is preferred to a link, the later version to the earlier one.
            Some(other) => {
                let newer = other.is_link == library.is_link
                    && compare_names(&other.name, &library.name, signed(tree)).is_lt();
                if (other.is_link && !library.is_link) || newer {
                    other.name = library.name;
                    other.is_link = library.is_link;
                    other.isa_level = library.isa_level;
                }
            }
            None => libraries.push(library),
        }
    }
    libraries
}

fn examine(
    tree: &dyn Tree,
    directory: &Directory,
    name: &str,
    entry: &FileEntry,
) -> Option<Library> {
    let is_link = matches!(entry.kind, EntryKind::Symlink(_));
    let is_candidate = is_library_name(name) || (directory.capability.is_some() && is_link);
    if entry.kind == EntryKind::Directory || !is_candidate || is_temporary(name) {
        return None;
    }
    let target = if is_link {
        resolve(tree, entry.path.as_str())?
    } else {
        entry.path.clone()
    };
    let facts = elf(tree, &target)?;
    let (flags, isa_level) = classify(tree.plan().platform.architecture, facts)?;
    let soname = facts.soname.clone().unwrap_or_else(|| name.to_owned());
    if soname.is_empty()
        || soname.len() > 255
        || soname.contains('/')
        || soname.chars().any(char::is_control)
    {
        return None;
    }
    // A link that is the soname itself, or the development link to it, is what it seems; any
    // other is treated as a file.
    let is_link =
        is_link && (name == soname || (name.ends_with(".so") && soname.starts_with(name)));
    let soname = if is_link { name.to_owned() } else { soname };
    Some(Library {
        name: name.to_owned(),
        soname,
        flags,
        isa_level,
        is_link,
    })
}

fn elf<'a>(tree: &'a dyn Tree, path: &RelativePath) -> Option<&'a ElfFacts> {
    tree.elf(path.as_str())
        .or_else(|| match &tree.entry(path.as_str())?.kind {
            EntryKind::Hardlink(target) => tree.elf(target.as_str()),
            _ => None,
        })
}

/// `_dl_is_dso`: whether a file name looks like that of a library or of the loader.
fn is_library_name(name: &str) -> bool {
    ((name.starts_with("lib") || name.starts_with("ld-")) && name.contains(".so"))
        || name.starts_with("ld.so.")
        || name.starts_with("ld64.so.")
}

/// Names of files that prelink, RPM and dpkg are still writing.
fn is_temporary(name: &str) -> bool {
    const PRELINK: &str = ".#prelink#";
    name.ends_with(PRELINK)
        || name
            .rsplit_once('.')
            .is_some_and(|(rest, suffix)| suffix.len() == 6 && rest.ends_with(PRELINK))
        || name.contains(';')
        || name.ends_with(".dpkg-new")
        || name.ends_with(".dpkg-tmp")
}

/// The flags and the ISA level of a library, as the `ldconfig` of this architecture gives them;
/// `None` for what is no library of it (`sysdeps/x86/readelflib.c`, `sysdeps/…/arm/readelflib.c`).
fn classify(architecture: Architecture, facts: &ElfFacts) -> Option<(u32, u32)> {
    const LIBC6: u32 = 3;
    const EM_386: u16 = 3;
    const EM_X86_64: u16 = 62;
    if facts.kind != ElfKind::Dyn || !facts.dynamic {
        return None;
    }
    let flags = match (architecture, facts.class, facts.machine) {
        (Architecture::Amd64, 2, EM_X86_64) => LIBC6 | 0x0300,
        (Architecture::Amd64, 1, EM_X86_64) => LIBC6 | 0x0800,
        (Architecture::Amd64, 1, EM_386) => LIBC6,
        (Architecture::Amd64, ..) => return None,
        (Architecture::Arm64, 2, _) => LIBC6 | 0x0a00,
        // 32-bit Arm: EABI version 5 with hard or soft float.
        (Architecture::Arm64, ..) => match facts.flags & 0xff00_0600 {
            0x0500_0400 | 0x0500_0600 => LIBC6 | 0x0900,
            0x0500_0200 => LIBC6 | 0x0b00,
            _ => LIBC6,
        },
    };
    let isa_level = match architecture {
        Architecture::Amd64 => isa_level(facts.x86_isa_needed),
        Architecture::Arm64 => 0,
    };
    Some((flags, isa_level))
}

/// The number of the highest bit, as the reference counts levels.
fn isa_level(needed: u32) -> u32 {
    needed.checked_ilog2().unwrap_or(0)
}

/// Makes the link from a soname to its file, unless it is there.
fn link(
    tree: &dyn Tree,
    output: &mut Output<'_>,
    directory: &Directory,
    library: &Library,
) -> Result<(), EmulateError> {
    // Debian's ldconfig never touches the link to the loader.
    let loader = match tree.plan().platform.architecture {
        Architecture::Amd64 => "ld-linux-x86-64.so.2",
        Architecture::Arm64 => "ld-linux-aarch64.so.1",
    };
    let path = |name: &str| format!("{}/{name}", directory.resolved.as_str());
    let (soname, file) = (path(&library.soname), path(&library.name));
    if library.soname == loader
        || identity(tree, &soname).is_some_and(|soname| identity(tree, &file) == Some(soname))
    {
        return Ok(());
    }
    match tree.entry(&soname).map(|entry| &entry.kind) {
        None | Some(EntryKind::Symlink(_)) => {
            output.symlink(&soname, &library.name)?;
        }
        // A file of another library has this name; it stays.
        Some(_) => {}
    }
    Ok(())
}

/// The file that a path leads to; hard links to one file are the same.
fn identity(tree: &dyn Tree, path: &str) -> Option<RelativePath> {
    let resolved = resolve(tree, path)?;
    match &tree.entry(resolved.as_str())?.kind {
        EntryKind::Hardlink(target) => Some(target.clone()),
        _ => Some(resolved),
    }
}

/// `char` is signed on x86-64 and unsigned on Arm, which shows in the order of names that are not
/// ASCII.
fn signed(tree: &dyn Tree) -> bool {
    tree.plan().platform.architecture == Architecture::Amd64
}

/// What `ldconfig` calls itself in the cache: `ldconfig (Debian GLIBC 2.41-12) stable release
/// version 2.41`. It is taken from the program, or from the banner of the C library, which is
/// built with it.
fn generator(tree: &dyn Tree) -> Result<String, EmulateError> {
    if let Some(version) = tree.package_version("libc6") {
        let upstream = version.split(['-', '+']).next().unwrap_or(version);
        return Ok(format!(
            "ldconfig (Debian GLIBC {version}) stable release version {upstream}"
        ));
    }
    let library = format!(
        "usr/lib/{}/libc.so.6",
        tree.plan().platform.architecture.triplet()
    );
    for (path, before) in [
        ("usr/sbin/ldconfig", &b"ldconfig ("[..]),
        (&library, b"GNU C Library ("),
    ] {
        if let Some(banner) = tree
            .read(path)?
            .as_deref()
            .and_then(|bytes| banner(bytes, before))
        {
            return Ok(format!("ldconfig ({banner}"));
        }
    }
    Ok("ldconfig (kiln)".to_owned())
}

/// The printable text after `before` up to the end of its line, without its full stop, if it
/// names a release.
fn banner(bytes: &[u8], before: &[u8]) -> Option<String> {
    const MAX: usize = 200;
    bytes
        .windows(before.len())
        .enumerate()
        .filter(|(_, window)| *window == before)
        .find_map(|(start, _)| {
            let text = bytes.get(start + before.len()..)?;
            let end = text
                .iter()
                .take(MAX)
                .position(|byte| !(b' '..=b'~').contains(byte))?;
            let text = str::from_utf8(text.get(..end)?).ok()?;
            text.contains(" release version ")
                .then(|| text.trim_end_matches('.').to_owned())
        })
}

#[cfg(test)]
mod tests;

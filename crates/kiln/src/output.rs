//! Documents that commands write. One rule for every `-o` and whatever else names a file to write:
//!
//! - it is written whole or not at all, and takes the place of what was there;
//! - a link is followed, also one whose file is not there yet; what is no file (a pipe, a device) is
//!   written to and not replaced;
//! - `-` is standard output where a document goes there without the option, and refused elsewhere.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::failure::Failure;
use crate::render;

/// Links to links that are followed, as Linux does (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Writes a document into a file, or to standard output where none is named or `-` is.
pub(crate) fn deliver(path: Option<&Path>, document: &str) -> Result<(), Failure> {
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => keep(path, document.as_bytes()),
        None => Ok(render::print(document)?),
    }
}

/// Writes what goes into a file only.
pub(crate) fn keep(path: &Path, content: &[u8]) -> Result<(), Failure> {
    write_whole(path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}

/// Refuses `-` for what goes into a file only; `option` is what names it. To be asked before the work
/// is done.
pub(crate) fn must_be_file(option: &str, path: Option<&Path>) -> Result<(), Failure> {
    match path {
        Some(path) if path == Path::new("-") => Err(Failure::Usage(format!(
            "`{option} -`: this goes into a file and not to standard output; a file of that name \
             is `./-`"
        ))),
        _ => Ok(()),
    }
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = &behind_links(path)?;
    // What is open already, may have more in it than this (`>>`), and stays what it is.
    if let Some(descriptor) = descriptor(path) {
        if descriptor == "1" {
            let mut out = io::stdout().lock();
            return out.write_all(content).and_then(|()| out.flush());
        }
        let mut open = std::fs::OpenOptions::new().append(true).open(path)?;
        return open.write_all(content);
    }
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        let mut open = std::fs::OpenOptions::new().write(true).open(path)?;
        return open.write_all(content);
    }
    let mut file = tempfile::Builder::new()
        .prefix(".kiln")
        // The user's mask takes away from it.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder_of(path))?;
    // Who may read what was there may read what takes its place, and nobody else.
    if let Ok(before) = std::fs::metadata(path) {
        let mode = Permissions::from_mode(before.permissions().mode() & 0o777);
        file.as_file().set_permissions(mode)?;
    }
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

/// Which of the open files of a process a path names, as `/dev/stdout` and `/dev/fd/3` do (proc(5)).
fn descriptor(path: &Path) -> Option<String> {
    let folder = folder_of(path).canonicalize().ok()?;
    let is_open = folder.starts_with("/proc") && folder.ends_with("fd");
    let name = path.file_name().filter(|_| is_open)?;
    Some(name.to_string_lossy().into_owned())
}

/// Where a path leads to, whether or not something is there. What is open already is where it leads
/// to, not the file behind it.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&path) {
            Ok(_) if descriptor(&path).is_some() => return Ok(path),
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_what_is_no_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        let is_link = |name: &str| path(name).symlink_metadata().unwrap().is_symlink();
        std::fs::write(path("real"), "old").unwrap();
        symlink("real", path("link")).unwrap();
        write_whole(&path("link"), b"new").unwrap();
        assert!(is_link("link"));
        assert_eq!(read("real"), "new");
        write_whole(&path("fresh"), b"text").unwrap();
        assert_eq!(read("fresh"), "text");
        assert!(write_whole(folder.path(), b"text").is_err());
        let mode = || path("real").metadata().unwrap().permissions().mode() & 0o777;
        std::fs::set_permissions(path("real"), Permissions::from_mode(0o600)).unwrap();
        write_whole(&path("real"), b"newer").unwrap();
        assert_eq!(mode(), 0o600);
        // A device takes what it is given, and is not renamed over.
        symlink("/dev/full", path("device")).unwrap();
        assert!(write_whole(&path("device"), b"text").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn what_is_open_keeps_what_is_in_it() {
        use std::os::fd::AsRawFd as _;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "before\n").unwrap();
        let open = std::fs::File::options().append(true).open(&log).unwrap();
        let by = format!("/dev/fd/{}", open.as_raw_fd());
        symlink(&by, folder.path().join("link")).unwrap();
        write_whole(Path::new(&by), b"text\n").unwrap();
        write_whole(&folder.path().join("link"), b"more\n").unwrap();
        assert_eq!(
            std::fs::read_to_string(&log).unwrap(),
            "before\ntext\nmore\n"
        );
    }

    #[test]
    fn a_link_to_nothing_leads_to_the_file_that_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("below")).unwrap();
        symlink("two", path("one")).unwrap();
        symlink("below/three", path("two")).unwrap();
        write_whole(&path("one"), b"text").unwrap();
        assert!(path("one").symlink_metadata().unwrap().is_symlink());
        assert!(path("two").symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(path("below/three")).unwrap(), b"text");
        // Nobody makes folders on the way, and a circle leads nowhere.
        symlink("missing/file", path("far")).unwrap();
        symlink("circle", path("circle")).unwrap();
        for name in ["far", "circle"] {
            assert!(write_whole(&path(name), b"text").is_err(), "{name}");
            assert!(path(name).symlink_metadata().unwrap().is_symlink());
        }
    }
}

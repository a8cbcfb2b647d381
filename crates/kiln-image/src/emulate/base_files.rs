//! What the postinst of base-files adds to a fresh root (base-files 13, Debian 13).

use kiln_types::{EntryKind, SynthesisedFile};

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

/// Files copied from `/usr/share/base-files` unless they are there.
const DEFAULTS: [(&str, &str); 4] = [
    ("dot.profile", "root/.profile"),
    ("dot.bashrc", "root/.bashrc"),
    ("profile", "etc/profile"),
    ("motd", "etc/motd"),
];

/// Directories made unless they are there: path, mode, group.
const DIRECTORIES: [(&str, u32, u32); 19] = [
    ("mnt", 0o755, 0),
    ("srv", 0o755, 0),
    ("opt", 0o755, 0),
    ("etc/opt", 0o755, 0),
    ("var/opt", 0o755, 0),
    ("media", 0o755, 0),
    ("var/mail", 0o2775, MAIL),
    ("run/lock", 0o1777, 0),
    ("usr/local", 0o755, 0),
    ("usr/local/share", 0o755, 0),
    ("usr/local/share/man", 0o755, 0),
    ("usr/local/bin", 0o755, 0),
    ("usr/local/games", 0o755, 0),
    ("usr/local/lib", 0o755, 0),
    ("usr/local/libexec", 0o755, 0),
    ("usr/local/include", 0o755, 0),
    ("usr/local/sbin", 0o755, 0),
    ("usr/local/src", 0o755, 0),
    ("usr/local/etc", 0o755, 0),
];

/// Directories of the package that become links, which works only while they are empty.
const MIGRATED: [(&str, &str); 2] = [("var/run", "/run"), ("var/lock", "/run/lock")];

/// Empty log files and their modes; their group is `utmp`.
const LOGS: [(&str, u32); 3] = [
    ("var/log/wtmp", 0o664),
    ("var/log/btmp", 0o660),
    ("var/log/lastlog", 0o664),
];

/// Debian's fixed number of the group `mail` (base-passwd's `group.master`).
const MAIL: u32 = 8;
/// Debian's fixed number of the group `utmp`.
const UTMP: u32 = 43;

/// Stands for base-files' postinst.
pub(super) struct BaseFiles;

impl Emulator for BaseFiles {
    fn name(&self) -> &'static str {
        "base-files"
    }

    fn summary(&self) -> &'static str {
        "makes the directories, links and default files of the file system hierarchy"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("base-files", "preinst"), ("base-files", "postinst")]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("base-files") {
            return Ok(output.finish());
        }
        if !output.exists("etc/dpkg/origins/default") && output.exists("etc/dpkg/origins/debian") {
            output.symlink("etc/dpkg/origins/default", "debian")?;
        }
        for (source, path) in DEFAULTS {
            if !output.exists(path)
                && let Some(content) = tree.read(&format!("usr/share/base-files/{source}"))?
            {
                output.file(path, 0o644, content)?;
            }
        }
        for (path, mode, gid) in DIRECTORIES {
            if !output.exists(path) {
                output.directory(path, mode)?.gid = gid;
            }
        }
        if !output.exists("var/spool/mail") {
            output.symlink("var/spool/mail", "../mail")?;
        }
        for (path, target) in MIGRATED {
            self.migrate(tree, &mut output, path, target)?;
        }
        if !output.exists("usr/local/man") {
            output.symlink("usr/local/man", "share/man")?;
        }
        for (path, mode) in LOGS {
            if !output.exists(path) {
                output.file(path, mode, "")?.gid = UTMP;
            }
        }
        // The index of the info pages, where there are any to be listed.
        if !tree.below("usr/share/info").is_empty()
            && !output.exists("usr/share/info/dir")
            && let Some(content) = tree.read("usr/share/base-files/info.dir")?
        {
            output.file("usr/share/info/dir", 0o644, content)?;
        }
        for library in ["lib32", "libo32", "libx32"] {
            let merged = format!("usr/{library}");
            if tree
                .entry(&merged)
                .is_some_and(|entry| entry.kind == EntryKind::Directory)
                && !output.exists(library)
            {
                output.symlink(library, &merged)?;
            }
        }
        Ok(output.finish())
    }
}

impl BaseFiles {
    fn migrate(
        &self,
        tree: &dyn Tree,
        output: &mut Output<'_>,
        path: &str,
        target: &str,
    ) -> Result<(), EmulateError> {
        if matches!(
            tree.entry(path).map(|entry| &entry.kind),
            Some(EntryKind::Symlink(_))
        ) {
            return Ok(());
        }
        if let Some(inside) = tree.below(path).first() {
            return Err(EmulateError::File {
                emulator: self.name(),
                path: path.to_owned(),
                reason: format!(
                    "it must become a link to `{target}`, but `{}` lies below it",
                    inside.path
                ),
            });
        }
        output.symlink(path, target)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    fn shipped() -> MemoryTree {
        MemoryTree::new()
            .package("base-files")
            .file("etc/dpkg/origins/debian", b"Vendor: Debian\n")
            .file("usr/share/base-files/motd", b"hello\n")
            .file("usr/share/base-files/profile", b"PATH=/bin\n")
            .file("usr/share/base-files/info.dir", b"dir\n")
            .directory("usr/share/info")
            .directory("var/run")
            .directory("var/lock")
            .directory("run")
            .directory("var/local")
    }

    #[test]
    fn makes_what_the_postinst_makes() {
        let mut tree = shipped();
        let made = tree.run(&BaseFiles);
        let find = |path: &str| {
            made.iter()
                .find(|file| file.entry.path.as_str() == path)
                .map(|file| &file.entry)
        };
        assert_eq!(tree.target("etc/dpkg/origins/default"), Some("debian"));
        assert_eq!(tree.target("var/run"), Some("/run"));
        assert_eq!(tree.target("var/lock"), Some("/run/lock"));
        assert_eq!(tree.target("var/spool/mail"), Some("../mail"));
        assert_eq!(tree.target("usr/local/man"), Some("share/man"));
        assert_eq!(tree.text("etc/motd"), "hello\n");
        let mail = find("var/mail").unwrap();
        assert_eq!((mail.mode, mail.uid, mail.gid), (0o2775, 0, 8));
        let log = find("var/log/btmp").unwrap();
        assert_eq!((log.mode, log.gid, log.size), (0o660, 43, 0));
        assert!(
            find("usr/share/info/dir").is_none(),
            "no info pages, no index"
        );
        assert!(find("root/.bashrc").is_none(), "its source was cut");
        assert!(made.iter().all(|file| file.entry.mtime == 0));
        assert!(
            tree.run(&BaseFiles).is_empty(),
            "a second run changes nothing"
        );
    }

    #[test]
    fn does_nothing_without_the_package() {
        assert!(BaseFiles.run(&MemoryTree::new()).unwrap().is_empty());
    }

    #[test]
    fn refuses_to_bury_a_file_below_a_link() {
        let tree = shipped().file("var/run/daemon/x", b"");
        assert!(
            BaseFiles
                .run(&tree)
                .unwrap_err()
                .to_string()
                .contains("/var/run/daemon")
        );
    }
}

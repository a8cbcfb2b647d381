//! The start program as a package of its own, so that it has its place in the package list, in the
//! database and in a layer like everything else; and what an image with one has besides.

use std::collections::BTreeMap;
use std::io;

use kiln_archive::tar;
use kiln_types::{
    Architecture, EntryKind, FileEntry, RelativePath, START_PROGRAM, StartPlan, SynthesisedFile,
};
use md5::{Digest as _, Md5};

/// The name of its package.
pub const START_PACKAGE: &str = "kiln-start";

/// Where programs look for a shell.
pub(crate) const SHELL: &str = "usr/bin/sh";

const COPYRIGHT: &str = "kiln-start is part of kiln and under the Apache-2.0 licence.
It is linked with the standard library of Rust (MIT or Apache-2.0) and the GNU C library
(LGPL-2.1-or-later); all are Debian's, and kiln's scripts/build-start links them again.
";

/// The start program as a Debian package (deb(5)).
///
/// # Errors
/// When memory cannot be written (never, in practice).
pub fn start_package(
    program: &[u8],
    version: &str,
    architecture: Architecture,
) -> io::Result<Vec<u8>> {
    let architecture = architecture.as_str();
    let size = (program.len() + COPYRIGHT.len()).div_ceil(1024);
    let control = format!(
        "Package: {START_PACKAGE}\nVersion: {version}\nArchitecture: {architecture}\n\
         Maintainer: kiln\nInstalled-Size: {size}\nSection: admin\nPriority: optional\n\
         Description: what starts the program of a kiln image\n \
         Does the start steps of the image's definition, then is the parent of its program:\n \
         forwards signals and reaps orphans.\n"
    );
    let mut control_tar = Vec::new();
    let copyright = "usr/share/doc/kiln-start/copyright";
    let sums = md5sums(&[
        (START_PROGRAM.trim_start_matches('/'), program),
        (copyright, COPYRIGHT.as_bytes()),
    ]);
    file(&mut control_tar, "./control", control.as_bytes(), 0o644)?;
    file(&mut control_tar, "./md5sums", sums.as_bytes(), 0o644)?;
    control_tar.extend(tar::END);
    let mut data = Vec::new();
    for directory in [
        "./",
        "./usr/",
        "./usr/bin/",
        "./usr/share/",
        "./usr/share/doc/",
        "./usr/share/doc/kiln-start/",
    ] {
        header(&mut data, directory, tar::Kind::Directory, 0, 0o755)?;
    }
    file(&mut data, &format!(".{START_PROGRAM}"), program, 0o755)?;
    file(
        &mut data,
        &format!("./{copyright}"),
        COPYRIGHT.as_bytes(),
        0o644,
    )?;
    data.extend(tar::END);

    let mut package = b"!<arch>\n".to_vec();
    for (name, content) in [
        ("debian-binary", b"2.0\n".as_slice()),
        ("control.tar", &control_tar),
        ("data.tar", &data),
    ] {
        let line = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            0,
            100_644,
            content.len()
        );
        package.extend(line.as_bytes());
        package.extend(content);
        if content.len() % 2 == 1 {
            package.push(b'\n');
        }
    }
    Ok(package)
}

/// What dpkg verifies a package's files with (deb-md5sums(5)).
fn md5sums(files: &[(&str, &[u8])]) -> String {
    let mut text = String::new();
    for (path, content) in files {
        for byte in Md5::digest(content) {
            text.push_str(&format!("{byte:02x}"));
        }
        text.push_str(&format!("  {path}\n"));
    }
    text
}

fn file(out: &mut Vec<u8>, path: &str, content: &[u8], mode: u32) -> io::Result<()> {
    header(out, path, tar::Kind::File, content.len() as u64, mode)?;
    out.extend(content);
    tar::write_padding(out, content.len() as u64)
}

fn header(out: &mut Vec<u8>, path: &str, kind: tar::Kind, size: u64, mode: u32) -> io::Result<()> {
    tar::write_header(
        out,
        &tar::Header {
            path,
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size,
            link: "",
            xattrs: &BTreeMap::new(),
        },
    )
}

/// Whether an entry is the command gate: a link of that name to the start program.
pub(crate) fn is_gate(entry: &FileEntry) -> bool {
    entry.path.as_str() == SHELL
        && matches!(&entry.kind, EntryKind::Symlink(target) if target == START_PACKAGE)
}

/// What an image with a start program has besides it: its script, and the gate where there is one
/// and no shell is there already.
pub(crate) fn start_files(plan: &StartPlan, has_shell: bool) -> Vec<SynthesisedFile> {
    let made = |path: &str, kind: EntryKind, content: &[u8], mode: u32| {
        let path = RelativePath::new(path).ok()?;
        let entry = FileEntry {
            path,
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: content.len() as u64,
            xattrs: BTreeMap::new(),
        };
        let content = content.to_vec();
        Some(SynthesisedFile { entry, content })
    };
    let script = made(
        kiln_script::PATH,
        EntryKind::File,
        plan.script.as_bytes(),
        0o644,
    );
    let link = EntryKind::Symlink(START_PACKAGE.to_owned());
    let gate = (!plan.gate.is_empty() && !has_shell)
        .then(|| made(SHELL, link, b"", 0o777))
        .flatten();
    script.into_iter().chain(gate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_types::PackageFormat;

    #[test]
    fn the_package_is_one_that_is_read() {
        let bytes = start_package(b"\x7fELF", "1.2", Architecture::Arm64).unwrap();
        assert_eq!(
            bytes,
            start_package(b"\x7fELF", "1.2", Architecture::Arm64).unwrap()
        );
        let mut package = kiln_deb::package::DebFormat
            .open("kiln-start", Box::new(io::Cursor::new(bytes)))
            .unwrap();
        let control = package.control();
        assert_eq!(
            (control.name.as_str(), control.architecture.as_str()),
            (START_PACKAGE, "arm64")
        );
        // dpkg --audit asks for it, and dpkg --verify goes by it.
        let sums = control.members.get("md5sums").unwrap();
        assert!(
            String::from_utf8_lossy(sums)
                .starts_with("d1531b1622de54fe3a0187c3344600e9  usr/bin/kiln-start\n")
        );
        let mut paths = Vec::new();
        package
            .entries(&mut |entry, _| {
                paths.push(format!("{:o} {}", entry.mode, entry.path));
                Ok(())
            })
            .unwrap();
        assert!(
            paths.contains(&"755 /usr/bin/kiln-start".to_owned()),
            "{paths:?}"
        );
    }

    #[test]
    fn a_gate_stands_where_no_shell_does() {
        let plan = StartPlan {
            script: "kiln-start 1\n".to_owned(),
            gate: vec!["true".to_owned()],
            programs: Vec::new(),
        };
        let paths = |has_shell| -> Vec<String> {
            let files = start_files(&plan, has_shell);
            files
                .iter()
                .map(|file| file.entry.path.to_string())
                .collect()
        };
        assert_eq!(paths(true), ["/usr/lib/kiln-start/script"]);
        assert_eq!(paths(false), ["/usr/lib/kiln-start/script", "/usr/bin/sh"]);
        assert!(is_gate(&start_files(&plan, false)[1].entry));
    }
}

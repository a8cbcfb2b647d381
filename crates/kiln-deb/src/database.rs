//! What dpkg would have noted about the packages of an image: the files of `/var/lib/dpkg`.
//!
//! The database is truthful, because scanners read it: `status` names every package of the image,
//! and the lists name the files that are really in it. So a path that was cut (documentation) or
//! went to another package (`Replaces`) is in no list, unlike with dpkg's `--path-exclude`, which
//! keeps it listed. The form is that of dpkg 1.22: its order of fields (`lib/dpkg/parse.c`), its
//! spelling of relations, `info/` files named with the architecture for `Multi-Arch: same`.
//!
//! Every package is `install ok installed`: nothing is half-configured, because kiln emulates what
//! the scripts would have done or reports what it does not. No lock files and no backups
//! (`status-old`); `available`, `diversions` and `statoverride` are there only once something is in
//! them, as in a root that dpkg itself has filled.

mod status;
#[cfg(test)]
mod tests;
mod triggers;

use std::collections::BTreeMap;

use kiln_types::{
    Control, DatabaseOptions, EntryKind, FileEntry, InstalledPackage, MultiArch, RelativePath,
    SynthesisedFile,
};

/// Where dpkg keeps its database.
const ROOT: &str = "var/lib/dpkg";
/// Members of the control archive that dpkg runs, or that debconf reads for them.
const SCRIPTS: [&str; 6] = [
    "config",
    "postinst",
    "postrm",
    "preinst",
    "prerm",
    "templates",
];
/// Members that describe a package to other tools, kept as they are.
const DESCRIPTIONS: [&str; 3] = ["shlibs", "symbols", "triggers"];

/// The files of the database, sorted by path; see [`kiln_types::PackageFormat::database`].
pub(crate) fn files(
    installed: &[InstalledPackage],
    _native: &str,
    options: &DatabaseOptions,
) -> Vec<SynthesisedFile> {
    let mut packages: Vec<&InstalledPackage> = installed.iter().collect();
    packages.sort_by(|left, right| key(&left.control).cmp(&key(&right.control)));
    let mut files = Files::default();
    for directory in ["", "/info", "/triggers", "/updates"] {
        files.directory(&format!("{ROOT}{directory}"));
    }
    files.add("status", 0o644, status::write(&packages));
    files.add("info/format", 0o644, b"1\n".to_vec());
    for package in &packages {
        add_info(&mut files, package, options);
    }
    for (name, content) in triggers::write(&packages) {
        files.add(&format!("triggers/{name}"), 0o644, content);
    }
    files.by_path.into_values().collect()
}

/// dpkg sorts by name and then by architecture.
fn key(control: &Control) -> (&str, &str) {
    (&control.name, &control.architecture)
}

/// The name that tells apart packages of several architectures: `libc6:amd64`, `bash`.
fn info_name(control: &Control) -> String {
    match control.multi_arch {
        MultiArch::Same => format!("{}:{}", control.name, control.architecture),
        _ => control.name.clone(),
    }
}

/// Whether the package owns this path in the image. Packages of before the merge of `/usr` ship
/// `lib/…`, which is `usr/lib/…` in the image.
fn owns(package: &InstalledPackage, path: &str) -> bool {
    let is_there = |path: &str| {
        package
            .paths
            .binary_search_by(|own| own.as_str().cmp(path))
            .is_ok()
    };
    let top = path.split('/').next().unwrap_or_default();
    is_there(path)
        || matches!(
            top,
            "bin" | "sbin" | "lib" | "lib32" | "lib64" | "libo32" | "libx32"
        ) && is_there(&format!("usr/{path}"))
}

/// The path of a conffile that an earlier version had and this one has not
/// (deb-conffiles(5), `remove-on-upgrade`).
fn is_left_behind(line: &str) -> Option<&str> {
    let path = line.strip_prefix("remove-on-upgrade")?;
    path.starts_with([' ', '\t']).then(|| path.trim())
}

/// The files of one package in `info/`.
fn add_info(files: &mut Files, package: &InstalledPackage, options: &DatabaseOptions) {
    let control = &package.control;
    let stem = format!("info/{}", info_name(control));
    let mut list = "/.\n".to_owned();
    for path in package.paths.iter().filter(|path| !path.is_root()) {
        list.push_str(&path.to_string());
        list.push('\n');
    }
    files.add(&format!("{stem}.list"), 0o644, list.into_bytes());
    if let Some(sums) = control.members.get("md5sums") {
        // `<md5>  usr/bin/x`, the path without a slash in front.
        let sums = keep_lines(sums, |line| {
            line.split_once([' ', '\t'])
                .is_some_and(|(_, path)| owns(package, path.trim_start().trim_start_matches("./")))
        });
        files.add(&format!("{stem}.md5sums"), 0o644, sums);
    }
    if let Some(conffiles) = control.members.get("conffiles") {
        let conffiles = keep_lines(conffiles, |line| {
            is_left_behind(line).is_some()
                || line
                    .strip_prefix('/')
                    .is_some_and(|path| owns(package, path.trim_end()))
        });
        if !conffiles.is_empty() {
            files.add(&format!("{stem}.conffiles"), 0o644, conffiles);
        }
    }
    for (name, content) in &control.members {
        let mode = match name.as_str() {
            name if DESCRIPTIONS.contains(&name) => 0o644,
            "templates" if options.scripts => 0o644,
            name if options.scripts && SCRIPTS.contains(&name) => 0o755,
            _ => continue,
        };
        files.add(&format!("{stem}.{name}"), mode, content.clone());
    }
}

/// The lines for which `keep` holds, each ended by LF. Lines that are not UTF-8 go.
fn keep_lines(content: &[u8], keep: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut kept = Vec::with_capacity(content.len());
    for line in content.split(|byte| *byte == b'\n') {
        if std::str::from_utf8(line).is_ok_and(|line| !line.is_empty() && keep(line)) {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
    }
    kept
}

/// Files by path, so that they come out sorted and none is there twice.
#[derive(Default)]
struct Files {
    by_path: BTreeMap<RelativePath, SynthesisedFile>,
}

impl Files {
    /// Adds a file below [`ROOT`]. One whose path is not allowed is left out: all names that go into
    /// a path were checked when the package was read, so there is none.
    fn add(&mut self, name: &str, mode: u32, content: Vec<u8>) {
        self.insert(&format!("{ROOT}/{name}"), EntryKind::File, mode, content);
    }

    fn directory(&mut self, path: &str) {
        self.insert(path, EntryKind::Directory, 0o755, Vec::new());
    }

    fn insert(&mut self, path: &str, kind: EntryKind, mode: u32, content: Vec<u8>) {
        let Ok(path) = RelativePath::new(path) else {
            return;
        };
        let size = content.len() as u64;
        let entry = FileEntry {
            path: path.clone(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size,
            xattrs: BTreeMap::new(),
        };
        self.by_path
            .insert(path, SynthesisedFile { entry, content });
    }
}

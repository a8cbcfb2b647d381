//! Tiny Debian packages (deb(5)), byte for byte the same each time.

use std::collections::BTreeSet;

use kiln_types::{Digest, Timestamp};

use crate::archive::{Compression, Entry, EntryKind, ar, tar};

/// What a package is made of. Methods take and give the builder.
#[derive(Clone, Debug)]
pub struct DebBuilder {
    name: String,
    version: String,
    architecture: String,
    fields: Vec<(String, String)>,
    entries: Vec<Entry>,
    conffiles: Vec<String>,
    control_files: Vec<(String, Vec<u8>, u32)>,
    compression: Compression,
    mtime: u64,
    data: Option<Vec<u8>>,
    directories: bool,
}

/// A finished package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deb {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The architecture: `amd64`, `arm64` or `all`.
    pub architecture: String,
    /// The text of the control file.
    pub control: String,
    /// The package.
    pub bytes: Vec<u8>,
}

impl Deb {
    /// `NAME_VERSION_ARCHITECTURE.deb`, the version without its epoch.
    #[must_use]
    pub fn file_name(&self) -> String {
        let version = self
            .version
            .split_once(':')
            .map_or(&*self.version, |(_, rest)| rest);
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }

    /// The path in a pool: `pool/main/h/hello/hello_1.0-1_amd64.deb`.
    #[must_use]
    pub fn pool_path(&self, component: &str) -> String {
        let prefix = match self.name.strip_prefix("lib") {
            Some(rest) if !rest.is_empty() => &self.name[..4],
            _ => &self.name[..1],
        };
        format!(
            "pool/{component}/{prefix}/{}/{}",
            self.name,
            self.file_name()
        )
    }

    /// The digest of the package.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

impl DebBuilder {
    /// A package for amd64 without files, of 2026-01-01.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            fields: Vec::new(),
            entries: Vec::new(),
            conffiles: Vec::new(),
            control_files: Vec::new(),
            compression: Compression::Xz,
            mtime: 1_767_225_600,
            data: None,
            directories: true,
        }
    }

    /// The architecture: `amd64`, `arm64` or `all`.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// A field of the control file, such as `Depends`; an earlier one of the same name goes.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(other, _)| other != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `Depends: …`.
    #[must_use]
    pub fn depends(self, relations: &str) -> Self {
        self.field("Depends", relations)
    }

    /// A file with its content and mode.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Self {
        let kind = EntryKind::File(content.as_ref().to_vec());
        self.entry(Entry::new(&inside(path), kind, mode))
    }

    /// A directory with its mode. Those above a path come by themselves.
    #[must_use]
    pub fn directory(self, path: &str, mode: u32) -> Self {
        let path = format!("{}/", inside(path));
        self.entry(Entry::new(&path, EntryKind::Directory, mode))
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        let kind = EntryKind::Symlink(target.to_owned());
        self.entry(Entry::new(&inside(path), kind, 0o777))
    }

    /// A hard link to another path of the package.
    #[must_use]
    pub fn hardlink(self, path: &str, target: &str) -> Self {
        let kind = EntryKind::Hardlink(inside(target));
        self.entry(Entry::new(&inside(path), kind, 0o644))
    }

    /// Any entry, exactly as it stands.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// A file that is a conffile too.
    #[must_use]
    pub fn conffile(mut self, path: &str, content: &str) -> Self {
        self.conffiles.push(path.to_owned());
        self.file(path, content, 0o644)
    }

    /// A maintainer script: `preinst`, `postinst`, `prerm`, `postrm`.
    #[must_use]
    pub fn script(mut self, name: &str, text: &str) -> Self {
        self.control_files
            .push((name.to_owned(), text.as_bytes().to_vec(), 0o755));
        self
    }

    /// Any other file of the control archive: `triggers`, `shlibs`, `md5sums` …
    #[must_use]
    pub fn control_file(mut self, name: &str, content: &str) -> Self {
        self.control_files
            .push((name.to_owned(), content.as_bytes().to_vec(), 0o644));
        self
    }

    /// How both archives are compressed; xz unless said.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The time of everything that has none of its own.
    #[must_use]
    pub fn mtime(mut self, time: Timestamp) -> Self {
        self.mtime = u64::try_from(time.unix()).unwrap_or(0);
        self
    }

    /// Leaves out the directories above the paths.
    #[must_use]
    pub fn without_directories(mut self) -> Self {
        self.directories = false;
        self
    }

    /// Other bytes in place of the tar archive of the files, for attacks.
    #[must_use]
    pub fn data_tar(mut self, bytes: Vec<u8>) -> Self {
        self.data = Some(bytes);
        self
    }

    /// The package.
    #[must_use]
    pub fn build(self) -> Deb {
        let suffix = self.compression.suffix();
        let control = self.control_text();
        let control_tar = self
            .compression
            .apply(&tar(&self.control_entries(&control), self.mtime));
        let data = self
            .data
            .clone()
            .unwrap_or_else(|| tar(&self.data_entries(), self.mtime));
        let data = self.compression.apply(&data);
        let bytes = ar(
            &[
                ("debian-binary", b"2.0\n"),
                (&format!("control.tar{suffix}"), &control_tar),
                (&format!("data.tar{suffix}"), &data),
            ],
            self.mtime,
        );
        Deb {
            name: self.name,
            version: self.version,
            architecture: self.architecture,
            control,
            bytes,
        }
    }

    fn control_text(&self) -> String {
        let size: usize = self
            .entries
            .iter()
            .map(|entry| match &entry.kind {
                EntryKind::File(content) => content.len().div_ceil(1_024),
                _ => 1,
            })
            .sum();
        let own = [
            ("Package", self.name.clone()),
            ("Version", self.version.clone()),
            ("Architecture", self.architecture.clone()),
            ("Maintainer", "kiln tests <tests@kiln.invalid>".to_owned()),
            ("Installed-Size", size.to_string()),
        ];
        let last = ("Description", format!("{} for tests", self.name));
        let mut text = String::new();
        let given = |name: &str| self.fields.iter().any(|(other, _)| other == name);
        for (name, value) in own.iter().filter(|(name, _)| !given(name)) {
            text.push_str(&format!("{name}: {value}\n"));
        }
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if !given(last.0) {
            text.push_str(&format!("{}: {}\n", last.0, last.1));
        }
        text
    }

    fn control_entries(&self, control: &str) -> Vec<Entry> {
        let file = |name: &str, content: &[u8], mode| {
            Entry::new(
                &format!("./{name}"),
                EntryKind::File(content.to_vec()),
                mode,
            )
        };
        let mut entries = vec![
            Entry::new("./", EntryKind::Directory, 0o755),
            file("control", control.as_bytes(), 0o644),
        ];
        if !self.conffiles.is_empty() {
            let list: String = self
                .conffiles
                .iter()
                .map(|path| format!("{path}\n"))
                .collect();
            entries.push(file("conffiles", list.as_bytes(), 0o644));
        }
        for (name, content, mode) in &self.control_files {
            entries.push(file(name, content, *mode));
        }
        entries
    }

    fn data_entries(&self) -> Vec<Entry> {
        if !self.directories {
            return self.entries.clone();
        }
        let mut known = BTreeSet::from(["./".to_owned()]);
        let mut all = vec![Entry::new("./", EntryKind::Directory, 0o755)];
        for entry in &self.entries {
            for (at, _) in entry.path.match_indices('/').skip(1) {
                let above = &entry.path[..=at];
                if above != entry.path && known.insert(above.to_owned()) {
                    all.push(Entry::new(above, EntryKind::Directory, 0o755));
                }
            }
            if entry.kind == EntryKind::Directory {
                known.insert(entry.path.clone());
            }
            all.push(entry.clone());
        }
        all
    }
}

/// `/usr/bin/x` as tar has it in packages: `./usr/bin/x`.
fn inside(path: &str) -> String {
    format!("./{}", path.trim_start_matches("./").trim_matches('/'))
}

//! Tiny signed Debian repositories as folders (DebianRepository/Format in Debian's wiki;
//! `apt-secure(8)`).

use std::fs;
use std::io;
use std::path::Path;

use kiln_types::{Digest, Timestamp};

use crate::archive::Compression;
use crate::deb::Deb;
use crate::keys::{TestKey, sign_detached, sign_inline};

/// Something that is wrong with a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryFault {
    /// The signatures are over another text.
    BrokenSignature,
    /// `InRelease` and `Release` are not signed (and there is no `Release.gpg`).
    Unsigned,
    /// A text stands below the signature of `InRelease`.
    TextAfterSignature,
    /// There is no `InRelease`, only `Release` and `Release.gpg`.
    NoInRelease,
    /// `Release` names another SHA-256 for every index.
    WrongIndexDigest,
    /// `Release` names another size for every index.
    WrongIndexSize,
    /// The index of xz is cut short, and `Release` says so truthfully.
    CorruptIndex,
    /// There is no by-hash, though `Release` promises it.
    NoByHash,
    /// The plain names of the indexes are another version; only by-hash is right, as on a mirror
    /// that is being updated.
    OnlyByHash,
    /// `Packages` names another SHA-256 for this package.
    WrongPackageDigest(String),
    /// `Packages` names another size for this package.
    WrongPackageSize(String),
    /// This package is not in the pool.
    MissingPackage(String),
    /// `Packages` says that this package is at another path, such as `../../etc/passwd`.
    PackagePath(String, String),
}

/// What a repository is made of. Methods take and give the repository.
#[derive(Clone, Debug)]
pub struct DebianRepository {
    suite: String,
    codename: String,
    origin: String,
    label: String,
    component: String,
    architectures: Vec<String>,
    date: Timestamp,
    valid_until: Option<Timestamp>,
    keys: Vec<TestKey>,
    flat: bool,
    extra: Vec<(String, String)>,
    debs: Vec<Deb>,
    faults: Vec<RepositoryFault>,
    index: Option<(Compression, Vec<u8>)>,
    stanzas: String,
    edit: Option<fn(String) -> String>,
}

impl DebianRepository {
    /// An empty repository of this codename, `main`, amd64 and arm64, of 2026-11-21, valid for a
    /// week, signed by [`TestKey::Ed25519`].
    #[must_use]
    pub fn new(codename: &str) -> Self {
        let date = Timestamp::from_unix(1_795_219_200);
        Self {
            suite: codename.to_owned(),
            codename: codename.to_owned(),
            origin: "Debian".to_owned(),
            label: "Debian".to_owned(),
            component: "main".to_owned(),
            architectures: vec!["amd64".to_owned(), "arm64".to_owned()],
            date,
            valid_until: Some(Timestamp::from_unix(date.unix() + 7 * 86_400)),
            keys: vec![TestKey::Ed25519],
            flat: false,
            extra: Vec::new(),
            debs: Vec::new(),
            faults: Vec::new(),
            index: None,
            stanzas: String::new(),
            edit: None,
        }
    }

    /// The `Suite`, where it is not the codename (`stable`).
    #[must_use]
    pub fn suite(mut self, suite: &str) -> Self {
        suite.clone_into(&mut self.suite);
        self
    }

    /// The `Origin`.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        origin.clone_into(&mut self.origin);
        self
    }

    /// The `Label` (`Debian-Security`).
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// The component; `main` unless said.
    #[must_use]
    pub fn component(mut self, component: &str) -> Self {
        component.clone_into(&mut self.component);
        self
    }

    /// The architectures, beside `all`.
    #[must_use]
    pub fn architectures(mut self, architectures: &[&str]) -> Self {
        self.architectures = architectures.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// The `Date`, which is that of the signatures too.
    #[must_use]
    pub fn date(mut self, date: Timestamp) -> Self {
        self.date = date;
        self
    }

    /// The `Valid-Until`, or none.
    #[must_use]
    pub fn valid_until(mut self, time: Option<Timestamp>) -> Self {
        self.valid_until = time;
        self
    }

    /// Who signs.
    #[must_use]
    pub fn signed_by(mut self, keys: &[TestKey]) -> Self {
        self.keys = keys.to_vec();
        self
    }

    /// A flat repository: indexes and packages in one folder, no suites.
    #[must_use]
    pub fn flat(mut self) -> Self {
        self.flat = true;
        self
    }

    /// Another field of `Release`, such as `Pin-Priority` or `NotAutomatic`.
    #[must_use]
    pub fn release_field(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One more package.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "a repository is not a number"
    )]
    pub fn add(mut self, deb: Deb) -> Self {
        self.debs.push(deb);
        self
    }

    /// More packages.
    #[must_use]
    pub fn add_all(mut self, debs: impl IntoIterator<Item = Deb>) -> Self {
        self.debs.extend(debs);
        self
    }

    /// Without the package of this name, for a newer one.
    #[must_use]
    pub fn remove(mut self, name: &str) -> Self {
        self.debs.retain(|deb| deb.name != name);
        self
    }

    /// One thing is wrong.
    #[must_use]
    pub fn fault(mut self, fault: RepositoryFault) -> Self {
        self.faults.push(fault);
        self
    }

    /// These bytes in place of every package index, in this compression and no other; the release
    /// file tells truthfully of them.
    #[must_use]
    pub fn index(mut self, compression: Compression, bytes: Vec<u8>) -> Self {
        self.index = Some((compression, bytes));
        self
    }

    /// More text at the end of every package index.
    #[must_use]
    pub fn stanzas(mut self, text: &str) -> Self {
        self.stanzas.push_str(text);
        self
    }

    /// Changes the text of the release file before it is signed.
    #[must_use]
    pub fn edit_release(mut self, edit: fn(String) -> String) -> Self {
        self.edit = Some(edit);
        self
    }

    /// Writes the repository into `root`: `dists/` and `pool/`, or everything in `root` where it
    /// is flat. Several suites can be written into one folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        let home = if self.flat {
            root.to_path_buf()
        } else {
            root.join("dists").join(&self.codename)
        };
        for deb in &self.debs {
            let missing = RepositoryFault::MissingPackage(deb.name.clone());
            if !self.has(&missing) {
                put(&root.join(self.path_of(deb)), &deb.bytes)?;
            }
        }
        let mut listed = Vec::new();
        for (folder, text) in self.indexes() {
            if let Some((compression, bytes)) = &self.index {
                let name = format!("Packages{}", compression.suffix());
                self.write_index(&home, &folder, &name, bytes, &mut listed)?;
                continue;
            }
            let text = text + &self.stanzas;
            for compression in [Compression::None, Compression::Gzip, Compression::Xz] {
                let mut bytes = compression.apply(text.as_bytes());
                if compression == Compression::Xz && self.has(&RepositoryFault::CorruptIndex) {
                    bytes.truncate(bytes.len() / 2);
                }
                let name = format!("Packages{}", compression.suffix());
                self.write_index(&home, &folder, &name, &bytes, &mut listed)?;
            }
        }
        let text = self.release(&listed);
        let text = self.edit.map_or(text.clone(), |edit| edit(text));
        self.write_release(&home, &text)
    }

    fn has(&self, fault: &RepositoryFault) -> bool {
        self.faults.contains(fault)
    }

    fn path_of(&self, deb: &Deb) -> String {
        if self.flat {
            deb.file_name()
        } else {
            deb.pool_path(&self.component)
        }
    }

    /// The folders of indexes below the suite (with `/` at the end), and their text.
    fn indexes(&self) -> Vec<(String, String)> {
        let text = |wanted: &dyn Fn(&Deb) -> bool| -> String {
            let mut debs: Vec<&Deb> = self.debs.iter().filter(|deb| wanted(deb)).collect();
            debs.sort_by_key(|deb| (&deb.name, &deb.version, &deb.architecture));
            debs.iter().map(|deb| self.stanza(deb)).collect()
        };
        if self.flat {
            return vec![(String::new(), text(&|_| true))];
        }
        self.architectures
            .iter()
            .map(|architecture| {
                let folder = format!("{}/binary-{architecture}/", self.component);
                let fits =
                    |deb: &Deb| deb.architecture == *architecture || deb.architecture == "all";
                (folder, text(&fits))
            })
            .collect()
    }

    fn stanza(&self, deb: &Deb) -> String {
        let mut size = deb.bytes.len();
        let mut digest = deb.digest();
        let mut path = self.path_of(deb);
        if self.flat {
            path.insert_str(0, "./");
        }
        for fault in &self.faults {
            match fault {
                RepositoryFault::WrongPackageDigest(name) if *name == deb.name => {
                    digest = Digest::of(b"another package");
                }
                RepositoryFault::WrongPackageSize(name) if *name == deb.name => size += 1,
                RepositoryFault::PackagePath(name, other) if *name == deb.name => {
                    path.clone_from(other);
                }
                _ => {}
            }
        }
        let control = &deb.control;
        format!(
            "{control}Filename: {path}\nSize: {size}\nSHA256: {}\n\n",
            hex(&digest)
        )
    }

    fn write_index(
        &self,
        home: &Path,
        folder: &str,
        name: &str,
        bytes: &[u8],
        listed: &mut Vec<(String, Digest, usize)>,
    ) -> io::Result<()> {
        let mut digest = Digest::of(bytes);
        let plain = name == "Packages" && !self.flat;
        // Debian lists the plain index in Release but does not keep it.
        if !plain {
            let other = b"another version".as_slice();
            let content = if self.has(&RepositoryFault::OnlyByHash) {
                other
            } else {
                bytes
            };
            put(&home.join(folder).join(name), content)?;
            if !self.has(&RepositoryFault::NoByHash) && !self.flat {
                let by_hash = format!("{folder}by-hash/SHA256/{}", hex(&digest));
                put(&home.join(by_hash), bytes)?;
            }
        }
        let mut size = bytes.len();
        if self.has(&RepositoryFault::WrongIndexDigest) {
            digest = Digest::of(b"another index");
        }
        if self.has(&RepositoryFault::WrongIndexSize) {
            size += 1;
        }
        listed.push((format!("{folder}{name}"), digest, size));
        Ok(())
    }

    fn release(&self, listed: &[(String, Digest, usize)]) -> String {
        let mut text = String::new();
        let mut field = |name: &str, value: &str| text.push_str(&format!("{name}: {value}\n"));
        field("Origin", &self.origin);
        field("Label", &self.label);
        field("Suite", &self.suite);
        field("Codename", &self.codename);
        field("Date", &http_date(self.date));
        if let Some(time) = self.valid_until {
            field("Valid-Until", &http_date(time));
        }
        if !self.flat {
            field("Acquire-By-Hash", "yes");
            field("No-Support-for-Architecture-all", "Packages");
            field(
                "Architectures",
                &format!("all {}", self.architectures.join(" ")),
            );
            field("Components", &self.component);
        }
        for (name, value) in &self.extra {
            field(name, value);
        }
        text.push_str("SHA256:\n");
        for (path, digest, size) in listed {
            text.push_str(&format!(" {} {size:>8} {path}\n", hex(digest)));
        }
        text
    }

    fn write_release(&self, home: &Path, text: &str) -> io::Result<()> {
        let unsigned = self.has(&RepositoryFault::Unsigned);
        // What an earlier version wrote must not be taken for this one's.
        for name in ["InRelease", "Release.gpg"] {
            match fs::remove_file(home.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        put(&home.join("Release"), text.as_bytes())?;
        let signed = if self.has(&RepositoryFault::BrokenSignature) {
            format!("{text}Changelogs: no\n")
        } else {
            text.to_owned()
        };
        if !unsigned {
            let detached = sign_detached(&signed, &self.keys, self.date);
            put(&home.join("Release.gpg"), detached.as_bytes())?;
        }
        if unsigned || self.has(&RepositoryFault::NoInRelease) {
            return Ok(());
        }
        let mut inline = sign_inline(&signed, &self.keys, self.date);
        if self.has(&RepositoryFault::BrokenSignature) {
            inline = inline.replace("Changelogs: no\n", "");
        }
        if self.has(&RepositoryFault::TextAfterSignature) {
            inline.push_str("\nOrigin: Somebody else\n");
        }
        put(&home.join("InRelease"), inline.as_bytes())
    }
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

fn hex(digest: &Digest) -> String {
    digest.to_string().replace("sha256:", "")
}

/// `Sat, 21 Nov 2026 00:00:00 UTC`, as `Release` files have it.
fn http_date(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, day) = time.date();
    let week = usize::try_from(time.unix().div_euclid(86_400).rem_euclid(7)).unwrap_or(0);
    let seconds = time.unix().rem_euclid(86_400);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!(
        "{}, {day:02} {} {year} {hour:02}:{minute:02}:{second:02} UTC",
        DAYS[week],
        MONTHS[usize::from(month) - 1]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_as_debian_writes_them() {
        let date = Timestamp::from_unix(1_795_219_200);
        assert_eq!(http_date(date), "Sat, 21 Nov 2026 00:00:00 UTC");
        assert_eq!(http_date(Timestamp::EPOCH), "Thu, 01 Jan 1970 00:00:00 UTC");
    }
}

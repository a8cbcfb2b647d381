//! Which files are looked into, and how much of them is kept.

mod disguise;

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memmem;

use self::disguise::Looked;
use crate::catalogers::{
    Cataloged, apk, classifier, composer, documents, dotnet, dpkg, gem, java, locks, npm, python,
    rpm,
};
use crate::layer::ScanLimits;
use crate::licence::copyright;
use crate::node::{Finding, Node};
use crate::path::{name, parent};

/// What the layers of an image may still keep, together: they are read at the same time, and all of
/// it is in memory at once.
pub(crate) struct Remaining {
    bytes: AtomicU64,
    components: AtomicU64,
}

impl Remaining {
    pub(crate) fn new(limits: &ScanLimits) -> Self {
        Self {
            bytes: AtomicU64::new(limits.captured),
            components: AtomicU64::new(limits.components),
        }
    }

    /// Takes what a layer took before; false, and nothing is taken, when too little is left.
    pub(crate) fn take(&self, taken: Taken) -> bool {
        if !take(&self.bytes, taken.bytes) {
            return false;
        }
        let is_taken = take(&self.components, taken.components);
        if !is_taken {
            self.bytes.fetch_add(taken.bytes, Ordering::Relaxed);
        }
        is_taken
    }
}

/// What one layer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) bytes: u64,
    pub(crate) components: u64,
}

fn take(left: &AtomicU64, count: u64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(count)
    })
    .is_ok()
}

/// The same, as one layer sees it.
pub(crate) struct Budget<'a> {
    pub(crate) limits: ScanLimits,
    left: &'a Remaining,
    taken: Cell<Taken>,
    /// Whether lock files say what is there.
    reads_locks: bool,
    /// Whether there are layers below, of which `.wh.` takes files away.
    pub(crate) has_whiteouts: bool,
    /// Where the seams between pieces of programs lie while they are looked through.
    window: Cell<Vec<u8>>,
}

impl<'a> Budget<'a> {
    pub(crate) const fn new(limits: &ScanLimits, left: &'a Remaining) -> Self {
        Self {
            limits: *limits,
            left,
            taken: Cell::new(Taken {
                bytes: 0,
                components: 0,
            }),
            reads_locks: false,
            has_whiteouts: true,
            window: Cell::new(Vec::new()),
        }
    }

    /// The same for the directory of a project.
    pub(crate) const fn of_project(limits: &ScanLimits, left: &'a Remaining) -> Self {
        let mut budget = Self::new(limits, left);
        budget.reads_locks = true;
        budget
    }

    /// The same for an archive of a whole root, where nothing lies below.
    pub(crate) const fn of_root(limits: &ScanLimits, left: &'a Remaining) -> Self {
        let mut budget = Self::new(limits, left);
        budget.has_whiteouts = false;
        budget
    }

    /// What was taken until now.
    pub(crate) fn taken(&self) -> Taken {
        self.taken.get()
    }

    /// Takes from what may be kept; false when too little is left.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let mut taken = self.taken.get();
        taken.bytes = taken.bytes.saturating_add(bytes);
        self.taken.set(taken);
        take(&self.left.bytes, bytes)
    }

    /// Takes so many components; false when there would be too many.
    fn take_components(&self, count: usize) -> bool {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let mut taken = self.taken.get();
        taken.components = taken.components.saturating_add(count);
        self.taken.set(taken);
        take(&self.left.components, count)
    }
}

/// What a file's content is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interest {
    /// dpkg's database, whole or one package's part.
    DpkgStatus,
    /// apk's database.
    Apk,
    /// rpm's database.
    Rpm(rpm::Form),
    /// Changes to rpm's database that are not in it yet.
    RpmLog,
    /// Debian's copyright file.
    Copyright,
    /// An installed package of npm.
    Npm,
    /// A Python distribution.
    Python,
    /// A Ruby gem.
    Gem,
    /// Composer's list.
    Composer,
    /// The packages of a .NET program.
    Dotnet,
    /// A document about components.
    Document,
    /// The lock file of a project.
    Lock(locks::Lock),
    /// The release of Erlang, and of Go.
    Release,
    /// A Java archive.
    Java,
    /// Something that may be a private key.
    Key,
    /// Read later, when the tree is known.
    Text,
}

/// What to do with a file, by its path alone. Databases count wherever they lie, because a root may
/// have another root in it.
fn interest(path: &str) -> Option<Interest> {
    let base = name(path);
    let folder = parent(path);
    let suffix = base.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    Some(match base {
        "status" if folder.ends_with("lib/dpkg") => Interest::DpkgStatus,
        "installed" if folder.ends_with("lib/apk/db") => Interest::Apk,
        "rpmdb.sqlite" if is_rpm(folder) => Interest::Rpm(rpm::Form::Sqlite),
        "rpmdb.sqlite-wal" if is_rpm(folder) => Interest::RpmLog,
        "Packages.db" if is_rpm(folder) => Interest::Rpm(rpm::Form::Native),
        "Packages" if is_rpm(folder) => Interest::Rpm(rpm::Form::Berkeley),
        "container-manifest-2" if folder.ends_with("lib/rpmmanifest") => {
            Interest::Rpm(rpm::Form::Manifest)
        }
        "copyright" if parent(folder).ends_with("share/doc") => Interest::Copyright,
        "os-release" if matches!(name(folder), "etc" | "lib") => Interest::Text,
        "debian_version" if name(folder) == "etc" => Interest::Text,
        "passwd" if folder == "etc" => Interest::Text,
        // Of an archive that `docker save` writes, which may pass for a root.
        "manifest.json" if folder.is_empty() => Interest::Text,
        "package.json" => Interest::Npm,
        "METADATA" if folder.ends_with(".dist-info") => Interest::Python,
        "PKG-INFO" if folder.ends_with(".egg-info") || folder.ends_with(".dist-info") => {
            Interest::Python
        }
        "PKG-INFO" if name(folder) == "EGG-INFO" => Interest::Python,
        "installed.json" if name(folder) == "composer" => Interest::Composer,
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" => Interest::Key,
        _ if folder.ends_with("lib/dpkg/status.d") => match suffix {
            "md5sums" => Interest::Text,
            _ => Interest::DpkgStatus,
        },
        _ => match suffix {
            "list" if folder.ends_with("lib/dpkg/info") => Interest::Text,
            "egg-info" => Interest::Python,
            "gemspec" if folder.split('/').any(|part| part == "specifications") => Interest::Gem,
            "json" if base.ends_with(".deps.json") => Interest::Dotnet,
            "pem" | "key" => Interest::Key,
            _ if java::is_archive(base) => Interest::Java,
            _ if documents::is_document(path) => Interest::Document,
            _ if classifier::is_release(path) => Interest::Release,
            _ => return None,
        },
    })
}

/// Where rpm keeps its database: before it moved below `/usr`, since then, and where files below
/// `/usr` come with the operating system.
fn is_rpm(folder: &str) -> bool {
    ["lib/rpm", "lib/sysimage/rpm", "share/rpm"]
        .iter()
        .any(|place| folder.ends_with(place))
}

/// Whether a database or package would be missed if `path` were another name of a file `other`, which
/// was read under that name.
pub(crate) fn is_missed(path: &str, other: &str) -> bool {
    let is_database =
        |interest: &Interest| !matches!(interest, Interest::Key | Interest::Copyright);
    let wanted = interest(path).filter(is_database);
    wanted.is_some() && wanted != interest(other)
}

/// Names of files that hold secrets of people and programs, whatever is in them.
fn is_secret(path: &str) -> Option<&'static str> {
    Some(match name(path) {
        ".netrc" | "_netrc" => "passwords of network programs",
        ".npmrc" | ".pypirc" => "may hold a registry's token",
        ".git-credentials" => "passwords of repositories",
        ".env" => "an environment, often with passwords",
        "credentials" if name(parent(path)) == ".aws" => "keys of a cloud account",
        "config.json" if name(parent(path)) == ".docker" => "may hold a registry's password",
        ".bash_history" | ".ash_history" | ".zsh_history" => "commands that people typed",
        ".htpasswd" | ".pgpass" | ".my.cnf" => "passwords",
        _ => return None,
    })
}

/// Looks into a file. What is not read of `content` is for the caller to skip.
///
/// # Errors
/// When reading fails.
pub(crate) fn examine(
    node: &Node,
    content: &mut dyn BufRead,
    budget: &Budget<'_>,
) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    if let Some(what) = is_secret(&node.path) {
        findings.push(Finding::Secret(what.to_owned()));
    }
    look(node, content, budget, &mut findings)?;
    let count: usize = findings.iter().map(components).sum();
    if count > 0 && !budget.take_components(count) {
        findings.retain(|finding| components(finding) == 0);
        let most = budget.limits.components;
        findings.push(Finding::Unread(format!(
            "its {count} components are left out: the image has more than {most}"
        )));
    }
    Ok(findings)
}

fn look(
    node: &Node,
    content: &mut dyn BufRead,
    budget: &Budget<'_>,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    let interest = interest(&node.path).or_else(|| {
        let lock = budget.reads_locks.then(|| locks::kind(&node.path));
        lock.flatten().map(Interest::Lock)
    });
    let first = match disguise::look(node, interest, content, budget, findings)? {
        Looked::IsDone => return Ok(()),
        Looked::Into(first) => first,
    };
    let content = &mut io::Cursor::new(first).chain(content);
    match interest {
        Some(Interest::Java) if node.size > 0 => {
            disguise::jar(node, content, budget, findings)?;
        }
        // A key has a few kilobytes; what is larger is something else.
        Some(Interest::Key) if node.size > 64 << 10 => {}
        // Its header alone, or nothing, is what a database that was closed leaves.
        Some(Interest::RpmLog) if node.size <= 32 => {}
        Some(Interest::RpmLog) => {
            let reason = "it may hold packages that are not in the database yet";
            findings.push(Finding::Unread(reason.to_owned()));
        }
        Some(interest) => match whole(interest, node, content, budget)? {
            Ok(bytes) => read(interest, &node.path, &bytes, findings),
            Err(reason) => findings.push(Finding::Unread(reason)),
        },
        None if name(&node.path) == "release" && node.size < 64 << 10 => {
            let mut bytes = Vec::new();
            content.take(64 << 10).read_to_end(&mut bytes)?;
            push(findings, java::runtime(&bytes));
        }
        None => {}
    }
    Ok(())
}

/// How many components a finding tells of.
fn components(finding: &Finding) -> usize {
    match finding {
        Finding::Components(found) => found.len(),
        Finding::Dpkg(stanzas) => stanzas.len(),
        _ => 0,
    }
}

fn push(findings: &mut Vec<Finding>, cataloged: Cataloged) {
    match cataloged {
        Ok(found) if found.is_empty() => {}
        Ok(found) => findings.push(Finding::Components(found)),
        Err(reason) => findings.push(Finding::Unread(reason)),
    }
}

/// The whole content, or why not.
fn whole(
    interest: Interest,
    node: &Node,
    content: &mut dyn Read,
    budget: &Budget<'_>,
) -> io::Result<Result<Vec<u8>, String>> {
    let most = match interest {
        // The headers of a thousand packages have a hundred megabytes, of which little is kept.
        Interest::Rpm(_) => budget.limits.nested,
        _ => budget.limits.file,
    };
    if node.size > most {
        return Ok(Err(format!(
            "it has {} bytes, more than the {most} that are read of such a file",
            node.size
        )));
    }
    if !budget.take(node.size) {
        return Ok(Err(format!(
            "the files of the image that should be read have more than {} bytes",
            budget.limits.captured
        )));
    }
    let mut bytes = Vec::new();
    content.take(most).read_to_end(&mut bytes)?;
    Ok(Ok(bytes))
}

fn read(interest: Interest, path: &str, bytes: &[u8], findings: &mut Vec<Finding>) {
    let cataloged = match interest {
        Interest::DpkgStatus => {
            let (stanzas, wrong) = dpkg::stanzas(bytes);
            findings.extend(wrong.into_iter().map(Finding::Unread));
            findings.push(Finding::Dpkg(stanzas));
            return;
        }
        Interest::Copyright => {
            let text = String::from_utf8_lossy(bytes);
            let package = name(parent(path));
            findings.push(Finding::Copyright(Box::new(copyright(&text, package))));
            return;
        }
        Interest::Text => {
            findings.push(Finding::Text(String::from_utf8_lossy(bytes).into_owned()));
            return;
        }
        Interest::Key => {
            let marks = [&b"PRIVATE KEY-----"[..], b"PuTTY-User-Key-File"];
            if marks.iter().any(|mark| memmem::find(bytes, mark).is_some()) {
                findings.push(Finding::Secret("a private key".to_owned()));
            }
            return;
        }
        Interest::Apk => {
            let (found, wrong) = apk::installed(bytes);
            findings.extend(wrong.into_iter().map(Finding::Unread));
            Ok(found)
        }
        Interest::Rpm(form) => {
            let (found, wrong) = rpm::installed(form, bytes);
            findings.extend(wrong.into_iter().map(Finding::Unread));
            Ok(found)
        }
        Interest::Document => documents::components(path, bytes),
        Interest::Lock(lock) => locks::components(lock, bytes),
        Interest::Release => classifier::release(path, bytes),
        Interest::Npm => npm::package(bytes),
        Interest::Python => python::distribution(bytes),
        Interest::Gem => gem::specification(bytes),
        Interest::Composer => composer::installed(bytes),
        Interest::Dotnet => dotnet::dependencies(bytes),
        Interest::Java | Interest::RpmLog => return,
    };
    push(findings, cataloged);
}

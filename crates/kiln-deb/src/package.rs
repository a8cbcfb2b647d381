//! Reading `.deb` files (deb(5), deb-control(5)).
//!
//! A package is an `ar` archive of `debian-binary`, `control.tar` and `data.tar`, in this order.
//! [`DebFormat::open`](PackageFormat::open) reads the control information into memory, which is
//! small and capped; [`OpenPackage::entries`] then streams the data member once, straight from the
//! file through decoder and tar reader to the visitor.
//!
//! Invariants, whatever the bytes: nothing panics; every path handed out is a [`RelativePath`] that
//! the package names once (directories may repeat) and that no symbolic link or file of the same
//! package stands above; a hard link points at a file that came before it. So a visitor that
//! creates entries in order below a fresh directory cannot be led out of it by the package itself.
//!
//! What is absent: running maintainer scripts, detached signatures inside packages (`_gpgorigin`
//! and the like are skipped, as by dpkg: the index vouches for the file), and writing.

mod control;
mod data;
#[cfg(test)]
mod tests;

use kiln_archive::decompress::{Codec, decoder};
use kiln_archive::{ArchiveError, ArchiveErrorKind, Limits, ar, read_to_vec, tar};
use kiln_types::{
    Alternatives, Control, DatabaseOptions, FileEntry, FormatError, FormatErrorKind,
    InstalledPackage, OpenPackage, PackageFormat, PackageVersion, ReadSeek, Relation, RelativePath,
    SynthesisedFile,
};
use std::io::Read;

use crate::relation::parse_depends;
use crate::{database, version};

/// The most bytes of all members of `control.tar` together, unpacked.
const MAX_CONTROL: u64 = 16 << 20;
/// The most members of `control.tar`.
const MAX_CONTROL_ENTRIES: u64 = 256;

/// The most entries of a data member; the largest icon themes have fewer than half as many.
const MAX_ENTRIES: u64 = 400_000;
/// How much a data member may unpack to: so many times its size, at least and at most so many
/// bytes. The best compressed packages of Debian unpack to some thirty times their size.
const DATA_RATIO: u64 = 200;
const DATA_LEAST: u64 = 256 << 20;
const DATA_MOST: u64 = 16 << 30;

/// The package format of Debian.
#[derive(Clone, Copy, Debug, Default)]
pub struct DebFormat;

impl PackageFormat for DebFormat {
    fn id(&self) -> &'static str {
        "deb"
    }

    fn open<'a>(
        &self,
        subject: &str,
        file: Box<dyn ReadSeek + 'a>,
    ) -> Result<Box<dyn OpenPackage + 'a>, FormatError> {
        Ok(Box::new(OpenDeb::open(subject, file)?))
    }

    fn database(
        &self,
        installed: &[InstalledPackage],
        native: &str,
        options: &DatabaseOptions,
    ) -> Vec<SynthesisedFile> {
        database::files(installed, native, options)
    }

    /// Debian policy 7.6.1: the newcomer names the holder, by its real name (virtual ones do not
    /// count), at a version that the holder has.
    fn replaces(&self, newcomer: &Control, holder: &Control) -> bool {
        newcomer.replaces.iter().any(|relation| {
            relation.name == holder.name
                && relation
                    .qualifier
                    .as_deref()
                    .is_none_or(|qualifier| qualifier == "any" || qualifier == holder.architecture)
                && relation.constraint.as_ref().is_none_or(|constraint| {
                    constraint.comparison.holds(version::compare(
                        &holder.version,
                        constraint.version.as_str(),
                    ))
                })
        })
    }

    fn depends(&self, control: &Control) -> Vec<Alternatives> {
        ["Pre-Depends", "Depends"]
            .iter()
            .filter_map(|wanted| {
                let (_, value) = control
                    .fields
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
                parse_depends(value, &control.architecture).ok()
            })
            .flatten()
            .collect()
    }

    /// Debian policy 7.5: a provided name satisfies a relation with a version only where it is
    /// provided with one.
    fn satisfies(&self, relation: &Relation, by: &Control) -> bool {
        let holds = |version: Option<&str>| {
            relation.constraint.as_ref().is_none_or(|constraint| {
                version.is_some_and(|version| {
                    constraint
                        .comparison
                        .holds(version::compare(version, constraint.version.as_str()))
                })
            })
        };
        relation.name == by.name && holds(Some(&by.version))
            || by.provides.iter().any(|provide| {
                provide.name == relation.name
                    && holds(provide.version.as_ref().map(PackageVersion::as_str))
            })
    }
}

/// An open package, its reader at the begin of the data member.
struct OpenDeb<'a> {
    subject: String,
    archive: ar::Reader<Box<dyn ReadSeek + 'a>>,
    /// The name of the data member, and how it is compressed.
    data: (String, Codec),
    control: Control,
    walked: bool,
}

impl<'a> OpenDeb<'a> {
    fn open(subject: &str, file: Box<dyn ReadSeek + 'a>) -> Result<Self, FormatError> {
        let mut archive = ar::Reader::new(
            file,
            &Limits {
                max_entries: 64,
                ..Limits::default()
            },
        );
        let broken = |error| format_error(subject, error);

        let first = archive.next().map_err(broken)?;
        if first
            .as_ref()
            .is_none_or(|member| member.name != "debian-binary")
        {
            return Err(FormatError::malformed(
                subject,
                "not a Debian package: the first member is not `debian-binary`",
            ));
        }
        let version = read_to_vec(&mut archive, 64)
            .map_err(|error| format_error(&format!("{subject}: debian-binary"), error))?;
        check_format_version(subject, &version)?;

        let (name, codec) = next_tar(&mut archive, subject, "control.tar")?;
        let control_subject = format!("{subject}: {name}");
        let limits = Limits {
            max_entries: MAX_CONTROL_ENTRIES,
            max_unpacked: MAX_CONTROL,
            ..Limits::default()
        };
        let members = {
            let content = decoder(codec, &mut archive, &limits)
                .map_err(|error| format_error(&control_subject, error))?;
            control::read_members(tar::Reader::new(content, &limits), &control_subject)?
        };
        let control = control::parse(members, &control_subject)?;
        let data = next_tar(&mut archive, subject, "data.tar")?;
        Ok(Self {
            subject: subject.to_owned(),
            archive,
            data,
            control,
            walked: false,
        })
    }
}

impl OpenPackage for OpenDeb<'_> {
    fn control(&self) -> &Control {
        &self.control
    }

    fn entries(
        &mut self,
        visit: &mut dyn FnMut(FileEntry, &mut dyn Read) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        let (name, codec) = &self.data;
        let subject = format!("{}: {name}", self.subject);
        if std::mem::replace(&mut self.walked, true) {
            let reason = "the entries of a package can be walked over once only";
            return Err(FormatError::new(
                FormatErrorKind::Unsupported,
                subject,
                reason,
            ));
        }
        let packed = self.archive.remaining();
        let limits = Limits {
            max_entries: MAX_ENTRIES,
            max_unpacked: Limits::unpacked_of(packed, DATA_RATIO, DATA_LEAST, DATA_MOST),
            ..Limits::default()
        };
        let content = decoder(*codec, &mut self.archive, &limits)
            .map_err(|error| format_error(&subject, error))?;
        let digests = data::walk(
            tar::Reader::new(content, &limits),
            &subject,
            &self.control.conffiles,
            visit,
        )?;
        self.control.conffile_digests = digests;
        // dpkg stops here. A second data member would be seen by other readers only.
        while let Some(member) = self
            .archive
            .next()
            .map_err(|error| format_error(&self.subject, error))?
        {
            if !member.name.starts_with('_') {
                let reason = format!("unexpected member `{}` after the data", member.name);
                return Err(FormatError::malformed(&*self.subject, reason));
            }
        }
        Ok(())
    }
}

/// `2.0` and a line end; a higher minor version is compatible by definition (deb(5)).
fn check_format_version(subject: &str, content: &[u8]) -> Result<(), FormatError> {
    let line = content
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let minor = line.strip_prefix(b"2.");
    if content.contains(&b'\n')
        && minor.is_some_and(|minor| !minor.is_empty() && minor.iter().all(u8::is_ascii_digit))
    {
        return Ok(());
    }
    let found = String::from_utf8_lossy(line.get(..line.len().min(16)).unwrap_or_default())
        .escape_debug()
        .to_string();
    let reason = format!("package format version `{found}` is not supported, expected 2.x");
    Err(FormatError::new(
        FormatErrorKind::Unsupported,
        subject,
        reason,
    ))
}

/// Goes to the next member that counts, which must be `stem` with the ending of a compression.
fn next_tar<R: Read>(
    archive: &mut ar::Reader<R>,
    subject: &str,
    stem: &str,
) -> Result<(String, Codec), FormatError> {
    loop {
        let Some(member) = archive
            .next()
            .map_err(|error| format_error(subject, error))?
        else {
            return Err(FormatError::malformed(
                subject,
                format!("ends before its member `{stem}`"),
            ));
        };
        // deb(5): members with an underscore in front are for others and skipped.
        if member.name.starts_with('_') {
            continue;
        }
        let codec = match member.name.strip_prefix(stem) {
            Some("") => Codec::None,
            Some(".gz") => Codec::Gzip,
            Some(".xz") => Codec::Xz,
            Some(".zst") => Codec::Zstd,
            Some(".bz2" | ".lzma") => {
                let reason = format!("compression of `{}` is not supported", member.name);
                return Err(FormatError::new(
                    FormatErrorKind::Unsupported,
                    subject,
                    reason,
                ));
            }
            _ => {
                let reason = format!("expected the member `{stem}`, found `{}`", member.name);
                return Err(FormatError::malformed(subject, reason));
            }
        };
        return Ok((member.name, codec));
    }
}

/// An error of the archive readers as one of the package.
fn format_error(subject: &str, error: ArchiveError) -> FormatError {
    let kind = match error.kind {
        ArchiveErrorKind::Malformed => FormatErrorKind::Malformed,
        ArchiveErrorKind::Limit => FormatErrorKind::Limit,
        ArchiveErrorKind::Unsupported => FormatErrorKind::Unsupported,
        ArchiveErrorKind::Io => FormatErrorKind::Io,
    };
    FormatError::new(kind, subject, error.to_string())
}

/// The path of an entry as text.
fn text<'a>(bytes: &'a [u8], subject: &str) -> Result<&'a str, FormatError> {
    std::str::from_utf8(bytes).map_err(|_| {
        let shown: String = String::from_utf8_lossy(bytes).chars().take(120).collect();
        FormatError::malformed(
            subject,
            format!("path `{}` is not UTF-8", shown.escape_debug()),
        )
    })
}

/// The path of an entry, checked.
fn path(bytes: &[u8], subject: &str) -> Result<RelativePath, FormatError> {
    RelativePath::new(text(bytes, subject)?).map_err(|error| {
        FormatError::malformed(subject, error.to_string().escape_debug().to_string())
    })
}

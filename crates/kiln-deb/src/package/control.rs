//! The control member of a package (deb-control(5), deb-conffiles(5)).

use std::collections::BTreeMap;
use std::io::Read;

use kiln_archive::{read_to_vec, tar};
use kiln_types::{Control, FormatError, FormatErrorKind, MultiArch, PackageName, RelativePath};

use super::{MAX_CONTROL, format_error, text};
use crate::control::{Limits, Paragraph};
use crate::relation::{RelationError, parse_provides, parse_relations};
use crate::version::Version;

/// The most configuration files of a package.
const MAX_CONFFILES: usize = 10_000;

/// Reads the members: plain files at the top, each once.
pub(super) fn read_members<R: Read>(
    mut archive: tar::Reader<R>,
    subject: &str,
) -> Result<BTreeMap<String, Vec<u8>>, FormatError> {
    let mut members = BTreeMap::new();
    while let Some(entry) = archive
        .next()
        .map_err(|error| format_error(subject, error))?
    {
        let path = text(&entry.path, subject)?;
        let name = path.strip_prefix("./").unwrap_or(path);
        let wrong = |reason: &str| {
            let shown: String = path.chars().take(120).collect();
            FormatError::malformed(
                subject,
                format!("member `{}` {reason}", shown.escape_debug()),
            )
        };
        match entry.kind {
            tar::Kind::Directory if matches!(path, "." | "./") => continue,
            tar::Kind::File => {}
            _ => return Err(wrong("is not a file")),
        }
        // The names become file names in the package database.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.bytes().all(plain) {
            return Err(wrong("has a name that is not allowed there"));
        }
        let content = read_to_vec(archive.content(), MAX_CONTROL)
            .map_err(|error| format_error(subject, error))?;
        if members.insert(name.to_owned(), content).is_some() {
            return Err(wrong("is there twice"));
        }
    }
    Ok(members)
}

/// Makes sense of the members.
pub(super) fn parse(
    mut members: BTreeMap<String, Vec<u8>>,
    subject: &str,
) -> Result<Control, FormatError> {
    let Some(file) = members.remove("control") else {
        return Err(FormatError::malformed(subject, "has no member `control`"));
    };
    let subject = format!("{subject}: control");
    let malformed = |reason: String| FormatError::malformed(&*subject, reason);
    let paragraph =
        Paragraph::parse(&file, Limits::DOCUMENT).map_err(|error| error.of(&subject))?;
    let required = |name| paragraph.require(name).map_err(|error| error.of(&subject));

    let name = required("Package")?;
    check_name(name).map_err(|reason| malformed(format!("field `Package`: {reason}")))?;
    let version = required("Version")?;
    Version::parse(version).map_err(|error| malformed(format!("field `Version`: {error}")))?;
    let architecture = required("Architecture")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=32).contains(&architecture.len())
        || !architecture.bytes().all(plain)
        || architecture == "any"
    {
        let shown: String = architecture.chars().take(40).collect();
        return Err(malformed(format!(
            "field `Architecture`: `{shown}` is not an architecture"
        )));
    }
    let (source, source_version) = match paragraph.get("Source") {
        None => (name, version),
        Some(source) => split_source(source, version).ok_or_else(|| {
            malformed("field `Source` is not `name` or `name (version)`".to_owned())
        })?,
    };
    check_name(source).map_err(|reason| malformed(format!("field `Source`: {reason}")))?;
    Version::parse(source_version)
        .map_err(|error| malformed(format!("field `Source`: {error}")))?;
    let multi_arch = match paragraph.get("Multi-Arch") {
        None | Some("no") => MultiArch::No,
        Some("same") => MultiArch::Same,
        Some("foreign") => MultiArch::Foreign,
        Some("allowed") => MultiArch::Allowed,
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            return Err(malformed(format!(
                "field `Multi-Arch`: `{shown}` is none of no, same, foreign, allowed"
            )));
        }
    };
    let relation =
        |field: &str, error: RelationError| malformed(format!("field `{field}`: {error}"));
    let replaces = parse_relations(paragraph.get("Replaces").unwrap_or_default(), architecture)
        .map_err(|error| relation("Replaces", error))?;
    let provides = parse_provides(paragraph.get("Provides").unwrap_or_default(), architecture)
        .map_err(|error| relation("Provides", error))?;
    let conffiles = match members.get("conffiles") {
        Some(list) => read_conffiles(list, &subject)?,
        None => Vec::new(),
    };
    Ok(Control {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: architecture.to_owned(),
        source: source.to_owned(),
        source_version: source_version.to_owned(),
        replaces,
        provides,
        multi_arch,
        conffiles,
        members,
        conffile_digests: BTreeMap::new(),
        fields: paragraph.into_fields(),
    })
}

/// Debian policy 5.6.1: two characters or more, lower case, digits and `+-.`, a letter or digit
/// first.
fn check_name(name: &str) -> Result<(), String> {
    PackageName::new(name).map_err(|error| error.to_string())?;
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    if name.len() < 2 || !name.bytes().all(plain) {
        return Err(format!("`{name}` is not a name of a Debian package"));
    }
    Ok(())
}

/// `glibc` or `glibc (2.41-12)`.
fn split_source<'a>(source: &'a str, version: &'a str) -> Option<(&'a str, &'a str)> {
    match source.split_once('(') {
        None => Some((source, version)),
        Some((name, rest)) => Some((name.trim_end(), rest.strip_suffix(')')?.trim())),
    }
}

/// One absolute path a line. One that is flagged `remove-on-upgrade` names a file of an earlier
/// version, which this one does not have.
fn read_conffiles(list: &[u8], subject: &str) -> Result<Vec<String>, FormatError> {
    let mut conffiles = Vec::new();
    for line in text(list, subject)?
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        let wrong = |reason: &str| {
            let shown: String = line.chars().take(120).collect();
            FormatError::malformed(
                subject,
                format!("conffile `{}` {reason}", shown.escape_debug()),
            )
        };
        if line
            .strip_prefix("remove-on-upgrade")
            .is_some_and(|rest| rest.starts_with([' ', '\t']))
        {
            continue;
        }
        if !line.starts_with('/') {
            return Err(wrong("is not an absolute path"));
        }
        let path = RelativePath::new(line)
            .ok()
            .filter(|path| !path.is_root())
            .ok_or_else(|| wrong("is not a path below the root"))?;
        if conffiles.len() >= MAX_CONFFILES {
            let reason = format!("more than {MAX_CONFFILES} conffiles");
            return Err(FormatError::new(FormatErrorKind::Limit, subject, reason));
        }
        conffiles.push(path.as_str().to_owned());
    }
    let mut sorted: Vec<_> = conffiles.iter().collect();
    sorted.sort();
    if let Some([path, _]) = sorted.array_windows().find(|[left, right]| left == right) {
        return Err(FormatError::malformed(
            subject,
            format!("conffile `/{path}` is listed twice"),
        ));
    }
    Ok(conffiles)
}

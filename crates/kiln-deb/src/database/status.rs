//! The `status` file (dpkg(1), deb-control(5)), in the form of dpkg 1.22.

use kiln_types::InstalledPackage;

use super::{is_left_behind, owns};
use crate::relation::{parse_depends, parse_relations};
use crate::version::Version;

/// How dpkg writes a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it stands.
    Text,
    /// Only when it is `yes`.
    Flag,
    /// In lower case.
    Lower,
    /// Not when it is `no`.
    MultiArch,
    /// Without a zero epoch.
    Version,
    /// Relations with alternatives.
    Depends,
    /// Relations without.
    Relations,
    /// dpkg's own knowledge, not the control file's.
    Status,
    /// The conffiles with their digests.
    Conffiles,
}

/// The fields that dpkg knows, in its order (`fieldinfos` in `lib/dpkg/parse.c`). All others follow
/// in the order of the control file.
const FIELDS: [(&str, Form); 25] = [
    ("Package", Form::Text),
    ("Essential", Form::Flag),
    ("Protected", Form::Flag),
    ("Status", Form::Status),
    ("Priority", Form::Lower),
    ("Section", Form::Text),
    ("Installed-Size", Form::Text),
    ("Origin", Form::Text),
    ("Maintainer", Form::Text),
    ("Bugs", Form::Text),
    ("Architecture", Form::Text),
    ("Multi-Arch", Form::MultiArch),
    ("Source", Form::Text),
    ("Version", Form::Version),
    ("Replaces", Form::Relations),
    ("Provides", Form::Relations),
    ("Depends", Form::Depends),
    ("Pre-Depends", Form::Depends),
    ("Recommends", Form::Depends),
    ("Suggests", Form::Depends),
    ("Breaks", Form::Relations),
    ("Conflicts", Form::Relations),
    ("Enhances", Form::Relations),
    ("Conffiles", Form::Conffiles),
    ("Description", Form::Text),
];

/// Fields that dpkg owns or drops; a control file that has them is not believed.
const DROPPED: [&str; 11] = [
    "Config-Version",
    "Filename",
    "MD5sum",
    "MSDOS-Filename",
    "Revision",
    "Package-Revision",
    "Class",
    "SHA1",
    "SHA256",
    "Size",
    "Triggers-Pending",
];

/// One paragraph a package, in the order given.
pub(super) fn write(packages: &[&InstalledPackage]) -> Vec<u8> {
    let mut status = String::new();
    for package in packages {
        write_package(&mut status, package);
        status.push('\n');
    }
    status.into_bytes()
}

fn write_package(status: &mut String, package: &InstalledPackage) {
    let control = &package.control;
    let get = |name: &str| {
        control
            .fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    };
    for (name, form) in &FIELDS {
        let value = get(name);
        let value = match form {
            Form::Status => "install ok installed".to_owned(),
            Form::Text => value.to_owned(),
            Form::Flag => {
                if value.eq_ignore_ascii_case("yes") {
                    "yes".to_owned()
                } else {
                    String::new()
                }
            }
            Form::Lower => value.to_ascii_lowercase(),
            Form::MultiArch => {
                if value == "no" {
                    String::new()
                } else {
                    value.to_owned()
                }
            }
            Form::Version => Version::parse(value)
                .map_or_else(|_| value.to_owned(), |version| version.to_string()),
            Form::Depends => depends(value, &control.architecture),
            Form::Relations => relations(value, &control.architecture),
            Form::Conffiles => conffiles(package),
        };
        push_field(status, name, &value);
    }
    for (name, value) in &control.fields {
        let is_known = FIELDS
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !is_known
            && !DROPPED
                .iter()
                .any(|dropped| dropped.eq_ignore_ascii_case(name))
        {
            push_field(status, name, value);
        }
    }
}

fn push_field(status: &mut String, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    status.push_str(name);
    status.push(':');
    if !value.starts_with('\n') {
        status.push(' ');
    }
    status.push_str(value);
    status.push('\n');
}

/// A line for each conffile that is in the image: its path and MD5 as shipped.
fn conffiles(package: &InstalledPackage) -> String {
    let mut lines = String::new();
    for path in &package.control.conffiles {
        if let Some(digest) = package
            .control
            .conffile_digests
            .get(path)
            .filter(|_| owns(package, path))
        {
            lines.push_str(&format!("\n /{path} {digest}"));
        }
    }
    let list = package.control.members.get("conffiles");
    let list = String::from_utf8_lossy(list.map_or(&[], Vec::as_slice));
    for path in list.lines().filter_map(is_left_behind) {
        lines.push_str(&format!("\n {path} newconffile remove-on-upgrade"));
    }
    lines
}

/// Relations as dpkg spells them: one line, one blank after commas and around bars.
fn depends(value: &str, architecture: &str) -> String {
    match parse_depends(value, architecture) {
        Err(_) => one_line(value),
        Ok(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|alternatives| {
                    alternatives
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" | ")
                })
                .collect();
            entries.join(", ")
        }
    }
}

fn relations(value: &str, architecture: &str) -> String {
    match parse_relations(value, architecture) {
        Err(_) => one_line(value),
        Ok(relations) => relations
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn one_line(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

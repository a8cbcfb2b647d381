//! The fields of an index paragraph that kiln reads, and their rules.

use std::borrow::Cow;

use kiln_types::{Digest, MultiArch, Priority};

use super::mentions::Mentions;
use crate::control::{ControlError, ControlErrorKind, Field, Stanza};
use crate::universe::RawRecord;
use crate::version::Version;

/// The longest package name and path, in bytes.
const MAX_NAME: usize = 256;
const MAX_PATH: usize = 1024;

/// The fields that are read. Those from Recommends on are no part of a record: they only mention
/// names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Package,
    Version,
    Architecture,
    Source,
    Filename,
    Size,
    Sha256,
    InstalledSize,
    MultiArch,
    Priority,
    Essential,
    PreDepends,
    Depends,
    Conflicts,
    Breaks,
    Provides,
    Recommends,
    Suggests,
    Replaces,
    Enhances,
}

impl Name {
    /// How many there are.
    const COUNT: usize = Self::Enhances as usize + 1;

    const fn as_str(self) -> &'static str {
        match self {
            Self::Package => "Package",
            Self::Version => "Version",
            Self::Architecture => "Architecture",
            Self::Source => "Source",
            Self::Filename => "Filename",
            Self::Size => "Size",
            Self::Sha256 => "SHA256",
            Self::InstalledSize => "Installed-Size",
            Self::MultiArch => "Multi-Arch",
            Self::Priority => "Priority",
            Self::Essential => "Essential",
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
            Self::Provides => "Provides",
            Self::Recommends => "Recommends",
            Self::Suggests => "Suggests",
            Self::Replaces => "Replaces",
            Self::Enhances => "Enhances",
        }
    }

    fn of(name: &str) -> Option<Self> {
        // The length and the first letter decide between all of these but one or two.
        let first = name.as_bytes().first()?.to_ascii_lowercase();
        let name_of = |kept: &Self| kept.as_str().eq_ignore_ascii_case(name);
        let candidates: &[Self] = match (name.len(), first) {
            (4, b's') => &[Self::Size],
            (6, b's') => &[Self::Source, Self::Sha256],
            (6, b'b') => &[Self::Breaks],
            (7, b'p') => &[Self::Package],
            (7, b'v') => &[Self::Version],
            (7, b'd') => &[Self::Depends],
            (8, b'f') => &[Self::Filename],
            (8, b'p') => &[Self::Priority, Self::Provides],
            (8, b's') => &[Self::Suggests],
            (8, b'r') => &[Self::Replaces],
            (8, b'e') => &[Self::Enhances],
            (9, b'e') => &[Self::Essential],
            (9, b'c') => &[Self::Conflicts],
            (10, b'm') => &[Self::MultiArch],
            (10, b'r') => &[Self::Recommends],
            (11, b'p') => &[Self::PreDepends],
            (12, b'a') => &[Self::Architecture],
            (14, b'i') => &[Self::InstalledSize],
            _ => return None,
        };
        candidates.iter().copied().find(name_of)
    }
}

/// The fields of one paragraph that are read.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    line: u64,
    fields: [Option<Field<'a>>; Name::COUNT],
}

impl<'a> Fields<'a> {
    pub(super) fn of(stanza: &Stanza<'a>) -> Self {
        let mut fields = [None; Name::COUNT];
        for field in stanza.fields() {
            if let Some(place) = Name::of(field.name).and_then(|name| fields.get_mut(name as usize))
            {
                *place = Some(field);
            }
        }
        Self {
            line: stanza.line(),
            fields,
        }
    }

    fn field(&self, name: Name) -> Option<Field<'a>> {
        self.fields.get(name as usize).copied().flatten()
    }

    /// An error about the value of a field.
    pub(super) fn wrong(&self, name: Name, reason: impl Into<String>) -> ControlError {
        let line = self.field(name).map_or(self.line, |field| field.line);
        ControlError {
            line,
            kind: ControlErrorKind::Value {
                field: name.as_str().to_owned(),
                reason: reason.into(),
            },
        }
    }

    /// A value on one line; empty where the field is absent.
    fn simple(&self, name: Name) -> Result<&'a str, ControlError> {
        let Some(field) = self.field(name) else {
            return Ok("");
        };
        match field.text()? {
            Cow::Borrowed(text) if !text.contains('\n') => Ok(text),
            _ => Err(self.wrong(name, "it goes on over more than one line")),
        }
    }

    /// A value on one line that must be there.
    pub(super) fn required(&self, name: Name) -> Result<&'a str, ControlError> {
        match self.simple(name)? {
            "" => Err(ControlError {
                line: self.line,
                kind: ControlErrorKind::Missing(name.as_str()),
            }),
            text => Ok(text),
        }
    }

    fn number(&self, name: Name, text: &str) -> Result<u64, ControlError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.ok_or_else(|| {
            self.wrong(
                name,
                format!("`{}` is not a number of bytes", shortened(text)),
            )
        })
    }

    /// A value that may go on over several lines; with comments it is kept in `owned`.
    fn long<'b>(&self, name: Name, owned: &'b mut String) -> Result<&'b str, ControlError>
    where
        'a: 'b,
    {
        match self.field(name).map(|field| field.text()).transpose()? {
            None => Ok(""),
            Some(Cow::Borrowed(text)) => Ok(text),
            Some(Cow::Owned(text)) => {
                *owned = text;
                Ok(owned)
            }
        }
    }

    /// Numbers the names that the paragraph of this record mentions; the number of its package, or
    /// `None` when there are too many names. The order is that of apt (`debListParser::NewVersion`),
    /// whatever stands first in the index. A field that is no part of the record mentions nothing
    /// when it is no text.
    pub(super) fn mention(
        &self,
        record: &RawRecord<'_>,
        mentions: &mut Mentions,
        architecture: &str,
    ) -> Option<u32> {
        let text = |name| self.field(name).and_then(|field| field.text().ok());
        let number = mentions.name(record.name)?;
        for value in [
            record.pre_depends,
            record.depends,
            record.conflicts,
            record.breaks,
        ] {
            mentions.relations(value, architecture)?;
        }
        for value in [
            Name::Recommends,
            Name::Suggests,
            Name::Replaces,
            Name::Enhances,
        ]
        .into_iter()
        .filter_map(text)
        {
            mentions.relations(&value, architecture)?;
        }
        mentions.relations(record.provides, architecture)?;
        Some(number)
    }

    /// All of a record, checked.
    pub(super) fn record<'b>(
        &self,
        architecture: &'b str,
        owned: &'b mut [String; 5],
    ) -> Result<RawRecord<'b>, ControlError>
    where
        'a: 'b,
    {
        let name = self.required(Name::Package)?;
        if !is_package_name(name) {
            return Err(self.wrong(
                Name::Package,
                format!("`{}` is not a package name", shortened(name)),
            ));
        }
        let version = self.required(Name::Version)?;
        Version::parse(version).map_err(|error| self.wrong(Name::Version, error.to_string()))?;
        // `Source: name (version)`, absent where both are those of the package.
        let source = self
            .simple(Name::Source)?
            .split([' ', '('])
            .next()
            .unwrap_or_default();
        if !source.is_empty() && !is_package_name(source) {
            return Err(self.wrong(
                Name::Source,
                format!("`{}` is not a package name", shortened(source)),
            ));
        }
        let path = self.required(Name::Filename)?;
        let path = path.strip_prefix("./").unwrap_or(path);
        check_path(path).map_err(|reason| {
            self.wrong(Name::Filename, format!("`{}` {reason}", shortened(path)))
        })?;
        let sha256 = Digest::from_hex(self.required(Name::Sha256)?)
            .map_err(|error| self.wrong(Name::Sha256, error.to_string()))?;
        let installed_size = match self.simple(Name::InstalledSize)? {
            "" => 0,
            // In KiB (deb-control(5)).
            text => self
                .number(Name::InstalledSize, text)?
                .checked_mul(1024)
                .ok_or_else(|| self.wrong(Name::InstalledSize, "it is too large"))?,
        };
        let [pre_depends, depends, conflicts, breaks, provides] = owned;
        Ok(RawRecord {
            name,
            version,
            architecture,
            source: if source == name { "" } else { source },
            path,
            size: self.number(Name::Size, self.required(Name::Size)?)?,
            installed_size,
            sha256,
            // As in apt, values that nobody knows count as absent.
            multi_arch: match self.simple(Name::MultiArch)? {
                "same" => MultiArch::Same,
                "foreign" => MultiArch::Foreign,
                "allowed" => MultiArch::Allowed,
                _ => MultiArch::No,
            },
            priority: match self.simple(Name::Priority)? {
                "required" => Priority::Required,
                "important" => Priority::Important,
                "standard" => Priority::Standard,
                "extra" => Priority::Extra,
                _ => Priority::Optional,
            },
            essential: self.simple(Name::Essential)? == "yes",
            pre_depends: self.long(Name::PreDepends, pre_depends)?,
            depends: self.long(Name::Depends, depends)?,
            conflicts: self.long(Name::Conflicts, conflicts)?,
            breaks: self.long(Name::Breaks, breaks)?,
            provides: self.long(Name::Provides, provides)?,
        })
    }
}

/// Debian policy 5.6.1, with the capitals and underscores that other archives use.
fn is_package_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
}

/// A path below the root of an archive: it must not lead out of it, and it becomes part of a URL.
fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > MAX_PATH {
        return Err("is too long");
    }
    if !path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\\\"<>?#{}|^`".contains(&byte))
    {
        return Err("holds a character that a path in an archive cannot have");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("is not a plain path below the archive's root");
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name() {
        let names = [
            "Package",
            "Version",
            "Architecture",
            "Source",
            "Filename",
            "Size",
            "SHA256",
            "Installed-Size",
            "Multi-Arch",
            "Priority",
            "Essential",
            "Pre-Depends",
            "Depends",
            "Conflicts",
            "Breaks",
            "Provides",
            "Recommends",
            "Suggests",
            "Replaces",
            "Enhances",
        ];
        assert_eq!(names.len(), Name::COUNT);
        for (number, name) in names.into_iter().enumerate() {
            for spelling in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(
                    Name::of(&spelling).map(|found| (found as usize, found.as_str())),
                    Some((number, name))
                );
            }
        }
        for name in [
            "",
            "Description",
            "Depend",
            "Suggest",
            "Optional",
            "SHA512",
            "Protected",
        ] {
            assert_eq!(Name::of(name), None);
        }
    }
}

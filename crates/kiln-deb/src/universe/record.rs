//! A package record as it stands in a universe file.
//!
//! Relation fields are kept as text and parsed when the record is asked for: a solve looks at some
//! hundred of the tens of thousands.

use kiln_types::{
    Digest, FormatError, MultiArch, PackageName, PackageRecord, PackageVersion, Priority,
};

use super::format::{Decoder, Encoder, Source};
use crate::relation::{RelationError, parse_depends, parse_provides, parse_relations};

/// The fields of an index paragraph that a record keeps, borrowed and checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRecord<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) architecture: &'a str,
    /// The source package; empty where it has the name of the package.
    pub(crate) source: &'a str,
    pub(crate) path: &'a str,
    pub(crate) size: u64,
    /// In bytes.
    pub(crate) installed_size: u64,
    pub(crate) sha256: Digest,
    pub(crate) multi_arch: MultiArch,
    pub(crate) priority: Priority,
    pub(crate) essential: bool,
    pub(crate) pre_depends: &'a str,
    pub(crate) depends: &'a str,
    pub(crate) conflicts: &'a str,
    pub(crate) breaks: &'a str,
    pub(crate) provides: &'a str,
}

impl<'a> RawRecord<'a> {
    /// Appends the record.
    pub(crate) fn encode(&self, out: &mut Encoder) {
        for text in [
            self.name,
            self.version,
            self.architecture,
            self.source,
            self.path,
        ] {
            out.text(text);
        }
        out.number(self.size);
        out.number(self.installed_size);
        out.bytes.extend(self.sha256.as_bytes());
        out.bytes.push(match self.multi_arch {
            MultiArch::No => 0,
            MultiArch::Same => 1,
            MultiArch::Foreign => 2,
            MultiArch::Allowed => 3,
        });
        out.bytes.push(match self.priority {
            Priority::Required => 0,
            Priority::Important => 1,
            Priority::Standard => 2,
            Priority::Optional => 3,
            Priority::Extra => 4,
        });
        out.bytes.push(u8::from(self.essential));
        for text in [
            self.pre_depends,
            self.depends,
            self.conflicts,
            self.breaks,
            self.provides,
        ] {
            out.text(text);
        }
    }

    /// Reads a record; `None` when the bytes are none.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut input = Decoder::new(bytes);
        let record = Self {
            name: input.text()?,
            version: input.text()?,
            architecture: input.text()?,
            source: input.text()?,
            path: input.text()?,
            size: input.number()?,
            installed_size: input.number()?,
            sha256: Digest::from_bytes(input.array()?),
            multi_arch: match input.byte()? {
                0 => MultiArch::No,
                1 => MultiArch::Same,
                2 => MultiArch::Foreign,
                3 => MultiArch::Allowed,
                _ => return None,
            },
            priority: match input.byte()? {
                0 => Priority::Required,
                1 => Priority::Important,
                2 => Priority::Standard,
                3 => Priority::Optional,
                4 => Priority::Extra,
                _ => return None,
            },
            essential: match input.byte()? {
                0 => false,
                1 => true,
                _ => return None,
            },
            pre_depends: input.text()?,
            depends: input.text()?,
            conflicts: input.text()?,
            breaks: input.text()?,
            provides: input.text()?,
        };
        input.is_empty().then_some(record)
    }

    /// The record that the solver sees. `native` is the architecture of the universe.
    pub(crate) fn parse(
        &self,
        native: &str,
        source: &Source,
    ) -> Result<PackageRecord, FormatError> {
        let wrong = |field: &'static str| {
            move |error: RelationError| {
                FormatError::malformed(
                    format!(
                        "{} {} in {} {}",
                        self.name, self.version, source.archive, source.suite
                    ),
                    format!("field `{field}`: {error}"),
                )
            }
        };
        let name_error = |error: kiln_types::NameError| {
            FormatError::malformed("package record", error.to_string())
        };
        let mut depends = parse_depends(self.pre_depends, native).map_err(wrong("Pre-Depends"))?;
        depends.append(&mut parse_depends(self.depends, native).map_err(wrong("Depends"))?);
        let mut conflicts = parse_relations(self.conflicts, native).map_err(wrong("Conflicts"))?;
        conflicts.append(&mut parse_relations(self.breaks, native).map_err(wrong("Breaks"))?);
        Ok(PackageRecord {
            name: PackageName::new(self.name).map_err(name_error)?,
            version: PackageVersion::new(self.version).map_err(name_error)?,
            architecture: self.architecture.to_owned(),
            source: if self.source.is_empty() {
                self.name
            } else {
                self.source
            }
            .to_owned(),
            depends,
            conflicts,
            provides: parse_provides(self.provides, native).map_err(wrong("Provides"))?,
            multi_arch: self.multi_arch,
            priority: self.priority,
            essential: self.essential,
            archive: source.archive.clone(),
            suite: source.suite.clone(),
            path: self.path.to_owned(),
            size: self.size,
            installed_size: self.installed_size,
            sha256: self.sha256,
        })
    }
}

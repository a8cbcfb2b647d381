//! A package's header as the database keeps it (rpm, `docs/manual/format_v4.md`): the number of
//! entries, the bytes of data, the entries (tag, type, offset, count), the data.

use kiln_types::{Component, ComponentKind, EvidenceKind, SourcePackage};

use super::bytes::{big32, size, slice};
use crate::catalogers::is_sane;
use crate::licence;
use crate::node::Found;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const SUMMARY: u32 = 1004;
const VENDOR: u32 = 1011;
const LICENCE: u32 = 1014;
const PACKAGER: u32 = 1015;
const URL: u32 = 1020;
const ARCHITECTURE: u32 = 1022;
const OLD_FILE_NAMES: u32 = 1027;
const SOURCE: u32 = 1044;
const PROVIDES: u32 = 1047;
const REQUIRES: u32 = 1049;
const DIRECTORY_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;
const MODULARITY: u32 = 5096;

/// Entries of one header; rpm itself allows 65,535.
const MOST_ENTRIES: u32 = 65_535;
/// Bytes of data, as rpm allows.
const MOST_DATA: u32 = 256 << 20;
/// Strings of one list.
const MOST_STRINGS: usize = 1_000_000;
/// Bytes of the paths of one package: a hostile one would join a long directory to each name.
const MOST_PATHS: usize = 64 << 20;

/// The entries that matter here.
struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (entries, length) = (big32(bytes, 0)?, big32(bytes, 4)?);
        if entries == 0 || entries > MOST_ENTRIES || length > MOST_DATA {
            return None;
        }
        let index_length = size(entries).checked_mul(16)?;
        Some(Self {
            index: slice(bytes, 8, index_length)?,
            data: slice(bytes, 8 + index_length, size(length))?,
        })
    }

    /// The type, the data from the entry's begin on, and the count of the first entry of a tag.
    fn entry(&self, tag: u32) -> Option<(u32, &'a [u8], usize)> {
        let entry = self
            .index
            .chunks_exact(16)
            .find(|entry| big32(entry, 0) == Some(tag))?;
        let data = self.data.get(size(big32(entry, 8)?)..)?;
        Some((big32(entry, 4)?, data, size(big32(entry, 12)?)))
    }

    fn strings(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        // A string, a list of them, one in several languages of which the first is English.
        let (data, count) = match self.entry(tag) {
            Some((6 | 8 | 9, data, count)) => (data, count),
            _ => (&[][..], 0),
        };
        data.split_inclusive(|byte| *byte == 0)
            .filter_map(|string| string.strip_suffix(&[0]))
            .take(count.min(MOST_STRINGS))
    }

    fn text(&self, tag: u32) -> Option<String> {
        let bytes = self.strings(tag).next()?;
        let text = String::from_utf8_lossy(bytes).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> + use<'a> {
        let (data, count) = match self.entry(tag) {
            Some((4, data, count)) => (data, count),
            _ => (&[][..], 0),
        };
        data.chunks_exact(4)
            .filter_map(|number| big32(number, 0))
            .take(count.min(MOST_STRINGS))
    }

    /// The paths of its files, without a slash in front.
    fn files(&self) -> Result<Vec<String>, String> {
        let mut bytes = 0_usize;
        let mut files = Vec::new();
        let mut add = |folder: &str, name: &str| {
            bytes = bytes.saturating_add(folder.len() + name.len());
            if bytes > MOST_PATHS {
                return Err(format!("its paths have more than {MOST_PATHS} bytes"));
            }
            files.push(format!("{folder}{name}").trim_start_matches('/').to_owned());
            Ok(())
        };
        let folders: Vec<_> = self
            .strings(DIRECTORY_NAMES)
            .map(String::from_utf8_lossy)
            .collect();
        for (name, folder) in self
            .strings(BASE_NAMES)
            .zip(self.numbers(DIRECTORY_INDEXES))
        {
            if let Some(folder) = folders.get(size(folder)) {
                add(folder, &String::from_utf8_lossy(name))?;
            }
        }
        for path in self.strings(OLD_FILE_NAMES) {
            add("", &String::from_utf8_lossy(path))?;
        }
        Ok(files)
    }
}

/// The package of a header; none for a key of rpm's, which stands among the packages.
pub(super) fn package(bytes: &[u8]) -> Result<Option<Found>, String> {
    let header = Header::new(bytes).ok_or("its header is broken")?;
    let text = |tag| header.text(tag);
    let name = text(NAME).unwrap_or_default();
    if name == "gpg-pubkey" {
        return Ok(None);
    }
    let (version, release) = (text(VERSION).unwrap_or_default(), text(RELEASE));
    let version = match release {
        Some(release) => format!("{version}-{release}"),
        None => version,
    };
    let epoch = header.numbers(EPOCH).next();
    let mut found = named(&name, &version, epoch, text(SOURCE).as_deref())?;
    let component = &mut found.component;
    component.architecture = text(ARCHITECTURE);
    component.supplier = text(VENDOR).or_else(|| text(PACKAGER));
    component.summary = text(SUMMARY);
    component.homepage = text(URL);
    if let Some(licence) = text(LICENCE) {
        component.licences = licence::of_field(&licence);
    }
    if let Some(module) = text(MODULARITY) {
        component.properties.insert("rpm-module".to_owned(), module);
    }
    let names = |tag| {
        let names = header.strings(tag).map(String::from_utf8_lossy);
        // What rpm itself must be able to do.
        names.filter(|name| !name.starts_with("rpmlib("))
    };
    found.needs = names(REQUIRES).map(|name| name.into_owned()).collect();
    found.needs.sort();
    found.needs.dedup();
    found.provides = names(PROVIDES).map(|name| name.into_owned()).collect();
    found.files = header.files()?;
    Ok(Some(found))
}

/// A package by name, version with release, epoch, and the file name of its source package.
pub(super) fn named(
    name: &str,
    version: &str,
    epoch: Option<u32>,
    source: Option<&str>,
) -> Result<Found, String> {
    if !is_sane(name) || !is_sane(version) {
        return Err("it has no name or no version".to_owned());
    }
    let full = match epoch {
        Some(epoch) => format!("{epoch}:{version}"),
        None => version.to_owned(),
    };
    let mut component = Component::new(ComponentKind::Rpm, name, full);
    if let Some(source) = source.filter(|source| is_sane(source) && *source != "(none)") {
        component
            .properties
            .insert("rpm-source".to_owned(), source.to_owned());
        component.source = source_package(source);
    }
    Ok(Found::new(component, EvidenceKind::Database))
}

/// `name-version-release.src.rpm`.
pub(crate) fn source_package(file: &str) -> Option<SourcePackage> {
    let stem = file
        .strip_suffix(".src.rpm")
        .or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    (!name.is_empty()).then(|| SourcePackage {
        name: name.to_owned(),
        version: format!("{version}-{release}"),
    })
}

//! Java archives: `pom.properties` of Maven, the manifest, and archives inside archives.
//!
//! A jar that many were shaded into has many `pom.properties`, and each is a component. Without
//! any, the manifest names the jar, or else its file name does.

use std::collections::BTreeMap;
use std::io::Cursor;

use kiln_archive::Limits;
use kiln_archive::zip::{ZipEntry, ZipReader};
use kiln_types::{ComponentKind, EvidenceKind};

use super::maven_group::group_of;
use super::nested::Search;
use super::{Cataloged, component, is_sane};
use crate::licence;
use crate::node::Found;
use crate::path::name;

/// Bytes of a manifest or of properties.
const SMALL: u64 = 1 << 20;
/// Properties that are read of one archive.
const MOST_POMS: usize = 2000;

/// Files of one archive, and bytes of the list of them.
pub(super) fn limits() -> Limits {
    Limits {
        max_entries: 200_000,
        max_in_memory: 32 << 20,
        ..Limits::default()
    }
}

/// Whether a file is an archive of Java, by its name.
pub(crate) fn is_archive(file: &str) -> bool {
    const SUFFIXES: [&str; 10] = [
        "jar", "war", "ear", "par", "sar", "nar", "jpi", "hpi", "kar", "lpkg",
    ];
    let suffix = file.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    SUFFIXES
        .iter()
        .any(|known| suffix.eq_ignore_ascii_case(known))
}

/// The runtime whose `release` file this is: none where it names no version of Java.
pub(crate) fn runtime(bytes: &[u8]) -> Cataloged {
    let text = String::from_utf8_lossy(bytes);
    let fields: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
        .collect();
    let version = fields
        .get("JAVA_RUNTIME_VERSION")
        .or(fields.get("JAVA_VERSION"));
    let Some(version) = version.filter(|version| is_sane(version)) else {
        return Ok(Vec::new());
    };
    let mut component = component(ComponentKind::Binary, None, "openjdk", "openjdk", version);
    component.supplier = fields.get("IMPLEMENTOR").map(|&name| name.to_owned());
    Ok(vec![Found::new(component, EvidenceKind::Metadata)])
}

/// Looks for the components of an archive, and for what cannot be read in it.
pub(crate) fn archive(file: &str, bytes: &[u8], search: &mut Search) {
    walk(file, "", bytes, 0, search);
}

fn walk(file: &str, inside: &str, bytes: &[u8], depth: usize, search: &mut Search) {
    if !search.enter() {
        return;
    }
    let mut zip = match ZipReader::open(Cursor::new(bytes), &limits()) {
        Ok(zip) => zip,
        Err(error) => return search.miss(inside, &error.to_string()),
    };
    let entries = zip.entries().iter();
    let list = entries
        .map(|entry| (size_of::<ZipEntry>() + entry.name.len()) as u64)
        .sum();
    if search.hold(list) {
        look(file, inside, &mut zip, depth, search);
        search.leave(list);
    } else {
        search.miss(inside, "its list of files takes more memory than is left");
    }
}

/// Looks through an archive that is open.
fn look(
    file: &str,
    inside: &str,
    zip: &mut ZipReader<Cursor<&[u8]>>,
    depth: usize,
    search: &mut Search,
) {
    for found in own(file, inside, zip, search) {
        if !search.add(inside, found) {
            return;
        }
    }
    let mut at = 0;
    while let Some(member) = next(zip, &mut at, |member| is_archive(&member.name)) {
        if search.is_too_deep(depth) {
            return search.miss(inside, "archives nest too deep");
        }
        if !search.unpack(member.size) {
            let reason = "the archives inside have more bytes than are read";
            return search.miss(inside, reason);
        }
        let below = match inside {
            "" => member.name.clone(),
            inside => format!("{inside}!/{}", member.name),
        };
        if search.hold(member.size) {
            match content(zip, &member, member.size) {
                Ok(nested) => walk(&member.name, &below, &nested, depth + 1, search),
                Err(reason) => search.miss(inside, &reason),
            }
            search.leave(member.size);
        } else {
            search.miss(&below, "it takes more memory than is left");
        }
        if search.is_over() {
            return;
        }
    }
}

/// The next entry from a place on that is such; the place is then behind it. Entries are copied one
/// at a time: all of them may have many megabytes.
pub(super) fn next(
    zip: &ZipReader<Cursor<&[u8]>>,
    at: &mut usize,
    is_such: impl Fn(&ZipEntry) -> bool,
) -> Option<ZipEntry> {
    let mut rest = zip.entries().iter().enumerate().skip(*at);
    let (found, entry) = rest.find(|(_, entry)| is_such(entry))?;
    *at = found + 1;
    Some(entry.clone())
}

/// The content of a member, or what is wrong with it.
fn content(
    zip: &mut ZipReader<Cursor<&[u8]>>,
    member: &ZipEntry,
    most: u64,
) -> Result<Vec<u8>, String> {
    zip.read(member, most)
        .map_err(|error| format!("{}: {error}", member.name))
}

/// The components that an archive itself is made of.
fn own(
    file: &str,
    inside: &str,
    zip: &mut ZipReader<Cursor<&[u8]>>,
    search: &mut Search,
) -> Vec<Found> {
    let mut read = |zip: &mut ZipReader<_>, member: &ZipEntry| match content(zip, member, SMALL) {
        Ok(content) => Some(String::from_utf8_lossy(&content).into_owned()),
        Err(reason) => {
            search.miss(inside, &reason);
            None
        }
    };
    let is_manifest = |member: &ZipEntry| member.name.eq_ignore_ascii_case("META-INF/MANIFEST.MF");
    let manifest = next(zip, &mut 0, is_manifest)
        .and_then(|member| read(zip, &member))
        .map(|text| manifest(&text));
    let mut found = Vec::new();
    let (mut at, mut poms) = (0, 0);
    let is_pom = |member: &ZipEntry| {
        member.name.starts_with("META-INF/maven/") && member.name.ends_with("/pom.properties")
    };
    while let Some(member) = next(zip, &mut at, is_pom) {
        poms += 1;
        if poms > MOST_POMS {
            break;
        }
        let Some(text) = read(zip, &member) else {
            continue;
        };
        let fields = properties(&text);
        let field = |name: &str| {
            fields
                .get(name)
                .map(String::as_str)
                .filter(|text| is_sane(text))
        };
        if let (Some(group), Some(artifact), Some(version)) =
            (field("groupId"), field("artifactId"), field("version"))
        {
            found.push(made(Some(group), artifact, version));
        }
    }
    if poms > MOST_POMS {
        let reason = format!("it holds more than {MOST_POMS} `pom.properties`");
        search.miss(inside, &reason);
    }
    // The archive itself may have no properties although what was shaded into it has.
    let (stem, number) = split_name(file);
    let is_named = found.iter().any(|found| {
        let artifact = found.component.name.rsplit(':').next().unwrap_or_default();
        artifact == stem
    });
    // A file that is no archive of Java by its name is one by its manifest only.
    let may_name = manifest.is_some() || is_archive(file);
    let manifest = manifest.unwrap_or_default();
    if may_name && (found.is_empty() || !(is_named || found.len() == 1)) {
        let get = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| manifest.get(*name))
                .map(|value| value.split(';').next().unwrap_or_default().trim())
                .filter(|value| is_sane(value) && !value.contains("${"))
        };
        let version = number
            .or_else(|| {
                get(&[
                    "Implementation-Version",
                    "Bundle-Version",
                    "Specification-Version",
                ])
            })
            .unwrap_or_default();
        let group = get(&["Implementation-Vendor-Id"])
            .filter(|group| group.contains('.') && !group.contains(' '))
            .or_else(|| {
                let paths = zip.entries().iter().map(|member| member.name.as_str());
                let module = get(&["Automatic-Module-Name"]);
                group_of(stem, paths, module, get(&["Bundle-SymbolicName"]))
            });
        if is_sane(stem) && is_sane(version) {
            found.push(made(group, stem, version));
        }
    }
    if let Some(said) = manifest.get("Bundle-License")
        && let [only] = found.as_mut_slice()
    {
        only.component.licences = licence::of_bundle(said);
    }
    found
}

fn made(group: Option<&str>, artifact: &str, version: &str) -> Found {
    let full = match group {
        Some(group) => format!("{group}:{artifact}"),
        None => artifact.to_owned(),
    };
    let component = component(ComponentKind::Maven, group, artifact, &full, version);
    Found::new(component, EvidenceKind::Metadata)
}

/// `commons-lang3-3.12.0.jar`: the artifact and the version.
fn split_name(file: &str) -> (&str, Option<&str>) {
    let base = name(file);
    let stem = match base.rsplit_once('.') {
        // `lib-1.2` has no suffix.
        Some((stem, suffix)) if !suffix.starts_with(|letter: char| letter.is_ascii_digit()) => stem,
        _ => base,
    };
    for (at, _) in stem.match_indices('-') {
        let rest = stem.get(at + 1..).unwrap_or_default();
        if rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return (stem.get(..at).unwrap_or_default(), Some(rest));
        }
    }
    (stem, None)
}

/// The main section of a manifest (JAR File Specification): lines of 72 bytes, continued after a
/// blank.
fn manifest(text: &str) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines().take(20_000) {
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix(' ') {
            if let Some(value) = last.as_ref().and_then(|name| fields.get_mut(name)) {
                value.push_str(rest);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.insert(name.to_owned(), value.trim().to_owned());
            last = Some(name.to_owned());
        }
    }
    fields
}

fn properties(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', '!']))
        .filter_map(|line| {
            // java.util.Properties: a blank, `=` or `:` ends the name, and blanks may surround it.
            let end = line.find(['=', ':', ' ', '\t', '\x0c'])?;
            let (name, rest) = line.split_at(end);
            let rest = rest.trim_start();
            let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .take(1000)
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::layer::ScanLimits;

    /// The checksum of zip, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |state, byte| {
            (0..8).fold(state ^ u32::from(*byte), |state, _| {
                (state >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(state & 1))
            })
        })
    }

    /// A zip file of stored members.
    pub(crate) fn stored(members: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in members {
            let offset = u32::try_from(bytes.len()).unwrap();
            let size = u32::try_from(content.len()).unwrap().to_le_bytes();
            let length = u16::try_from(name.len()).unwrap().to_le_bytes();
            let crc = crc32(content).to_le_bytes();
            bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
            bytes.extend(crc);
            bytes.extend(size);
            bytes.extend(size);
            bytes.extend(length);
            bytes.extend([0, 0]);
            bytes.extend(name.as_bytes());
            bytes.extend(*content);
            directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
            directory.extend(crc);
            directory.extend(size);
            directory.extend(size);
            directory.extend(length);
            directory.extend([0; 12]);
            directory.extend(offset.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let start = u32::try_from(bytes.len()).unwrap();
        let count = u16::try_from(members.len()).unwrap().to_le_bytes();
        bytes.extend(&directory);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend(count);
        bytes.extend(count);
        bytes.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    fn searched(file: &str, bytes: &[u8]) -> (Vec<Found>, Vec<String>) {
        let mut search = Search::new(&ScanLimits {
            nested: 1 << 20,
            depth: 3,
            ..ScanLimits::default()
        });
        archive(file, bytes, &mut search);
        search.finish()
    }

    fn names(found: &[Found]) -> Vec<String> {
        found
            .iter()
            .map(|found| {
                let component = &found.component;
                format!("{} {} {}", component.name, component.version, found.inside)
            })
            .collect()
    }

    #[test]
    fn properties_manifests_file_names_and_archives_inside() {
        let pom = b"#Generated\ngroupId=org.example\nartifactId=lib\nversion=1.2\n";
        let lib = stored(&[("META-INF/maven/org.example/lib/pom.properties", pom)]);
        let plain = stored(&[(
            "META-INF/MANIFEST.MF",
            b"Manifest-Version: 1.0\r\nImplementation-Version: 9.\r\n 1\r\n",
        )]);
        let app = stored(&[
            ("BOOT-INF/lib/lib-1.2.jar", &lib),
            ("BOOT-INF/lib/plain.jar", &plain),
            ("BOOT-INF/lib/named-3.4.jar", &plain),
        ]);
        let (found, wrong) = searched("app-0.1.jar", &app);
        assert_eq!(
            names(&found),
            [
                "app 0.1 ",
                "org.example:lib 1.2 BOOT-INF/lib/lib-1.2.jar",
                "plain 9.1 BOOT-INF/lib/plain.jar",
                "named 3.4 BOOT-INF/lib/named-3.4.jar",
            ]
        );
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn jars_in_jars_without_end_and_with_lying_sizes_are_reported() {
        let mut jar = stored(&[("a", b"")]);
        for _ in 0..6 {
            jar = stored(&[("x.jar", &jar)]);
        }
        let (_, wrong) = searched("x.jar", &jar);
        assert!(wrong[0].contains("nest too deep"), "{wrong:?}");
        let big = stored(&[("x.jar", &vec![0; 2 << 20])]);
        let (_, wrong) = searched("x.jar", &big);
        assert!(wrong[0].contains("more bytes"), "{wrong:?}");
        let (_, wrong) = searched("x.jar", b"no zip");
        assert!(wrong[0].contains("no zip archive"), "{wrong:?}");
        let mut cut = stored(&[("META-INF/MANIFEST.MF", b"A: b\n")]);
        let at = memchr::memmem::find(&cut, b"PK\x01\x02").unwrap();
        cut[at + 42] = 0xff;
        let (_, wrong) = searched("x.jar", &cut);
        assert!(wrong[0].contains("an entry of a zip archive"), "{wrong:?}");
        let mut changed = stored(&[("META-INF/MANIFEST.MF", b"A: b\n")]);
        let at = memchr::memmem::find(&changed, b"A: b").unwrap();
        changed[at] = b'B';
        let (_, wrong) = searched("x.jar", &changed);
        assert!(wrong[0].contains("not what the list says"), "{wrong:?}");
    }
}

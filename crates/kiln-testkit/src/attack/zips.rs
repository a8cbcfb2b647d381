//! Zip archives that lie, burst or never end, for attacks on what reads jars and wheels.

use std::io::Write as _;

const MANIFEST: (&str, &[u8]) = ("META-INF/MANIFEST.MF", b"Implementation-Version: 1\n");

/// A jar of so many jars, each of so many, and so on: each name is twenty bytes, and all are packed
/// into a few kilobytes.
pub(super) fn fan(width: usize, levels: usize) -> Vec<u8> {
    (0..levels).fold(packed_zip(&[MANIFEST]), |jar, _| {
        let names: Vec<String> = (0..width)
            .map(|number| format!("lib/a{number}.jar"))
            .collect();
        let mut members = vec![MANIFEST];
        members.extend(names.iter().map(|name| (name.as_str(), jar.as_slice())));
        packed_zip(&members)
    })
}

/// So many jars of so many components each, below two more with names of four thousand letters.
pub(super) fn long_path(components: usize, width: usize) -> Vec<u8> {
    let poms: Vec<(String, String)> = (0..components)
        .map(|number| {
            (
                format!("META-INF/maven/g/a{number}/pom.properties"),
                format!("groupId=g\nartifactId=a{number}\nversion=1\n"),
            )
        })
        .collect();
    let members: Vec<(&str, &[u8])> = poms
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    [1, 1, width]
        .iter()
        .fold(packed_zip(&members), |jar, width| {
            let names: Vec<String> = (0..*width)
                .map(|number| format!("{}{number}.jar", "l".repeat(4_000)))
                .collect();
            let members: Vec<(&str, &[u8])> = names
                .iter()
                .map(|name| (name.as_str(), jar.as_slice()))
                .collect();
            packed_zip(&members)
        })
}

/// A jar in a jar that has one entry, and lists it under so many names of four thousand letters.
pub(super) fn long_list(count: usize) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    member(
        &mut Vec::new(),
        &mut directory,
        &"n".repeat(4_090),
        0,
        &[],
        0,
        0,
    );
    member(&mut bytes, &mut Vec::new(), "a.jar", 0, &[], 0, 0);
    zip_end(&mut bytes, &directory.repeat(count), count);
    packed_zip(&[("x.jar", &bytes)])
}

/// A wheel of so many distributions whose folders have names of almost four thousand letters.
pub(super) fn wheel(count: usize) -> Vec<u8> {
    let members: Vec<(String, String)> = (0..count)
        .map(|number| {
            (
                format!("{}{number}.dist-info/METADATA", "x".repeat(3_900)),
                format!("Name: d{number}\nVersion: 1\n\n"),
            )
        })
        .collect();
    let members: Vec<(&str, &[u8])> = members
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    zip(&members)
}

/// A zip archive of packed members.
fn packed_zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let level = flate2::Compression::default();
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(content).expect("memory");
        let packed = encoder.finish().expect("memory");
        let (sum, length) = (crc.sum(), content.len());
        member(&mut bytes, &mut directory, name, 8, &packed, sum, length);
    }
    zip_end(&mut bytes, &directory, members.len());
    bytes
}

/// A zip archive of stored members.
pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        member(
            &mut bytes,
            &mut directory,
            name,
            0,
            content,
            crc.sum(),
            content.len(),
        );
    }
    zip_end(&mut bytes, &directory, members.len());
    bytes
}

/// A zip archive with a member that unpacks to so many zeros.
pub(super) fn deflated_zip(name: &str, length: usize) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    let mut crc = flate2::Crc::new();
    let zeros = vec![0; 1 << 20];
    for _ in 0..length >> 20 {
        encoder.write_all(&zeros).expect("memory");
        crc.update(&zeros);
    }
    let packed = encoder.finish().expect("memory");
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    member(
        &mut bytes,
        &mut directory,
        name,
        8,
        &packed,
        crc.sum(),
        length,
    );
    zip_end(&mut bytes, &directory, 1);
    bytes
}

fn member(
    bytes: &mut Vec<u8>,
    directory: &mut Vec<u8>,
    name: &str,
    method: u16,
    packed: &[u8],
    crc: u32,
    length: usize,
) {
    let number = |value: usize| u32::try_from(value).expect("small").to_le_bytes();
    let at = number(bytes.len());
    let mut common = Vec::new();
    common.extend([20, 0, 0, 0]);
    common.extend(method.to_le_bytes());
    common.extend([0; 4]);
    common.extend(crc.to_le_bytes());
    common.extend(number(packed.len()));
    common.extend(number(length));
    common.extend(u16::try_from(name.len()).expect("small").to_le_bytes());
    common.extend([0; 2]);
    bytes.extend(b"PK\x03\x04");
    bytes.extend(&common);
    bytes.extend(name.as_bytes());
    bytes.extend(packed);
    directory.extend(b"PK\x01\x02\x14\0");
    directory.extend(&common);
    directory.extend([0; 10]);
    directory.extend(at);
    directory.extend(name.as_bytes());
}

fn zip_end(bytes: &mut Vec<u8>, directory: &[u8], count: usize) {
    let at = u32::try_from(bytes.len()).expect("small").to_le_bytes();
    let count = u16::try_from(count).expect("small").to_le_bytes();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(u32::try_from(directory.len()).expect("small").to_le_bytes());
    bytes.extend(at);
    bytes.extend([0; 2]);
}

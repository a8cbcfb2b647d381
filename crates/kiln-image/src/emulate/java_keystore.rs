//! `/etc/ssl/certs/java/cacerts`: the certificate authorities in the form that Java reads, as
//! ca-certificates-java (20240118) makes them.
//!
//! A JKS keystore (`sun.security.provider.JavaKeyStore`): all numbers big-endian,
//!
//! ```text
//! FEEDFEED, version 2, count
//! for each: 2 (a trusted certificate), alias, milliseconds, "X.509", length, DER
//! SHA-1 over the password in UTF-16, "Mighty Aphrodite", and all of the above
//! ```
//!
//! The real one carries the time at which each entry was made, and has them in the order of a hash
//! table; here the time is the epoch and the order that of the aliases. Everything else is the same,
//! the length included. The password `changeit` is public: it keeps no secret, and a virtual machine
//! that only reads certificates does not ask for it.

use std::collections::BTreeMap;

use kiln_types::{EntryKind, SynthesisedFile};
use sha1::{Digest as _, Sha1};

use super::certificate::single_certificate;
use super::output::Output;
use super::{EmulateError, Emulator, Tree};

const PATH: &str = "etc/ssl/certs/java/cacerts";
const CERTIFICATES: &str = "etc/ssl/certs";
/// Links to certificates of these folders are those of `update-ca-certificates`.
const SOURCES: [&str; 2] = [
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];
const PASSWORD: &str = "changeit";

/// Stands for ca-certificates-java's postinst and trigger.
pub(super) struct JavaKeystore;

impl Emulator for JavaKeystore {
    fn name(&self) -> &'static str {
        "java-keystore"
    }

    fn summary(&self) -> &'static str {
        "makes the keystore of certificate authorities that Java reads"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("ca-certificates-java", "postinst"),
            ("ca-certificates-java", "triggers"),
            ("openjdk-21-jre-headless", "postinst"),
            ("openjdk-25-jre-headless", "postinst"),
        ]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("ca-certificates-java") {
            return Ok(output.finish());
        }
        let mut trusted: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for entry in tree.below(CERTIFICATES) {
            let name = entry.path.file_name();
            let EntryKind::Symlink(target) = &entry.kind else {
                continue;
            };
            let is_one =
                name.ends_with(".pem") && SOURCES.iter().any(|folder| target.starts_with(folder));
            if is_one
                && let Some(pem) = tree.read(entry.path.as_str())?
                && let Some(der) = single_certificate(&pem)
            {
                trusted.insert(format!("debian:{}", name.to_lowercase()), der);
            }
        }
        output.file(PATH, 0o644, keystore(&trusted))?;
        // Left by the script when it has used what lay in it.
        if !output.exists("var/lib/ca-certificates-java") {
            output.directory("var/lib/ca-certificates-java", 0o755)?;
        }
        Ok(output.finish())
    }
}

/// A keystore of trusted certificates by alias.
fn keystore(trusted: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let entries: Vec<(&[u8], &[u8])> = trusted
        .iter()
        .filter(|(alias, der)| {
            u16::try_from(alias.len()).is_ok() && u32::try_from(der.len()).is_ok()
        })
        .map(|(alias, der)| (alias.as_bytes(), der.as_slice()))
        .collect();
    let mut bytes = Vec::new();
    bytes.extend(0xfeed_feed_u32.to_be_bytes());
    bytes.extend(2_u32.to_be_bytes());
    bytes.extend(number(entries.len()));
    for (alias, der) in entries {
        bytes.extend(2_u32.to_be_bytes());
        push_text(&mut bytes, alias);
        bytes.extend(0_u64.to_be_bytes());
        push_text(&mut bytes, b"X.509");
        bytes.extend(number(der.len()));
        bytes.extend(der);
    }
    let mut hash = Sha1::new();
    for unit in PASSWORD.encode_utf16() {
        hash.update(unit.to_be_bytes());
    }
    hash.update(b"Mighty Aphrodite");
    hash.update(&bytes);
    bytes.extend(hash.finalize());
    bytes
}

/// Lengths were checked before.
fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// `DataOutput.writeUTF`: names of certificates are in UTF-8, which is the same but for NUL and
/// letters beyond the first plane.
fn push_text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    const PEM: &[u8] = include_bytes!("../../tests/fixtures/certificates/example.crt");

    #[test]
    fn holds_the_certificates_of_the_bundle() {
        let mut tree = MemoryTree::new()
            .package("ca-certificates-java")
            .file("usr/share/ca-certificates/mozilla/Example.crt", PEM)
            .link(
                "etc/ssl/certs/Example.pem",
                "/usr/share/ca-certificates/mozilla/Example.crt",
            )
            .link("etc/ssl/certs/12345678.0", "Example.pem")
            .file("etc/ssl/certs/other.pem", PEM);
        let made = tree.run(&JavaKeystore);
        let store = &made
            .iter()
            .find(|file| file.entry.path.as_str() == PATH)
            .unwrap()
            .content;
        let der = single_certificate(PEM).unwrap();
        assert_eq!(
            store[..12],
            [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1]
        );
        assert_eq!(&store[18..36], b"debian:example.pem");
        assert!(store.windows(der.len()).any(|window| window == der));
        assert_eq!(
            store.len(),
            12 + 4 + 2 + 18 + 8 + 2 + 5 + 4 + der.len() + 20
        );
    }
}

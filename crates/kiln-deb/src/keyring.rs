//! Keyrings as values: OpenPGP certificates (RFC 9580, section 10.1) that may sign an index.
//!
//! A keyring says *who* may sign. Whether a key may be used at some moment (expiry, revocation,
//! usage, strength) is judged by [`crate::openpgp`] when a signature is verified, not here.
//!
//! Invariants: a keyring holds at least one certificate and no secret key; it reads no file and
//! asks no key server.

use kiln_types::{FormatError, FormatErrorKind};
use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::types::KeyDetails;

use crate::openpgp::armor;

/// The largest keyring file accepted, in bytes. All of Debian's archive keys are 60 kB.
const MAX_SIZE: usize = 4 << 20;
/// The most certificates in one keyring.
const MAX_CERTIFICATES: usize = 512;

/// The keyrings that kiln carries, by name, with their certificate files. `keyrings/README.md`
/// says where they come from.
const EMBEDDED: &[(&str, &[&[u8]])] = &[(
    "debian-archive",
    &[
        include_bytes!("../keyrings/debian-archive-bookworm-automatic.pgp"),
        include_bytes!("../keyrings/debian-archive-bookworm-security-automatic.pgp"),
        include_bytes!("../keyrings/debian-archive-bookworm-stable.pgp"),
        include_bytes!("../keyrings/debian-archive-trixie-automatic.pgp"),
        include_bytes!("../keyrings/debian-archive-trixie-security-automatic.pgp"),
        include_bytes!("../keyrings/debian-archive-trixie-stable.pgp"),
    ],
)];

/// OpenPGP certificates that may sign.
#[derive(Clone, Debug)]
pub struct Keyring {
    pub(crate) certificates: Vec<SignedPublicKey>,
}

impl Keyring {
    /// A keyring that kiln carries: `debian-archive` (the archive, security and stable release
    /// keys of bookworm and trixie). `None` for any other name.
    #[must_use]
    pub fn embedded(name: &str) -> Option<Self> {
        let (_, files) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
        let mut keyring = Self {
            certificates: Vec::new(),
        };
        for file in *files {
            let part = Self::parse(file, name).expect("the embedded keyrings are parsed by a test");
            keyring.extend(part);
        }
        Some(keyring)
    }

    /// The names of the keyrings that kiln carries.
    pub fn embedded_names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// Reads certificates, binary (`.gpg`, `.pgp`) or armored (`.asc`), as in apt's `Signed-By`.
    /// `subject` names the file in errors.
    ///
    /// # Errors
    /// When the bytes are no certificates, hold a secret key, are a GnuPG keybox, or pass a limit.
    pub fn parse(bytes: &[u8], subject: &str) -> Result<Self, FormatError> {
        if bytes.len() > MAX_SIZE {
            let reason = format!("keyring is larger than {MAX_SIZE} bytes");
            return Err(FormatError::new(FormatErrorKind::Limit, subject, reason));
        }
        // Keybox: the magic stands at offset 8 of the first blob (GnuPG, kbx/keybox-blob.c).
        if bytes.get(8..12) == Some(b"KBXf") {
            let reason = "a GnuPG keybox, not a keyring: write it anew with `gpg --export`";
            return Err(FormatError::new(
                FormatErrorKind::Unsupported,
                subject,
                reason,
            ));
        }
        let mut keyring = Self {
            certificates: Vec::new(),
        };
        if armor::is_armored(bytes) {
            let mut rest = bytes;
            while let Some(block) = armor::read(rest, "PGP PUBLIC KEY BLOCK", MAX_SIZE)
                .map_err(|reason| FormatError::malformed(subject, reason))?
            {
                keyring.read_certificates(&block.data, subject)?;
                rest = block.rest;
            }
        } else {
            keyring.read_certificates(bytes, subject)?;
        }
        if keyring.certificates.is_empty() {
            return Err(FormatError::malformed(
                subject,
                "holds no OpenPGP certificate",
            ));
        }
        Ok(keyring)
    }

    /// Adds the certificates of another keyring.
    pub fn extend(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
    }

    /// The fingerprints of the primary keys, in upper-case hex, in the order of the keyring.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<String> {
        self.certificates
            .iter()
            .map(|certificate| format!("{:X}", certificate.fingerprint()))
            .collect()
    }

    /// The same keyring with only the certificates of these primary keys, as apt's `Signed-By`
    /// with fingerprints wants. Fingerprints are compared without regard to case.
    #[must_use]
    pub fn restricted_to(mut self, fingerprints: &[String]) -> Self {
        self.certificates.retain(|certificate| {
            let own = format!("{:X}", certificate.fingerprint());
            fingerprints
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(&own))
        });
        self
    }

    fn read_certificates(&mut self, bytes: &[u8], subject: &str) -> Result<(), FormatError> {
        // Every OpenPGP packet begins with the high bit set (RFC 9580, section 4.2).
        if bytes.first().is_none_or(|byte| byte & 0x80 == 0) {
            return Err(FormatError::malformed(
                subject,
                "not OpenPGP: neither armored nor packets",
            ));
        }
        let malformed = |error: pgp::errors::Error| {
            FormatError::malformed(
                subject,
                format!("not a readable OpenPGP certificate: {error}"),
            )
        };
        for certificate in SignedPublicKey::from_bytes_many(bytes).map_err(malformed)? {
            if self.certificates.len() >= MAX_CERTIFICATES {
                let reason = format!("more than {MAX_CERTIFICATES} certificates");
                return Err(FormatError::new(FormatErrorKind::Limit, subject, reason));
            }
            self.certificates.push(certificate.map_err(malformed)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_keyrings_are_those_of_the_readme() {
        let readme = include_str!("../keyrings/README.md");
        for name in Keyring::embedded_names() {
            let keyring = Keyring::embedded(name).unwrap();
            assert_eq!(keyring.certificates.len(), 6);
            for fingerprint in keyring.fingerprints() {
                assert!(
                    readme.contains(&format!("`{fingerprint}`")),
                    "{fingerprint}"
                );
            }
            for certificate in &keyring.certificates {
                for subkey in &certificate.public_subkeys {
                    let fingerprint = format!("{:X}", subkey.key.fingerprint());
                    assert!(
                        readme.contains(&format!("`{fingerprint}`")),
                        "{fingerprint}"
                    );
                }
            }
        }
        assert!(Keyring::embedded("debian-keyring").is_none());
    }

    #[test]
    fn refuses_what_is_no_keyring() {
        let mut keybox = vec![0; 32];
        keybox[8..12].copy_from_slice(b"KBXf");
        let cases: &[(&[u8], &str)] = &[
            (b"", "neither armored nor packets"),
            (b"hello", "neither armored nor packets"),
            (&keybox, "keybox"),
            (b"\xc6\xff", "holds no"),
            (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n", "ends before"),
            (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n", "PUBLIC KEY"),
        ];
        for (bytes, expected) in cases {
            let error = Keyring::parse(bytes, "ring.gpg").unwrap_err();
            assert!(
                error.to_string().contains(expected),
                "{error} should hold {expected}"
            );
            assert_eq!(error.subject, "ring.gpg");
        }
    }

    #[test]
    fn a_truncated_certificate_is_an_error_or_lacks_only_what_is_gone() {
        let file = EMBEDDED[0].1[5];
        for length in 0..file.len() {
            // Whatever is left: no panic, and never more certificates than the file holds.
            if let Ok(keyring) = Keyring::parse(&file[..length], "ring.gpg") {
                assert_eq!(keyring.certificates.len(), 1);
            }
        }
    }

    #[test]
    fn restriction_by_fingerprint() {
        let keyring = Keyring::embedded("debian-archive").unwrap();
        let wanted = "41587f7db8c774bccf131416762f67a0b2c39de4".to_owned();
        let one = keyring.clone().restricted_to(&[wanted]);
        assert_eq!(
            one.fingerprints(),
            ["41587F7DB8C774BCCF131416762F67A0B2C39DE4"]
        );
        assert!(
            keyring
                .restricted_to(&["00".to_owned()])
                .fingerprints()
                .is_empty()
        );
    }
}

//! OpenPGP signatures over the index of an archive: clear-signed `InRelease`, and `Release` with
//! a detached `Release.gpg` (RFC 9580 and RFC 4880; what `gpgv` does for apt).
//!
//! One good signature by one key of the keyring is enough, as it is for apt: Debian signs with the
//! keys of two releases and the stable release key. When there is none, the error lists every
//! signature seen, the key it names, and why it did not count.
//!
//! A signature counts when all of this holds: it is a version 4 or 6 signature over a document;
//! its digest is SHA-2 or SHA-3 of at least 256 bits (never MD5 or SHA-1); it neither lies in the
//! future nor has expired at the moment given; it has no critical part that kiln does not know;
//! the bytes verify; and the key is in the keyring, is RSA of at least 2048 bits or Ed25519, was
//! made before the signature, has neither expired nor been revoked at that moment, and may sign
//! data — with, for a subkey, a valid binding in both directions. The judging of keys is in
//! `openpgp/certificate.rs`.
//!
//! What is absent: the clock (`at` comes in, because a snapshot is judged at its own time), a web
//! of trust, key servers, encryption, and any way to sign.

pub(crate) mod armor;
mod certificate;
mod cleartext;
#[cfg(test)]
mod tests;

use kiln_types::{FormatError, FormatErrorKind, Timestamp};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PacketHeader, Signature, SignatureType, SignatureVersion};
use pgp::types::{PacketLength, Tag};

use crate::keyring::Keyring;

/// The largest signed text accepted, in bytes. The largest of Debian (sid) is below 1 MB.
const MAX_TEXT: usize = 64 << 20;
/// The most signatures looked at.
const MAX_COUNT: usize = 32;
/// How far in the future a signature may lie, in seconds: machines' clocks differ.
const CLOCK_SKEW: i64 = 600;

/// A key whose signature counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The fingerprint of the certificate's primary key, in upper-case hex: who signed.
    pub certificate: String,
    /// The fingerprint of the key that signed: the primary key or a subkey.
    pub key: String,
    /// When the signature says it was made.
    pub created: Timestamp,
}

/// A text that a key of the keyring signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The signed text and nothing else. Of a clear-signed message: its lines without dash escapes
    /// and without blanks at the ends (which the signature does not cover), each ended by LF.
    pub text: Vec<u8>,
    /// The keys whose signatures counted, in the order of the signatures; at least one.
    pub signers: Vec<Signer>,
}

/// Verifies a clear-signed text (`InRelease`) as of `at`. `subject` names it in errors.
///
/// # Errors
/// `Malformed` when it is no single clear-signed text, `Lies` when no signature counts, `Limit`
/// when it is too large.
pub fn verify_inline(
    bytes: &[u8],
    subject: &str,
    keyring: &Keyring,
    at: Timestamp,
) -> Result<Verified, FormatError> {
    check_size(bytes, subject)?;
    let message =
        cleartext::parse(bytes).map_err(|reason| FormatError::malformed(subject, reason))?;
    let signers = judge_all(
        &message.canonical,
        &message.signatures,
        subject,
        keyring,
        at,
    )?;
    Ok(Verified {
        text: message.text,
        signers,
    })
}

/// The text of a clear-signed message **without looking at its signature**: for repositories that
/// the definition declares trusted (`[trusted=yes]`), and for nothing else.
///
/// # Errors
/// `Malformed` when it is no single clear-signed text, `Limit` when it is too large.
pub fn unverified_text(bytes: &[u8], subject: &str) -> Result<Vec<u8>, FormatError> {
    check_size(bytes, subject)?;
    let message =
        cleartext::parse(bytes).map_err(|reason| FormatError::malformed(subject, reason))?;
    Ok(message.text)
}

/// Verifies a text (`Release`) with a detached signature (`Release.gpg`, armored or binary) as of
/// `at`. `subject` names the text in errors.
///
/// # Errors
/// `Malformed` when the signature is none, `Lies` when no signature counts, `Limit` when one of
/// them is too large.
pub fn verify_detached(
    text: &[u8],
    signature: &[u8],
    subject: &str,
    keyring: &Keyring,
    at: Timestamp,
) -> Result<Verified, FormatError> {
    check_size(text, subject)?;
    let packets = if armor::is_armored(signature) {
        cleartext::read_signatures(signature)
            .map_err(|reason| FormatError::malformed(subject, reason))?
    } else if signature.len() > cleartext::MAX_SIGNATURES {
        let reason = format!(
            "signature is larger than {} bytes",
            cleartext::MAX_SIGNATURES
        );
        return Err(FormatError::new(FormatErrorKind::Limit, subject, reason));
    } else {
        signature.to_vec()
    };
    let signers = judge_all(text, &packets, subject, keyring, at)?;
    Ok(Verified {
        text: text.to_vec(),
        signers,
    })
}

fn check_size(text: &[u8], subject: &str) -> Result<(), FormatError> {
    if text.len() > MAX_TEXT {
        let reason = format!("signed text is larger than {MAX_TEXT} bytes");
        return Err(FormatError::new(FormatErrorKind::Limit, subject, reason));
    }
    Ok(())
}

/// Judges every signature; an error that lists them all when none counts.
fn judge_all(
    text: &[u8],
    packets: &[u8],
    subject: &str,
    keyring: &Keyring,
    at: Timestamp,
) -> Result<Vec<Signer>, FormatError> {
    let signatures =
        split_packets(packets).map_err(|reason| FormatError::malformed(subject, reason))?;
    if signatures.is_empty() {
        return Err(FormatError::malformed(subject, "holds no signature"));
    }
    let mut signers = Vec::new();
    let mut rejections = Vec::new();
    for signature in signatures {
        match signature {
            Err(reason) => rejections.push(format!("a signature that cannot be read: {reason}")),
            Ok(signature) => match judge(&signature, text, keyring, at) {
                Ok(signer) => signers.push(signer),
                Err(reason) => rejections.push(format!("{}: {reason}", describe(&signature))),
            },
        }
    }
    if signers.is_empty() {
        let reason = format!("no signature counts: {}", rejections.join("; "));
        return Err(FormatError::new(FormatErrorKind::Lies, subject, reason));
    }
    Ok(signers)
}

/// Splits packets (RFC 9580, section 4.2) and reads each as a signature. One that cannot be read
/// spoils only itself; bytes that are no signature packets spoil the whole.
fn split_packets(mut rest: &[u8]) -> Result<Vec<Result<Signature, String>>, String> {
    let mut signatures = Vec::new();
    while !rest.is_empty() {
        if signatures.len() >= MAX_COUNT {
            return Err(format!("more than {MAX_COUNT} signatures"));
        }
        let header = PacketHeader::try_from_reader(&mut rest)
            .map_err(|error| format!("signature is not made of OpenPGP packets: {error}"))?;
        if header.tag() != Tag::Signature {
            return Err(format!(
                "expected an OpenPGP signature packet, found {:?}",
                header.tag()
            ));
        }
        let PacketLength::Fixed(length) = header.packet_length() else {
            return Err("signature packet without a length".to_owned());
        };
        let body = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length));
        let Some((mut body, after)) = body else {
            return Err("signature packet is truncated".to_owned());
        };
        rest = after;
        signatures
            .push(Signature::try_from_reader(header, &mut body).map_err(|error| error.to_string()));
    }
    Ok(signatures)
}

/// Whether one signature counts, and who made it.
fn judge(
    signature: &Signature,
    text: &[u8],
    keyring: &Keyring,
    at: Timestamp,
) -> Result<Signer, String> {
    match signature.typ() {
        Some(SignatureType::Binary | SignatureType::Text) => {}
        _ => return Err("not a signature over a document".to_owned()),
    }
    let created = check_form(signature, at)?;
    certificate::verify(keyring, signature, text, created, at)
}

/// The checks that document signatures and the self-signatures of certificates share. Gives the
/// time at which the signature was made.
fn check_form(signature: &Signature, at: Timestamp) -> Result<Timestamp, String> {
    if !matches!(
        signature.version(),
        SignatureVersion::V4 | SignatureVersion::V6
    ) {
        return Err("neither a version 4 nor a version 6 signature".to_owned());
    }
    let config = signature.config().ok_or("unknown form of signature")?;
    if !matches!(
        config.hash_alg,
        HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    ) {
        return Err(format!("digest {} is not accepted", config.hash_alg));
    }
    if let Some(name) = certificate::unknown_critical(config) {
        return Err(format!("it has a critical part that is not known ({name})"));
    }
    let created = signature
        .created()
        .ok_or("it does not say when it was made")?;
    let created = i64::from(created.as_secs());
    if created > at.unix().saturating_add(CLOCK_SKEW) {
        return Err(format!(
            "made at {}, in the future",
            Timestamp::from_unix(created)
        ));
    }
    if let Some(lifetime) = signature
        .signature_expiration_time()
        .filter(|lifetime| lifetime.as_secs() > 0)
    {
        let expires = created + i64::from(lifetime.as_secs());
        if expires <= at.unix() {
            return Err(format!("expired at {}", Timestamp::from_unix(expires)));
        }
    }
    Ok(Timestamp::from_unix(created))
}

/// `signature by 6ED0E7B82643E131 (RSA, SHA256)`.
fn describe(signature: &Signature) -> String {
    let fingerprint = signature
        .issuer_fingerprint()
        .first()
        .map(|fingerprint| format!("{fingerprint:X}"));
    let key_id = || {
        signature
            .issuer_key_id()
            .first()
            .map(|id| format!("{:X}", HexBytes(id.as_ref())))
    };
    let issuer = fingerprint
        .or_else(key_id)
        .unwrap_or_else(|| "an unnamed key".to_owned());
    match signature.config() {
        Some(config) => format!(
            "signature by {issuer} ({:?}, {})",
            config.pub_alg, config.hash_alg
        ),
        None => format!("signature by {issuer}"),
    }
}

/// Bytes, printed in upper-case hex.
struct HexBytes<'a>(&'a [u8]);

impl std::fmt::UpperHex for HexBytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

//! Whether a key of a certificate may have made a signature (RFC 9580, sections 5.2.3, 10.1).
//!
//! Definitions. The *holder's word* about a key is the newest valid self-signature: a
//! certification of a user id or a direct-key signature for the primary key, a binding for a
//! subkey. It says what the key is for and when it expires. The newest one counts even when it was
//! made after `at`: keyrings come from a trusted package and are refreshed over time, so an archive
//! of last year is judged with the keys as they are known today.
//! A *hard* revocation (compromise, or no reason given) takes a key back from the beginning; a
//! *soft* one (superseded, retired) from its date on.
//!
//! Self-signatures are held to the same strength as document signatures, revocations are not: a
//! weak revocation is still a warning.

use kiln_types::Timestamp;
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{
    KeyFlags, PublicKey, RevocationCode, Signature, SignatureConfig, SignatureType, SubpacketData,
};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, KeyVersion, PublicParams, Tag, VerifyingKey};

use super::{Signer, check_form};
use crate::keyring::Keyring;

/// The fewest bits of an RSA modulus.
const MIN_RSA_BITS: u16 = 2048;

/// Finds the key of the keyring that made a signature over `text`, and judges it.
///
/// # Errors
/// Why none of the keys counts; the reason that came nearest to counting.
pub(super) fn verify(
    keyring: &Keyring,
    signature: &Signature,
    text: &[u8],
    created: Timestamp,
    at: Timestamp,
) -> Result<Signer, String> {
    let mut nearest = "its key is not in the keyring".to_owned();
    for certificate in &keyring.certificates {
        let primary = &certificate.primary_key;
        let signer = |key: String| Signer {
            certificate: format!("{:X}", primary.fingerprint()),
            key,
            created,
        };
        if is_issuer(signature, primary) {
            match verify_with(primary, signature, text, created)
                .and_then(|()| check_primary(certificate, at, Purpose::Sign))
            {
                Ok(()) => return Ok(signer(format!("{:X}", primary.fingerprint()))),
                Err(reason) => nearest = reason,
            }
        }
        for subkey in &certificate.public_subkeys {
            if is_issuer(signature, &subkey.key) {
                match verify_with(&subkey.key, signature, text, created)
                    .and_then(|()| check_primary(certificate, at, Purpose::Certify))
                    .and_then(|()| check_subkey(primary, subkey, at))
                {
                    Ok(()) => return Ok(signer(format!("{:X}", subkey.key.fingerprint()))),
                    Err(reason) => nearest = reason,
                }
            }
        }
    }
    Err(nearest)
}

/// The name of a critical subpacket that kiln does not act on; RFC 9580, section 5.2.3.7, has the
/// signature refused then.
pub(super) fn unknown_critical(config: &SignatureConfig) -> Option<String> {
    config
        .hashed_subpackets()
        .filter(|packet| packet.is_critical)
        .find_map(|packet| match &packet.data {
            SubpacketData::Notation(_) => Some("a notation".to_owned()),
            SubpacketData::Experimental(number, _) | SubpacketData::Other(number, _) => {
                Some(format!("subpacket {number}"))
            }
            _ => None,
        })
}

/// What a primary key is needed for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To sign data itself.
    Sign,
    /// To vouch for a subkey.
    Certify,
}

/// Whether a signature names this key, or names none.
fn is_issuer(signature: &Signature, key: &impl KeyDetails) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if !fingerprints.is_empty() {
        return fingerprints
            .into_iter()
            .any(|fingerprint| *fingerprint == key.fingerprint());
    }
    let ids = signature.issuer_key_id();
    ids.is_empty()
        || ids
            .into_iter()
            .any(|id| *id == key.legacy_key_id() || id.is_wildcard())
}

/// The signature itself, and the properties of the bare key.
fn verify_with<K: VerifyingKey>(
    key: &K,
    signature: &Signature,
    text: &[u8],
    created: Timestamp,
) -> Result<(), String> {
    check_strength(key)?;
    signature
        .verify(key, text)
        .map_err(|_| "it does not match the text".to_owned())?;
    let key_created = Timestamp::from_unix(i64::from(key.created_at().as_secs()));
    if key_created > created {
        return Err(format!("made before its key, which is of {key_created}"));
    }
    Ok(())
}

/// The version, algorithm and size of a key.
fn check_strength(key: &impl KeyDetails) -> Result<(), String> {
    if !matches!(key.version(), KeyVersion::V4 | KeyVersion::V6) {
        return Err("its key is neither of version 4 nor 6".to_owned());
    }
    match key.public_params() {
        PublicParams::RSA(parameters) => {
            // The first thing written is the modulus as an MPI: two octets with its bits.
            let mut mpi = Vec::new();
            let written = parameters.to_writer(&mut mpi);
            let bits = match (written, mpi.as_slice()) {
                (Ok(()), [high, low, ..]) => u16::from_be_bytes([*high, *low]),
                _ => 0,
            };
            if bits < MIN_RSA_BITS {
                return Err(format!(
                    "its RSA key has {bits} bits, at least {MIN_RSA_BITS} are needed"
                ));
            }
            Ok(())
        }
        PublicParams::Ed25519(_) | PublicParams::EdDSALegacy(_) => Ok(()),
        _ => Err(format!("keys of {:?} are not accepted", key.algorithm())),
    }
}

/// Whether the primary key of a certificate may be used for this at that moment.
fn check_primary(
    certificate: &SignedPublicKey,
    at: Timestamp,
    purpose: Purpose,
) -> Result<(), String> {
    let primary = &certificate.primary_key;
    check_strength(primary)?;
    for revocation in &certificate.details.revocation_signatures {
        if revocation.verify_key(primary).is_ok() && is_in_force(revocation, at) {
            return Err("its certificate is revoked".to_owned());
        }
    }
    let direct = newest(
        certificate
            .details
            .direct_signatures
            .iter()
            .filter(|signature| {
                signature.typ() == Some(SignatureType::Key) && signature.verify_key(primary).is_ok()
            }),
        at,
    );
    let certified = newest(
        certificate.details.users.iter().filter_map(|user| {
            let verified = |signature: &&Signature| {
                signature
                    .verify_certification(primary, Tag::UserId, &user.id)
                    .is_ok()
            };
            let (revocations, certifications): (Vec<_>, Vec<_>) = user
                .signatures
                .iter()
                .partition(|signature| signature.typ() == Some(SignatureType::CertRevocation));
            let word = newest(certifications.into_iter().filter(verified), at)?;
            let revoked = revocations.into_iter().filter(verified).any(|revocation| {
                is_in_force(revocation, at) && revocation.created() >= word.created()
            });
            (!revoked).then_some(word)
        }),
        at,
    );
    // Where both say something, a version 4 key listens to the user id's, a version 6 key to the
    // direct-key signature (RFC 9580, section 5.2.3.10).
    let words = match primary.version() {
        KeyVersion::V6 => [direct, certified],
        _ => [certified, direct],
    };
    if words.iter().all(Option::is_none) {
        return Err("its certificate has no valid self-signature".to_owned());
    }
    let words = || words.into_iter().flatten();
    if let Some(lifetime) = words().find_map(Signature::key_expiration_time) {
        check_expiry("its certificate", primary, lifetime.as_secs(), at)?;
    }
    // A primary key that says nothing about its usage may do everything (RFC 4880, section
    // 5.2.3.21, and GnuPG); it can always certify.
    let flags = words().find_map(key_flags);
    if purpose == Purpose::Sign && flags.is_some_and(|flags| !flags.sign()) {
        return Err("its key is not meant for signing".to_owned());
    }
    Ok(())
}

/// Whether a subkey is bound to its primary key, both ways, and may sign at that moment.
fn check_subkey(
    primary: &PublicKey,
    subkey: &SignedPublicSubKey,
    at: Timestamp,
) -> Result<(), String> {
    let verified = |signature: &&Signature| {
        signature
            .verify_subkey_binding(primary, &subkey.key)
            .is_ok()
    };
    let (revocations, bindings): (Vec<_>, Vec<_>) = subkey
        .signatures
        .iter()
        .filter(verified)
        .partition(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
    if revocations
        .into_iter()
        .any(|revocation| is_in_force(revocation, at))
    {
        return Err("its subkey is revoked".to_owned());
    }
    let binding =
        newest(bindings.into_iter(), at).ok_or("its subkey is not bound to its certificate")?;
    if let Some(lifetime) = binding.key_expiration_time() {
        check_expiry("its subkey", &subkey.key, lifetime.as_secs(), at)?;
    }
    if !key_flags(binding).is_some_and(KeyFlags::sign) {
        return Err("its subkey is not meant for signing".to_owned());
    }
    // Without the signature back, anybody could bind another's signing key to his own certificate.
    let back = binding
        .embedded_signature()
        .ok_or("its subkey does not sign back to its certificate")?;
    check_self_signature(back, at)
        .ok()
        .filter(|_| {
            back.verify_primary_key_binding(&subkey.key, primary)
                .is_ok()
        })
        .ok_or("its subkey does not validly sign back to its certificate")?;
    Ok(())
}

/// The newest of some verified self-signatures that is of good form and has not expired.
fn newest<'a>(
    signatures: impl Iterator<Item = &'a Signature>,
    at: Timestamp,
) -> Option<&'a Signature> {
    signatures
        .filter_map(|signature| Some((check_self_signature(signature, at).ok()?, signature)))
        .max_by_key(|(created, _)| *created)
        .map(|(_, signature)| signature)
}

/// [`check_form`] for a self-signature, which may have been made after `at` (see the module's
/// definitions), but not have expired by then.
fn check_self_signature(signature: &Signature, at: Timestamp) -> Result<Timestamp, String> {
    let created = i64::from(signature.created().map_or(0, |created| created.as_secs()));
    check_form(signature, at.max(Timestamp::from_unix(created)))
}

/// Whether a verified revocation takes effect at that moment.
fn is_in_force(revocation: &Signature, at: Timestamp) -> bool {
    match revocation.revocation_reason_code() {
        Some(
            RevocationCode::KeySuperseded
            | RevocationCode::KeyRetired
            | RevocationCode::CertUserIdInvalid,
        ) => revocation
            .created()
            .is_none_or(|created| i64::from(created.as_secs()) <= at.unix()),
        _ => true,
    }
}

fn check_expiry(
    what: &str,
    key: &impl KeyDetails,
    lifetime: u32,
    at: Timestamp,
) -> Result<(), String> {
    let expires = i64::from(key.created_at().as_secs()) + i64::from(lifetime);
    if lifetime > 0 && expires <= at.unix() {
        return Err(format!(
            "{what} expired at {}",
            Timestamp::from_unix(expires)
        ));
    }
    Ok(())
}

/// The key flags of a self-signature; `None` where it says nothing (unlike rPGP's own accessor,
/// which takes that for "none").
fn key_flags(signature: &Signature) -> Option<&KeyFlags> {
    signature
        .config()?
        .hashed_subpackets()
        .find_map(|packet| match &packet.data {
            SubpacketData::KeyFlags(flags) => Some(flags),
            _ => None,
        })
}

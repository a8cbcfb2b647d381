//! Signatures of database files: Ed25519 over the SHA-256 of the file, in a file of its own beside it.
//!
//! Keys are PEM as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them. The
//! signed text is `kiln advisory database sha256:HEX` and a line feed, so that a signature of
//! something else never passes for one of a database.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use kiln_types::{Classify, Digest, ErrorClass};

/// PKCS #8 (RFC 8410) around the 32 bytes of a private key.
const PRIVATE: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// SubjectPublicKeyInfo (RFC 8410) around the 32 bytes of a public key.
const PUBLIC: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why a key or a signature is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No private key.
    #[error("this is no Ed25519 private key in PEM (PKCS #8)")]
    PrivateKey,
    /// No public key.
    #[error("this is no Ed25519 public key in PEM")]
    PublicKey,
    /// No signature.
    #[error("this is no signature of an advisory database")]
    Form,
    /// Another key signed, or other bytes were signed.
    #[error("the signature of the advisory database is not by this key over these bytes")]
    Wrong,
}

impl Classify for SignatureError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::PrivateKey | Self::PublicKey => ErrorClass::User,
            Self::Form | Self::Wrong => ErrorClass::Integrity,
        }
    }
}

fn message(digest: &Digest) -> String {
    format!("kiln advisory database {digest}\n")
}

/// Signs a database by its digest; the text of its signature file.
///
/// # Errors
/// When the key is none.
pub fn sign(key: &str, digest: &Digest) -> Result<String, SignatureError> {
    let block = blocks(key).next().unwrap_or_default();
    let bytes = pem(block, &PRIVATE).ok_or(SignatureError::PrivateKey)?;
    let signature = SigningKey::from_bytes(&bytes).sign(message(digest).as_bytes());
    let hex: String = signature
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("ed25519 {hex}\n"))
}

/// Checks a signature file of a database. `keys` may hold several keys, so that one can follow
/// another: any of them is enough.
///
/// # Errors
/// When one of the keys is none, the text no signature, or the signature not of this digest by one of
/// the keys.
pub fn verify(keys: &str, digest: &Digest, signature: &str) -> Result<(), SignatureError> {
    let mut known = Vec::new();
    for block in blocks(keys) {
        let bytes = pem(block, &PUBLIC).ok_or(SignatureError::PublicKey)?;
        known.push(VerifyingKey::from_bytes(&bytes).map_err(|_| SignatureError::PublicKey)?);
    }
    if known.is_empty() {
        return Err(SignatureError::PublicKey);
    }
    let hex = signature
        .trim()
        .strip_prefix("ed25519 ")
        .filter(|hex| hex.len() == 128 && hex.is_ascii())
        .ok_or(SignatureError::Form)?;
    let mut bytes = [0; 64];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = hex.get(at * 2..at * 2 + 2).ok_or(SignatureError::Form)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| SignatureError::Form)?;
    }
    let signature = Signature::from_bytes(&bytes);
    let message = message(digest);
    let is_good = |key: &VerifyingKey| key.verify_strict(message.as_bytes(), &signature).is_ok();
    match known.iter().any(is_good) {
        true => Ok(()),
        false => Err(SignatureError::Wrong),
    }
}

/// The blocks of a PEM file, without what stands between them (RFC 7468, 2).
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let begin = rest.find("-----BEGIN ")?;
        let block = rest.get(begin..)?;
        let end = block
            .find("-----END ")
            .and_then(|end| Some(end + block.get(end..)?.find('\n').unwrap_or(block.len() - end)))
            .unwrap_or(block.len());
        rest = block.get(end..)?;
        block.get(..end)
    })
}

/// The 32 bytes of a key in PEM, after what a key of its kind begins with.
fn pem(text: &str, prefix: &[u8]) -> Option<[u8; 32]> {
    let body: String = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let bytes = base64(&body)?;
    bytes.strip_prefix(prefix)?.try_into().ok()
}

/// RFC 4648, of short texts.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in text.trim_end_matches('=').bytes().take(1 << 10) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8410 § 10.3 and § 10.1: the private key of the examples, and its public key.
    const PRIVATE_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn a_signature_holds_for_its_bytes_and_its_key_alone() {
        let of = Digest::of(b"database");
        let signature = sign(PRIVATE_PEM, &of).unwrap();
        assert_eq!(verify(PUBLIC_PEM, &of, &signature), Ok(()));
        let other = Digest::of(b"databasf");
        assert_eq!(
            verify(PUBLIC_PEM, &other, &signature),
            Err(SignatureError::Wrong)
        );
        let changed = signature.replacen("ed25519 ", "ed25519 0", 1);
        assert_eq!(verify(PUBLIC_PEM, &of, &changed), Err(SignatureError::Form));
        // A second key in the file, with words around both.
        let other_key = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
            -----END PUBLIC KEY-----";
        let both = format!("# old\n{other_key}\n# new\n{PUBLIC_PEM}end\n");
        assert_eq!(verify(&both, &of, &signature), Ok(()));
        let wrong = Err(SignatureError::Wrong);
        assert_eq!(verify(other_key, &of, &signature), wrong);
        let none = Err(SignatureError::PublicKey);
        for keys in ["", "none", &format!("{PUBLIC_PEM}{PRIVATE_PEM}")] {
            assert_eq!(verify(keys, &of, &signature), none);
        }
        let zeros = format!("ed25519 {}\n", "0".repeat(128));
        assert_eq!(verify(PUBLIC_PEM, &of, &zeros), Err(SignatureError::Wrong));
        assert_eq!(
            verify(PRIVATE_PEM, &of, &signature),
            Err(SignatureError::PublicKey)
        );
        assert_eq!(sign(PUBLIC_PEM, &of), Err(SignatureError::PrivateKey));
        assert_eq!(verify(PUBLIC_PEM, &of, ""), Err(SignatureError::Form));
    }
}

//! Keys that sign test repositories. Their secret halves are public (fixtures/README.md).

use kiln_types::Timestamp;
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, Deserializable as _, DetachedSignature, SignedPublicKey,
    SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Password};

const WHY: &str = "the fixtures are good keys";

/// A key that signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestKey {
    /// Ed25519; trusted.
    Ed25519,
    /// RSA, 2048 bits; trusted.
    Rsa,
    /// Ed25519; in no keyring that a test trusts.
    Stranger,
    /// Ed25519; ended on 2020-02-01.
    Expired,
}

impl TestKey {
    /// The public key, in ASCII armour.
    #[must_use]
    pub const fn public(self) -> &'static str {
        match self {
            Self::Ed25519 => include_str!("../fixtures/keys/ed25519.public.asc"),
            Self::Rsa => include_str!("../fixtures/keys/rsa.public.asc"),
            Self::Stranger => include_str!("../fixtures/keys/stranger.public.asc"),
            Self::Expired => include_str!("../fixtures/keys/expired.public.asc"),
        }
    }

    /// The public key, in binary, as in a `.gpg` keyring.
    #[must_use]
    pub fn public_binary(self) -> Vec<u8> {
        let (key, _) = SignedPublicKey::from_string(self.public()).expect(WHY);
        key.to_bytes().expect(WHY)
    }

    const fn secret(self) -> &'static str {
        match self {
            Self::Ed25519 => include_str!("../fixtures/keys/ed25519.secret.asc"),
            Self::Rsa => include_str!("../fixtures/keys/rsa.secret.asc"),
            Self::Stranger => include_str!("../fixtures/keys/stranger.secret.asc"),
            Self::Expired => include_str!("../fixtures/keys/expired.secret.asc"),
        }
    }

    fn sign(self, kind: SignatureType, bytes: &[u8], time: Timestamp) -> Signature {
        let (key, _) = SignedSecretKey::from_string(self.secret()).expect(WHY);
        let key = key.primary_key;
        let created = pgp::types::Timestamp::from_secs(
            u32::try_from(time.unix()).expect("tests are in this century"),
        );
        let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha512);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())).expect(WHY),
            Subpacket::regular(SubpacketData::SignatureCreationTime(created)).expect(WHY),
        ];
        config.unhashed_subpackets =
            vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).expect(WHY)];
        config.sign(&key, &Password::empty(), bytes).expect(WHY)
    }
}

/// The trusted keys, in ASCII armour, one block after the other.
#[must_use]
pub fn keyring() -> String {
    [TestKey::Ed25519.public(), TestKey::Rsa.public()].concat()
}

/// The trusted keys, in binary, as in a `.gpg` keyring.
#[must_use]
pub fn keyring_binary() -> Vec<u8> {
    [
        TestKey::Ed25519.public_binary(),
        TestKey::Rsa.public_binary(),
    ]
    .concat()
}

/// `text` with its signatures, as `InRelease` is (RFC 9580, 7: cleartext signatures).
pub(crate) fn sign_inline(text: &str, keys: &[TestKey], time: Timestamp) -> String {
    let sign = |text: &str| {
        Ok(keys
            .iter()
            .map(|key| key.sign(SignatureType::Text, text.as_bytes(), time))
            .collect())
    };
    CleartextSignedMessage::new_many(text, sign)
        .and_then(|message| message.to_armored_string(ArmorOptions::default()))
        .expect(WHY)
}

/// Detached signatures over `text`, as `Release.gpg` is.
pub(crate) fn sign_detached(text: &str, keys: &[TestKey], time: Timestamp) -> String {
    keys.iter()
        .map(|key| {
            let signature = key.sign(SignatureType::Binary, text.as_bytes(), time);
            DetachedSignature::new(signature)
                .to_armored_string(ArmorOptions::default())
                .expect(WHY)
        })
        .collect()
}

//! Attacks and table tests. Keys and signatures are made here, with a generator that always gives
//! the same keys; the signatures of Debian itself are in `tests/openpgp_debian.rs`.

mod certificates;

use std::sync::LazyLock;

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, DetachedSignature, KeyType, SignedKeyDetails,
    SignedPublicKey, SignedPublicSubKey,
};
use pgp::packet::{
    KeyFlags, Notation, PubKeyInner, PublicKey, PublicSubkey, RevocationCode, SecretKey,
    SecretSubkey, SignatureConfig, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, KeyVersion, Password, SignedUser, SigningKey};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;

/// 2025-01-01: all keys are made then.
const MADE: u32 = 1_735_689_600;
const DAY: u32 = 86_400;
/// 2025-01-11: all documents are signed then.
const SIGNED: u32 = MADE + 10 * DAY;
const TEXT: &str = "Origin: Test\nDescription: - dashes -\n- an item\n-----BEGIN nothing\nfrom \tblanks \t\n\nend\n";
/// [`TEXT`] as it comes back.
const PLAIN: &str =
    "Origin: Test\nDescription: - dashes -\n- an item\n-----BEGIN nothing\nfrom \tblanks\n\nend\n";

fn at(days: u32) -> Timestamp {
    Timestamp::from_unix(i64::from(SIGNED + days * DAY))
}

fn seconds(time: u32) -> pgp::types::Timestamp {
    pgp::types::Timestamp::from_secs(time)
}

fn sub(data: SubpacketData) -> Subpacket {
    Subpacket::regular(data).unwrap()
}

fn inner(kind: KeyType, version: KeyVersion, seed: u64) -> (PubKeyInner, pgp::types::SecretParams) {
    let (public, secret) = kind.generate(ChaCha8Rng::seed_from_u64(seed)).unwrap();
    (
        PubKeyInner::new(version, kind.to_alg(), seconds(MADE), None, public).unwrap(),
        secret,
    )
}

fn primary(kind: KeyType, version: KeyVersion, seed: u64) -> SecretKey {
    let (inner, secret) = inner(kind, version, seed);
    SecretKey::new(PublicKey::from_inner(inner).unwrap(), secret).unwrap()
}

fn subkey(kind: KeyType, seed: u64) -> SecretSubkey {
    let (inner, secret) = inner(kind, KeyVersion::V4, seed);
    SecretSubkey::new(PublicSubkey::from_inner(inner).unwrap(), secret).unwrap()
}

static ALICE: LazyLock<SecretKey> =
    LazyLock::new(|| primary(KeyType::Ed25519Legacy, KeyVersion::V4, 1));
static MALLORY: LazyLock<SecretKey> =
    LazyLock::new(|| primary(KeyType::Ed25519Legacy, KeyVersion::V4, 2));
static RSA: LazyLock<SecretKey> = LazyLock::new(|| primary(KeyType::Rsa(2048), KeyVersion::V4, 8));
static ALICE_SUBKEY: LazyLock<SecretSubkey> = LazyLock::new(|| subkey(KeyType::Ed25519Legacy, 3));

/// How a self-signature is made.
#[derive(Clone, Copy)]
struct Word {
    made: u32,
    digest: HashAlgorithm,
    sign: Option<bool>,
    /// Of the key, from its making; 0 for none.
    lifetime: u32,
}

const WORD: Word = Word {
    made: MADE,
    digest: HashAlgorithm::Sha256,
    sign: Some(true),
    lifetime: 0,
};

fn config(
    typ: SignatureType,
    key: &impl KeyDetails,
    digest: HashAlgorithm,
    made: u32,
) -> SignatureConfig {
    let mut config = match key.version() {
        KeyVersion::V6 => {
            SignatureConfig::v6(ChaCha8Rng::seed_from_u64(9), typ, key.algorithm(), digest).unwrap()
        }
        _ => SignatureConfig::v4(typ, key.algorithm(), digest),
    };
    config.hashed_subpackets = vec![
        sub(SubpacketData::SignatureCreationTime(seconds(made))),
        sub(SubpacketData::IssuerFingerprint(key.fingerprint())),
    ];
    config
}

impl Word {
    fn config(self, typ: SignatureType, key: &SecretKey) -> SignatureConfig {
        let mut config = config(typ, key, self.digest, self.made);
        if let Some(sign) = self.sign {
            let mut flags = KeyFlags::default();
            flags.set_certify(true);
            flags.set_sign(sign);
            config
                .hashed_subpackets
                .push(sub(SubpacketData::KeyFlags(flags)));
        }
        if self.lifetime > 0 {
            config
                .hashed_subpackets
                .push(sub(SubpacketData::KeyExpirationTime(Duration::from_secs(
                    self.lifetime,
                ))));
        }
        config
    }
}

/// A certificate with one user id.
fn certificate(key: &SecretKey, words: &[Word]) -> SignedPublicKey {
    let id = UserId::from_str(Default::default(), "Test <test@example.org>").unwrap();
    let signatures = words
        .iter()
        .map(|word| {
            word.config(SignatureType::CertPositive, key)
                .sign_certification(key, key.public_key(), &Password::empty(), Tag::UserId, &id)
                .unwrap()
        })
        .collect();
    let users = vec![SignedUser::new(id, signatures)];
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
    SignedPublicKey::new(key.public_key().clone(), details, Vec::new())
}

fn revoke(certificate: &mut SignedPublicKey, key: &SecretKey, code: RevocationCode, made: u32) {
    let mut config = config(
        SignatureType::KeyRevocation,
        key,
        HashAlgorithm::Sha256,
        made,
    );
    config
        .hashed_subpackets
        .push(sub(SubpacketData::RevocationReason(code, "why".into())));
    let revocation = config
        .sign_key(key, &Password::empty(), key.public_key())
        .unwrap();
    certificate.details.revocation_signatures.push(revocation);
}

/// Binds a subkey; `back` signs back.
fn bind(
    certificate: &mut SignedPublicKey,
    key: &SecretKey,
    word: Word,
    subkey: &SecretSubkey,
    back: bool,
) {
    let mut binding = word.config(SignatureType::SubkeyBinding, key);
    if back {
        let back = config(
            SignatureType::KeyBinding,
            subkey,
            HashAlgorithm::Sha256,
            word.made,
        )
        .sign_primary_key_binding(
            subkey,
            subkey.public_key(),
            &Password::empty(),
            key.public_key(),
        )
        .unwrap();
        binding
            .hashed_subpackets
            .push(sub(SubpacketData::EmbeddedSignature(Box::new(back))));
    }
    let binding = binding
        .sign_subkey_binding(
            key,
            key.public_key(),
            &Password::empty(),
            subkey.public_key(),
        )
        .unwrap();
    certificate.public_subkeys.push(SignedPublicSubKey::new(
        subkey.public_key().clone(),
        vec![binding],
    ));
}

/// A keyring that went through bytes.
fn ring(certificates: &[SignedPublicKey]) -> Keyring {
    let bytes: Vec<u8> = certificates
        .iter()
        .flat_map(|certificate| certificate.to_bytes().unwrap())
        .collect();
    Keyring::parse(&bytes, "test keyring").unwrap()
}

fn alice() -> Keyring {
    ring(&[certificate(&ALICE, &[WORD])])
}

/// The settings of a document signature by a key.
fn document(key: &impl SigningKey) -> SignatureConfig {
    config(SignatureType::Text, key, HashAlgorithm::Sha512, SIGNED)
}

fn inline_with(config: SignatureConfig, key: &impl SigningKey, text: &str) -> String {
    CleartextSignedMessage::new(text, config, key, &Password::empty())
        .unwrap()
        .to_armored_string(ArmorOptions::default())
        .unwrap()
}

/// A clear-signed [`TEXT`]. The crate's writer adds one line end, so the text goes in without.
fn inline(key: &impl SigningKey) -> String {
    inline_with(document(key), key, PLAIN.trim_end_matches('\n'))
}

fn verify(text: &str, keyring: &Keyring, days: u32) -> Result<Verified, FormatError> {
    verify_inline(text.as_bytes(), "InRelease", keyring, at(days))
}

#[track_caller]
fn assert_refused(result: Result<Verified, FormatError>, kind: FormatErrorKind, reason: &str) {
    let error = result.expect_err("must be refused");
    assert!(
        error.reason.contains(reason),
        "`{}` should hold `{reason}`",
        error.reason
    );
    assert_eq!(error.kind, kind);
    assert_eq!(error.subject, "InRelease");
}

fn assert_lies(result: Result<Verified, FormatError>, reason: &str) {
    assert_refused(result, FormatErrorKind::Lies, reason);
}

fn assert_malformed(result: Result<Verified, FormatError>, reason: &str) {
    assert_refused(result, FormatErrorKind::Malformed, reason);
}

#[test]
fn a_good_signature_gives_the_signed_lines_and_the_signer() {
    let verified = verify(&inline(&*ALICE), &alice(), 0).unwrap();
    assert_eq!(String::from_utf8(verified.text).unwrap(), PLAIN);
    let fingerprint = format!("{:X}", ALICE.fingerprint());
    assert_eq!(
        verified.signers,
        [Signer {
            certificate: fingerprint.clone(),
            key: fingerprint,
            created: at(0)
        }]
    );
}

#[test]
fn line_ends_and_blanks_in_transit_do_not_matter() {
    let signed = inline(&*ALICE);
    let crlf = signed.replace('\n', "\r\n");
    let blanks = signed.replace("Origin: Test\n", "Origin: Test \t\n");
    for text in [crlf, blanks] {
        assert_eq!(verify(&text, &alice(), 0).unwrap().text, PLAIN.as_bytes());
    }
}

#[test]
fn modified_text() {
    let signed = inline(&*ALICE);
    let changes = [
        ("Origin: Test", "Origin: Evil"),
        ("Origin: Test", "Origin: Test\nOrigin: Evil"),
        ("Origin: Test\n", ""),
        ("Origin: Test", " Origin: Test"),
        ("\n\nend", "\nend"),
        ("- - an item", "an item"),
    ];
    for (from, to) in changes {
        assert!(signed.contains(from), "{from}");
        assert_lies(
            verify(&signed.replacen(from, to, 1), &alice(), 0),
            "does not match the text",
        );
    }
}

#[test]
fn text_before_the_signed_block() {
    let signed = inline(&*ALICE);
    for prefix in [
        "Origin: Evil\n",
        "\n",
        " ",
        "\u{feff}",
        "-----BEGIN PGP SIGNED MESSAGE-----\n",
    ] {
        assert!(
            verify(&format!("{prefix}{signed}"), &alice(), 0).is_err(),
            "{prefix:?}"
        );
    }
}

#[test]
fn text_after_the_signed_block() {
    let signed = inline(&*ALICE);
    assert_malformed(
        verify(&format!("{signed}Origin: Evil\n"), &alice(), 0),
        "other text",
    );
    assert!(verify(&format!("{signed}\n\n"), &alice(), 0).is_ok());
}

#[test]
fn two_signed_blocks() {
    let signed = inline(&*ALICE);
    let evil = inline_with(document(&*MALLORY), &*MALLORY, "Origin: Evil");
    for text in [
        format!("{signed}{signed}"),
        format!("{evil}{signed}"),
        format!("{signed}{evil}"),
    ] {
        assert_malformed(
            verify(&text, &alice(), 0),
            "found one of `PGP SIGNED MESSAGE`",
        );
    }
}

#[test]
fn text_smuggled_as_a_header() {
    let signed = inline(&*ALICE);
    for header in [
        "Origin: Evil\n",
        "Hash: SHA512\nOrigin: Evil\n",
        "NotDashEscaped: yes\n",
        " \n",
        "Hash: \n",
    ] {
        let text = signed.replacen("MESSAGE-----\n", &format!("MESSAGE-----\n{header}"), 1);
        assert_malformed(verify(&text, &alice(), 0), "header");
    }
    // Without any `Hash` header the message is as good (RFC 9580, section 7.1).
    let without = signed.replacen("Hash: SHA512\n", "", 1);
    assert_ne!(without, signed);
    assert!(verify(&without, &alice(), 0).is_ok());
}

#[test]
fn text_hidden_behind_a_carriage_return() {
    let signed = inline(&*ALICE);
    assert_malformed(
        verify(
            &signed.replacen("Origin: Test", "Origin: Test\rOrigin: Evil", 1),
            &alice(),
            0,
        ),
        "CR",
    );
    assert_malformed(
        verify(
            &signed.replacen("Origin: Test", "Origin: Test\0", 1),
            &alice(),
            0,
        ),
        "NUL",
    );
}

#[test]
fn unescaped_dashes() {
    let signed = inline(&*ALICE);
    assert_malformed(
        verify(&signed.replacen("- - an item", "-an item", 1), &alice(), 0),
        "unescaped `-`",
    );
    let text = signed.replacen("- -----BEGIN nothing", "-----BEGIN nothing", 1);
    assert_malformed(verify(&text, &alice(), 0), "unescaped `-----`");
}

#[test]
fn truncation_at_every_byte() {
    let signed = inline(&*ALICE);
    let whole = signed.trim_end().len();
    for length in 0..whole {
        if signed.is_char_boundary(length) {
            assert!(verify(&signed[..length], &alice(), 0).is_err(), "{length}");
        }
    }
    assert!(verify(&signed[..whole], &alice(), 0).is_ok());
}

#[test]
fn key_not_in_the_ring() {
    let error = verify(&inline(&*MALLORY), &alice(), 0).unwrap_err();
    assert!(
        error
            .reason
            .contains(&format!("{:X}", MALLORY.fingerprint())),
        "{error}"
    );
    assert_lies(Err(error), "its key is not in the keyring");
}

#[test]
fn signature_that_names_another_issuer() {
    // Mallory signs and says that Alice did.
    let mut config = document(&*MALLORY);
    config.hashed_subpackets[1] = sub(SubpacketData::IssuerFingerprint(ALICE.fingerprint()));
    assert_lies(
        verify(&inline_with(config, &*MALLORY, "Origin: Evil"), &alice(), 0),
        "does not match the text",
    );
}

#[test]
fn a_signature_without_issuer_is_tried_with_every_key() {
    let mut config = document(&*ALICE);
    config.hashed_subpackets.truncate(1);
    let keyring = ring(&[certificate(&MALLORY, &[WORD]), certificate(&ALICE, &[WORD])]);
    assert!(verify(&inline_with(config, &*ALICE, "x"), &keyring, 0).is_ok());
}

#[test]
fn one_good_signature_among_others_is_enough() {
    let message = CleartextSignedMessage::new_many("Origin: Test", |text| {
        let good = document(&*ALICE).sign(&*ALICE, &Password::empty(), text.as_bytes())?;
        let unknown = document(&*MALLORY).sign(&*MALLORY, &Password::empty(), text.as_bytes())?;
        Ok(vec![unknown, good])
    });
    let text = message
        .unwrap()
        .to_armored_string(ArmorOptions::default())
        .unwrap();
    assert_eq!(verify(&text, &alice(), 0).unwrap().signers.len(), 1);
    let both = ring(&[certificate(&ALICE, &[WORD]), certificate(&MALLORY, &[WORD])]);
    assert_eq!(verify(&text, &both, 0).unwrap().signers.len(), 2);
    // And when none is good, all are named.
    let neither = ring(&[certificate(
        &primary(KeyType::Ed25519Legacy, KeyVersion::V4, 7),
        &[WORD],
    )]);
    let error = verify(&text, &neither, 0).unwrap_err();
    for key in [&*ALICE, &*MALLORY] {
        assert!(
            error.reason.contains(&format!("{:X}", key.fingerprint())),
            "{error}"
        );
    }
}

#[test]
fn signature_blocks_may_follow_each_other() {
    let (first, second) = (
        inline_with(document(&*MALLORY), &*MALLORY, "x"),
        inline_with(document(&*ALICE), &*ALICE, "x"),
    );
    let block = &second[second.find("-----BEGIN PGP SIGNATURE").unwrap()..];
    assert_eq!(
        verify(&format!("{first}{block}"), &alice(), 0)
            .unwrap()
            .text,
        b"x\n"
    );
}

#[test]
fn weak_digests() {
    let keyring = ring(&[certificate(&RSA, &[WORD])]);
    for (digest, good) in [
        (HashAlgorithm::Md5, false),
        (HashAlgorithm::Sha1, false),
        (HashAlgorithm::Ripemd160, false),
        (HashAlgorithm::Sha224, false),
        (HashAlgorithm::Sha256, true),
        (HashAlgorithm::Sha384, true),
        (HashAlgorithm::Sha3_256, true),
    ] {
        let text = inline_with(
            config(SignatureType::Text, &*RSA, digest, SIGNED),
            &*RSA,
            "x",
        );
        match good {
            true => assert!(verify(&text, &keyring, 0).is_ok(), "{digest}"),
            false => assert_lies(
                verify(&text, &keyring, 0),
                &format!("digest {digest} is not accepted"),
            ),
        }
    }
}

#[test]
fn expired_signature() {
    let mut config = document(&*ALICE);
    config
        .hashed_subpackets
        .push(sub(SubpacketData::SignatureExpirationTime(
            Duration::from_secs(DAY),
        )));
    let text = inline_with(config, &*ALICE, "x");
    assert!(verify(&text, &alice(), 0).is_ok());
    assert_lies(
        verify(&text, &alice(), 1),
        "expired at 2025-01-12T00:00:00Z",
    );
}

#[test]
fn signature_from_the_future() {
    let text = inline(&*ALICE);
    let verify = |seconds: i64| {
        verify_inline(
            text.as_bytes(),
            "InRelease",
            &alice(),
            Timestamp::from_unix(i64::from(SIGNED) - seconds),
        )
    };
    assert!(verify(CLOCK_SKEW).is_ok());
    assert_lies(verify(CLOCK_SKEW + 1), "in the future");
}

#[test]
fn signature_of_before_its_key() {
    let config = config(
        SignatureType::Text,
        &*ALICE,
        HashAlgorithm::Sha256,
        MADE - DAY,
    );
    assert_lies(
        verify(&inline_with(config, &*ALICE, "x"), &alice(), 0),
        "made before its key",
    );
}

#[test]
fn signature_without_a_time() {
    let mut config = document(&*ALICE);
    config.hashed_subpackets.remove(0);
    assert_lies(
        verify(&inline_with(config, &*ALICE, "x"), &alice(), 0),
        "does not say when",
    );
}

#[test]
fn signature_with_an_unknown_critical_part() {
    for data in [
        SubpacketData::Experimental(101, "x".into()),
        SubpacketData::Notation(Notation {
            readable: true,
            name: "a@example.org".into(),
            value: "x".into(),
        }),
    ] {
        let mut config = document(&*ALICE);
        config
            .hashed_subpackets
            .push(Subpacket::critical(data.clone()).unwrap());
        assert_lies(
            verify(&inline_with(config, &*ALICE, "x"), &alice(), 0),
            "critical part",
        );
        let mut config = document(&*ALICE);
        config.hashed_subpackets.push(sub(data));
        assert!(verify(&inline_with(config, &*ALICE, "x"), &alice(), 0).is_ok());
    }
}

#[test]
fn certification_replayed_as_a_document_signature() {
    let certificate = certificate(&ALICE, &[WORD]);
    let mut packet = Vec::new();
    pgp::packet::PacketTrait::to_writer_with_header(
        &certificate.details.users[0].signatures[0],
        &mut packet,
    )
    .unwrap();
    assert_lies(
        verify_detached(b"x", &packet, "InRelease", &alice(), at(0)),
        "not a signature over a document",
    );
}

fn detached(typ: SignatureType, text: &[u8]) -> DetachedSignature {
    let config = config(typ, &*ALICE, HashAlgorithm::Sha256, SIGNED);
    DetachedSignature::new(config.sign(&*ALICE, &Password::empty(), text).unwrap())
}

#[test]
fn detached_signatures() {
    let text = TEXT.as_bytes();
    let verify = |text: &[u8], signature: &[u8]| {
        verify_detached(text, signature, "InRelease", &alice(), at(0))
    };
    for typ in [SignatureType::Binary, SignatureType::Text] {
        let signature = detached(typ, text);
        let armored = signature
            .to_armored_string(ArmorOptions::default())
            .unwrap();
        let binary = signature.to_bytes().unwrap();
        for signature in [armored.as_bytes(), &binary] {
            assert_eq!(verify(text, signature).unwrap().text, text);
            assert_lies(
                verify(b"Origin: Evil\n", signature),
                "does not match the text",
            );
        }
        assert_malformed(verify(text, &binary[..binary.len() - 1]), "truncated");
        assert_malformed(
            verify(text, &armored.as_bytes()[..armored.len() - 30]),
            "ends before",
        );
        assert_malformed(
            verify(text, format!("{armored}trailing").as_bytes()),
            "other text",
        );
        assert_malformed(
            verify(text, &[&binary[..], b"x"].concat()),
            "not made of OpenPGP packets",
        );
        // Blanks at line ends are signed here, unlike in a clear-signed text.
        assert_lies(verify(PLAIN.as_bytes(), &binary), "does not match the text");
    }
    assert_malformed(verify(text, b""), "holds no signature");
    assert_malformed(verify(text, b"Origin: Test\n"), "packets");
    let key = certificate(&ALICE, &[WORD]).to_bytes().unwrap();
    assert_malformed(verify(text, &key), "expected an OpenPGP signature packet");
    let many: Vec<u8> = (0..=MAX_COUNT)
        .flat_map(|_| detached(SignatureType::Binary, text).to_bytes().unwrap())
        .collect();
    assert_malformed(verify(text, &many), "more than 32 signatures");
}

#[test]
fn a_signature_that_cannot_be_read_spoils_only_itself() {
    // A packet of signature version 4 with nothing behind it, then a good one.
    let mut packets = vec![0xc2, 1, 4];
    packets.extend(detached(SignatureType::Binary, b"x").to_bytes().unwrap());
    assert!(verify_detached(b"x", &packets, "InRelease", &alice(), at(0)).is_ok());
    assert_lies(
        verify_detached(b"x", &packets[..3], "InRelease", &alice(), at(0)),
        "cannot be read",
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let keyring = alice();
        let _ = verify_inline(&bytes, "x", &keyring, at(0));
        let _ = verify_detached(b"x", &bytes, "x", &keyring, at(0));
        let _ = Keyring::parse(&bytes, "x");
    }

    #[test]
    fn no_change_of_the_text_goes_unseen(position in 0_usize..10_000, byte in proptest::prelude::any::<u8>()) {
        let mut bytes = inline(&*ALICE).into_bytes();
        let position = position % bytes.len();
        bytes[position] = byte;
        if let Ok(verified) = verify_inline(&bytes, "x", &alice(), at(0)) {
            proptest::prop_assert_eq!(verified.text, PLAIN.as_bytes());
        }
    }
}

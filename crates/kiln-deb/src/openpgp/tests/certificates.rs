//! Keys that may not sign, and those that may.

use super::*;

#[test]
fn every_accepted_kind_of_key() {
    for (kind, version) in [
        (KeyType::Ed25519Legacy, KeyVersion::V4),
        (KeyType::Ed25519, KeyVersion::V4),
        (KeyType::Ed25519, KeyVersion::V6),
        (KeyType::Rsa(2048), KeyVersion::V4),
    ] {
        let name = format!("{kind:?} {version:?}");
        let key = primary(kind, version, 4);
        let keyring = ring(&[certificate(&key, &[WORD])]);
        verify(&inline(&key), &keyring, 0).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn weak_or_foreign_kinds_of_keys() {
    let weak = primary(KeyType::Rsa(1024), KeyVersion::V4, 5);
    assert_lies(
        verify(&inline(&weak), &ring(&[certificate(&weak, &[WORD])]), 0),
        "1024 bits",
    );
    let curve = pgp::crypto::ecc_curve::ECCCurve::P256;
    let foreign = primary(KeyType::ECDSA(curve), KeyVersion::V4, 6);
    assert_lies(
        verify(
            &inline(&foreign),
            &ring(&[certificate(&foreign, &[WORD])]),
            0,
        ),
        "ECDSA are not accepted",
    );
}

#[test]
fn expired_key() {
    let keyring = ring(&[certificate(
        &ALICE,
        &[Word {
            lifetime: 20 * DAY,
            ..WORD
        }],
    )]);
    assert!(verify(&inline(&*ALICE), &keyring, 9).is_ok());
    assert_lies(
        verify(&inline(&*ALICE), &keyring, 10),
        "certificate expired at 2025-01-21T00:00:00Z",
    );
}

#[test]
fn the_newest_word_about_a_key_counts() {
    let short = Word {
        lifetime: 5 * DAY,
        ..WORD
    };
    let longer = Word {
        made: MADE + 40 * DAY,
        lifetime: 365 * DAY,
        ..WORD
    };
    // Extended, even after the moment that is asked about; in whatever order.
    for words in [[short, longer], [longer, short]] {
        assert!(verify(&inline(&*ALICE), &ring(&[certificate(&ALICE, &words)]), 0).is_ok());
    }
    let shortened = Word {
        made: MADE + DAY,
        ..short
    };
    assert_lies(
        verify(
            &inline(&*ALICE),
            &ring(&[certificate(&ALICE, &[WORD, shortened])]),
            0,
        ),
        "expired",
    );
}

#[test]
fn revoked_key() {
    for (code, made, days, good) in [
        (RevocationCode::KeyCompromised, SIGNED + 5 * DAY, 0, false),
        (RevocationCode::NoReason, SIGNED + 5 * DAY, 0, false),
        (RevocationCode::KeyRetired, SIGNED + 5 * DAY, 4, true),
        (RevocationCode::KeyRetired, SIGNED + 5 * DAY, 5, false),
        (RevocationCode::KeySuperseded, SIGNED - DAY, 0, false),
    ] {
        let mut certificate = certificate(&ALICE, &[WORD]);
        revoke(&mut certificate, &ALICE, code, made);
        let result = verify(&inline(&*ALICE), &ring(&[certificate]), days);
        match good {
            true => assert!(result.is_ok(), "{code:?} {days}"),
            false => assert_lies(result, "certificate is revoked"),
        }
    }
}

#[test]
fn revocation_by_somebody_else_does_not_count() {
    let mut certificate = certificate(&ALICE, &[WORD]);
    let revocation = config(
        SignatureType::KeyRevocation,
        &*MALLORY,
        HashAlgorithm::Sha256,
        MADE,
    )
    .sign_key(&*MALLORY, &Password::empty(), ALICE.public_key())
    .unwrap();
    certificate.details.revocation_signatures.push(revocation);
    assert!(verify(&inline(&*ALICE), &ring(&[certificate]), 0).is_ok());
}

#[test]
fn key_that_may_not_sign() {
    let keyring = ring(&[certificate(
        &ALICE,
        &[Word {
            sign: Some(false),
            ..WORD
        }],
    )]);
    assert_lies(
        verify(&inline(&*ALICE), &keyring, 0),
        "not meant for signing",
    );
    let silent = ring(&[certificate(&ALICE, &[Word { sign: None, ..WORD }])]);
    assert!(verify(&inline(&*ALICE), &silent, 0).is_ok());
}

#[test]
fn certificate_that_vouches_for_itself_with_sha1() {
    let keyring = ring(&[certificate(
        &RSA,
        &[Word {
            digest: HashAlgorithm::Sha1,
            ..WORD
        }],
    )]);
    assert_lies(
        verify(&inline(&*RSA), &keyring, 0),
        "no valid self-signature",
    );
}

#[test]
fn certificate_stitched_from_two() {
    // Alice's key under Mallory's user id and signature.
    let mut stitched = certificate(&MALLORY, &[WORD]);
    stitched.primary_key = ALICE.public_key().clone();
    assert_lies(
        verify(&inline(&*ALICE), &ring(&[stitched]), 0),
        "no valid self-signature",
    );
}

#[test]
fn subkeys() {
    let text = inline(&*ALICE_SUBKEY);
    let keyring = |word: Word, back: bool, primary: Word| {
        let mut certificate = certificate(&ALICE, &[primary]);
        bind(&mut certificate, &ALICE, word, &ALICE_SUBKEY, back);
        ring(&[certificate])
    };
    let verified = verify(&text, &keyring(WORD, true, WORD), 0).unwrap();
    assert_eq!(
        verified.signers[0].certificate,
        format!("{:X}", ALICE.fingerprint())
    );
    assert_eq!(
        verified.signers[0].key,
        format!("{:X}", ALICE_SUBKEY.fingerprint())
    );

    // A primary key that only certifies is as good.
    let certifies = Word {
        sign: Some(false),
        ..WORD
    };
    assert!(verify(&text, &keyring(WORD, true, certifies), 0).is_ok());

    assert_lies(
        verify(&text, &keyring(certifies, true, WORD), 0),
        "subkey is not meant for signing",
    );
    assert_lies(
        verify(&text, &keyring(Word { sign: None, ..WORD }, true, WORD), 0),
        "subkey is not meant",
    );
    let short = Word {
        lifetime: 15 * DAY,
        ..WORD
    };
    assert_lies(
        verify(&text, &keyring(short, true, WORD), 5),
        "subkey expired",
    );
    assert_lies(
        verify(&text, &keyring(WORD, true, short), 5),
        "certificate expired",
    );
}

#[test]
fn stolen_subkey_that_does_not_sign_back() {
    // Mallory binds Alice's subkey to his own certificate.
    let text = inline(&*ALICE_SUBKEY);
    let mut thief = certificate(&MALLORY, &[WORD]);
    bind(&mut thief, &MALLORY, WORD, &ALICE_SUBKEY, false);
    assert_lies(verify(&text, &ring(&[thief]), 0), "does not sign back");

    // … and copies the signature back from Alice's.
    let mut honest = certificate(&ALICE, &[WORD]);
    bind(&mut honest, &ALICE, WORD, &ALICE_SUBKEY, true);
    let back = honest.public_subkeys[0].signatures[0]
        .embedded_signature()
        .unwrap()
        .clone();
    let mut binding = WORD.config(SignatureType::SubkeyBinding, &MALLORY);
    binding
        .hashed_subpackets
        .push(sub(SubpacketData::EmbeddedSignature(Box::new(back))));
    let binding = binding
        .sign_subkey_binding(
            &*MALLORY,
            MALLORY.public_key(),
            &Password::empty(),
            ALICE_SUBKEY.public_key(),
        )
        .unwrap();
    let mut thief = certificate(&MALLORY, &[WORD]);
    thief.public_subkeys = vec![SignedPublicSubKey::new(
        ALICE_SUBKEY.public_key().clone(),
        vec![binding],
    )];
    assert_lies(
        verify(&text, &ring(&[thief]), 0),
        "does not validly sign back",
    );
}

#[test]
fn revoked_subkey() {
    let mut certificate = certificate(&ALICE, &[WORD]);
    bind(&mut certificate, &ALICE, WORD, &ALICE_SUBKEY, true);
    let revocation = config(
        SignatureType::SubkeyRevocation,
        &*ALICE,
        HashAlgorithm::Sha256,
        SIGNED,
    )
    .sign_subkey_binding(
        &*ALICE,
        ALICE.public_key(),
        &Password::empty(),
        ALICE_SUBKEY.public_key(),
    )
    .unwrap();
    certificate.public_subkeys[0].signatures.push(revocation);
    assert_lies(
        verify(&inline(&*ALICE_SUBKEY), &ring(&[certificate]), 0),
        "subkey is revoked",
    );
}

//! Signed texts, signatures and keyrings: no panic, and no text counts as signed but the one that
//! the key in `keys/` signed (its private half is gone).
#![no_main]

use kiln_deb::keyring::Keyring;
use kiln_deb::openpgp::{verify_detached, verify_inline};
use kiln_types::Timestamp;
use libfuzzer_sys::fuzz_target;

const TEXT: &[u8] = b"Origin: Fuzz\n- dash\nlast\n";

fuzz_target!(|bytes: &[u8]| {
    let at = Timestamp::from_unix(1_770_000_000);
    let keyring = Keyring::parse(include_bytes!("../keys/openpgp_inline.pgp"), "fuzz")
        .expect("a good keyring");
    if let Ok(verified) = verify_inline(bytes, "fuzz", &keyring, at) {
        assert_eq!(verified.text, TEXT);
    }
    assert!(verify_detached(b"another text", bytes, "fuzz", &keyring, at).is_err());
    let _ = verify_detached(TEXT, bytes, "fuzz", &keyring, at);
    if let Ok(other) = Keyring::parse(bytes, "fuzz") {
        let _ = verify_inline(
            include_bytes!("../seeds/openpgp_inline/signed"),
            "fuzz",
            &other,
            at,
        );
    }
});

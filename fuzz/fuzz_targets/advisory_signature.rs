//! The signature of a database and the keys that it is made and checked with.
#![no_main]

use kiln_types::Digest;
use kiln_vuln::signature::{sign, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (key, signature) = input;
    let digest = Digest::of(b"database");
    if let Ok(signed) = sign(key, &digest) {
        assert!(signed.starts_with("ed25519 "));
    }
    let _ = verify(key, &digest, signature);
});

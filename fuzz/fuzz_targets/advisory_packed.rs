//! A database as it travels: packed bytes, and compressed ones against a prefix.
#![no_main]

use kiln_vuln::{Database, pack_database, unpack_database};
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 4 << 20;

fuzz_target!(|bytes: &[u8]| {
    // One byte says how much of the rest is the prefix.
    let (cut, rest) = bytes.split_first().map_or((0, bytes), |(cut, rest)| {
        (usize::from(*cut).min(rest.len()), rest)
    });
    let (prefix, sent) = rest.split_at(cut);
    if let Ok(packed) = kiln_archive::zstd::decompress(sent, prefix, LIMIT) {
        assert!(packed.len() as u64 <= LIMIT);
        let _ = unpack_database(&packed, LIMIT);
    }
    let Ok(database) = unpack_database(rest, LIMIT) else {
        return;
    };
    assert!(database.len() as u64 <= LIMIT);
    // Its places fit, whatever its records hold; and what is packed again is the same.
    let opened = match Database::open(database.as_slice()) {
        Ok(opened) => opened,
        Err(_) => return,
    };
    let _ = opened.check();
    if let Ok(packed) = pack_database(&database) {
        assert_eq!(
            unpack_database(&packed, LIMIT).as_deref().ok(),
            Some(database.as_slice())
        );
    }
});

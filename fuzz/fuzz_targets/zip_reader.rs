//! A zip archive: its list, and every entry of it.
#![no_main]

use std::io::Cursor;

use kiln_archive::Limits;
use kiln_archive::zip::ZipReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut zip) = ZipReader::open(Cursor::new(bytes), &Limits::default()) else {
        return;
    };
    for entry in zip.entries().to_vec() {
        if let Ok(content) = zip.read(&entry, 1 << 20) {
            assert_eq!(content.len() as u64, entry.size);
        }
    }
});

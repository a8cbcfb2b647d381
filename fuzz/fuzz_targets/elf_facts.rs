//! Facts of ELF files: any bytes end in facts or in none, in little time and memory.
#![no_main]

use kiln_image::ElfFacts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(facts) = ElfFacts::of(bytes) {
        assert!(bytes.starts_with(b"\x7fELF"));
        assert!(facts.needed.len() <= 4096);
    }
});

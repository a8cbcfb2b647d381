//! Lists of apt's sources, in both formats.
#![no_main]

use kiln_deb::sources_list::{parse_deb822, parse_entry, parse_list};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for found in [parse_list("fuzz", text), parse_deb822("fuzz", text)] {
        for source in found.sources {
            assert!(
                !source.types.is_empty() && !source.uris.is_empty() && !source.suites.is_empty()
            );
        }
    }
    let _ = parse_entry("fuzz", 1, text);
});

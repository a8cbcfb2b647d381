//! Relation fields: what is read can be written and read again.
#![no_main]

use kiln_deb::relation::{parse_depends, parse_provides, parse_relations};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = parse_provides(text, "amd64");
    let _ = parse_relations(text, "amd64");
    if let Ok(depends) = parse_depends(text, "amd64") {
        let entries: Vec<String> = depends
            .iter()
            .map(|entry| {
                entry
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" | ")
            })
            .collect();
        let again =
            parse_depends(&entries.join(", "), "amd64").expect("what was written is a field");
        assert_eq!(again, depends);
    }
});

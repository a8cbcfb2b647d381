#![no_main]
//! Policies and the ignore files of other tools, in each of their forms: whatever the text,
//! diagnostics with places in it and no panic.

use kiln_definition::{Document, ignores, policy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut diagnostics = policy::parse(&Document::new("policy.yaml", text)).diagnostics;
    for name in [".trivyignore", "ignore.yaml"] {
        diagnostics.extend(ignores::parse(&Document::new(name, text)).diagnostics);
    }
    for diagnostic in &diagnostics {
        let place = diagnostic
            .location
            .as_ref()
            .expect("every diagnostic has a place");
        let start = place.offset as usize;
        assert!(text.get(start..start + place.length as usize).is_some());
    }
});

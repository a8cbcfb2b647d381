#![no_main]
//! Locks: whatever the text, a lock or diagnostics; what is read and written is read alike.

use kiln_definition::{Document, lock};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let document = Document::new("image.lock", text);
    match lock::from_text(&document) {
        Ok(read) => {
            let again = Document::new("again.lock", lock::to_text(&read));
            assert_eq!(lock::from_text(&again), Ok(read));
        }
        Err(diagnostics) => assert!(!diagnostics.is_empty()),
    }
});

//! References and transports: what parses prints as what it is.
#![no_main]

use kiln_oci::{Reference, Transport};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(
            reference
                .to_string()
                .parse::<Reference>()
                .expect("it parses again"),
            reference
        );
    }
    if let Ok(transport) = text.parse::<Transport>() {
        assert_eq!(
            transport
                .to_string()
                .parse::<Transport>()
                .expect("it parses again"),
            transport
        );
    }
});

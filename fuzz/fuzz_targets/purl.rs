//! Package URLs: what is read is written in one form, which reads as the same value.
#![no_main]

use kiln_types::Purl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(purl) = text.parse::<Purl>() {
        let written = purl.to_string();
        let again: Purl = written.parse().expect("what was written is a package URL");
        assert_eq!(again, purl);
        assert_eq!(again.to_string(), written);
    }
});

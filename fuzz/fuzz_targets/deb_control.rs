//! Control files: what is read can be written and read again.
#![no_main]

use kiln_deb::{Limits, Paragraph};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        paragraph: 1 << 12,
        fields: 16,
        paragraphs: 64,
    };
    for paragraph in Paragraph::parse_all(bytes, limits).unwrap_or_default() {
        let text = paragraph.to_string();
        let again = Paragraph::parse(text.as_bytes(), Limits::DOCUMENT)
            .expect("what was written is a paragraph");
        assert_eq!(again.fields(), paragraph.fields());
    }
});

//! Taking a maintainer script apart: whatever the bytes, it ends, and the same text is judged the
//! same way again.

#![no_main]

use kiln_image::to_review;
use kiln_types::Control;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let control = Control {
        name: "fuzz".to_owned(),
        architecture: "amd64".to_owned(),
        members: [("postinst".to_owned(), data.to_vec())].into(),
        ..Control::default()
    };
    let once = to_review(&control, true);
    assert_eq!(once, to_review(&control, true));
    for script in &once {
        // Blanks can only go away, names of the architecture only get shorter.
        assert!(script.text.len() <= data.len() * 3 + 1);
        assert_eq!(script.digest.len(), 32);
    }
});

//! The first bytes of files: any bytes are a script, a key or neither, whatever follows them.
#![no_main]

use kiln_image::Opening;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let opening = Opening::of(bytes);
    assert_eq!(
        opening,
        Opening::of(&bytes[..bytes.len().min(Opening::ENOUGH)])
    );
    if let Some((program, argument)) = opening.as_ref().and_then(Opening::interpreter) {
        assert!(!program.is_empty() && program.len() <= Opening::ENOUGH);
        assert!(argument.is_none_or(|argument| argument.len() <= Opening::ENOUGH));
    }
});

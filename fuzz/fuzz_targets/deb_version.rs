//! Any two texts have an order, and it is the mirror image of the other way round.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str)| {
    let (left, right) = texts;
    let ordering = kiln_deb::version::compare(left, right);
    assert_eq!(kiln_deb::version::compare(right, left), ordering.reverse());
    if let Ok(version) = kiln_deb::version::Version::parse(left) {
        assert!(kiln_deb::version::compare(left, &version.to_string()).is_eq());
    }
});

//! Two versions in every order there is: the mirrored question has the mirrored answer.
#![no_main]

use std::cmp::Ordering;

use kiln_vuln::{Scheme, compare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (left, right) = input;
    for scheme in Scheme::ALL {
        let answer = compare(scheme, left, right);
        assert_eq!(
            answer,
            compare(scheme, right, left).map(Ordering::reverse),
            "{scheme:?}"
        );
        if compare(scheme, left, left).is_some() {
            assert_eq!(
                compare(scheme, left, left),
                Some(Ordering::Equal),
                "{scheme:?}"
            );
        }
    }
});

//! PEM and DER of certificates: any bytes end in a hash or in none.
#![no_main]

use kiln_image::emulate::certificate_subject_hash;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = certificate_subject_hash(bytes);
});

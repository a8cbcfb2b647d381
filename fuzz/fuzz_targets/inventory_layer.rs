//! A layer, as it comes: whatever the bytes, there is an inventory, the same each time.
#![no_main]

use kiln_inventory::{ScanLimits, assemble, scan_layer};
use kiln_types::Subject;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut limits = ScanLimits::default();
    limits.layer.max_entries = 256;
    limits.layer.max_unpacked = 1 << 20;
    limits.nested = 1 << 20;
    // The same layer twice: whiteouts take from what they wrote themselves.
    let layers = [scan_layer(bytes, &limits), scan_layer(bytes, &limits)];
    let one = assemble(Subject::default(), None, &layers);
    assert_eq!(one, assemble(Subject::default(), None, &layers));
});

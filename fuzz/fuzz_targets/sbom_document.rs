//! A document about an image, in each dialect; what is read is written in each form.
#![no_main]

use kiln_inventory::read::document;
use kiln_inventory::write::{CycloneDxVersion, DocumentOptions, cyclonedx, list, spdx};
use kiln_types::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(inventory) = document("f", bytes) else {
        return;
    };
    let options = DocumentOptions {
        tool_version: "0".to_owned(),
        created: Timestamp::default(),
        supplier: None,
    };
    let lines = list(&inventory, false).lines().count();
    assert_eq!(lines, inventory.components.len());
    let _ = spdx(&inventory, &options);
    let _ = cyclonedx(&inventory, &options, CycloneDxVersion::V1_6);
});

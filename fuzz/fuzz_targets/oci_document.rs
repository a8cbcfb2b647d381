//! OCI documents: what is read is written so that it reads the same.
#![no_main]

use kiln_oci::{Document, ImageConfig, from_json, media_type, to_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for kind in [media_type::MANIFEST, media_type::INDEX] {
        if let Ok(document) = Document::parse("fuzz", kind, bytes) {
            let written = match &document {
                Document::Manifest(manifest) => to_json(manifest),
                Document::Index(index) => to_json(index),
            };
            let written = written.expect("documents can be written");
            // A document may leave out its media type, which then stays empty.
            assert_eq!(
                Document::parse("fuzz", kind, &written).expect("it reads again"),
                document
            );
        }
    }
    if let Ok(config) = from_json::<ImageConfig>("fuzz", bytes) {
        let written = to_json(&config).expect("configurations can be written");
        assert_eq!(
            from_json::<ImageConfig>("fuzz", &written).expect("it reads again"),
            config
        );
    }
});

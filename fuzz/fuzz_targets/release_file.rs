//! Release files: no panic, and no listed path leaves the directory.
#![no_main]

use kiln_deb::release::{Expectation, Release};
use kiln_types::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(release) = Release::parse(bytes, "fuzz") else {
        return;
    };
    for path in release.files.keys() {
        assert!(
            !path.starts_with('/') && !path.split('/').any(|part| matches!(part, "" | "." | "..")),
            "{path}"
        );
    }
    for component in &release.components {
        if let Some(index) = release.packages(component, "amd64") {
            assert!(index.by_hash_path().ends_with(&index.file.sha256.hex()));
        }
    }
    let wanted = Expectation {
        suite: Some("trixie"),
        origin: Some("Debian"),
        label: None,
        at: Timestamp::from_unix(1_770_000_000),
        verify_valid_until: true,
    };
    let _ = release.check("fuzz", &wanted);
});

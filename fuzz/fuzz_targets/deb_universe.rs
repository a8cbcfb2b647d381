//! Universe files: any bytes can be opened and walked over, and any index can be built.
#![no_main]

use std::collections::BTreeMap;

use kiln_deb::{DebUniverse, IndexBuilder, IndexSource};
use kiln_types::Universe;
use libfuzzer_sys::fuzz_target;

fn walk(bytes: &[u8]) {
    let pins = BTreeMap::from([("nginx".to_owned(), 1), ("curl".to_owned(), -1)]);
    let Ok(universe) = DebUniverse::open("fuzz", bytes, &pins) else {
        return;
    };
    for name in ["nginx", "curl", "awk", "", "zzz"] {
        let _ = (
            universe.named(name),
            universe.providing(name),
            universe.similar(name, 3),
        );
    }
    for id in universe.ids().take(1_000) {
        let _ = (universe.record(id), universe.first_mention(id));
    }
    for name in universe.names().take(1_000) {
        let _ = (universe.named(name), universe.providing(name));
    }
}

fuzz_target!(|bytes: &[u8]| {
    walk(bytes);
    let mut file = Vec::new();
    let mut builder = IndexBuilder::new(&mut file, "amd64");
    let source = IndexSource {
        subject: "fuzz",
        archive: "debian",
        suite: "trixie",
        priority: 500,
    };
    if builder.add(&source, &mut &*bytes).is_ok() {
        let summary = builder.finish().expect("memory does not fail");
        let universe = DebUniverse::open("fuzz", file.as_slice(), &BTreeMap::new())
            .expect("what was written can be opened");
        assert_eq!(universe.len(), summary.packages);
        walk(&file);
    }
});

//! Packages: whatever is accepted can be created entry by entry below a directory without leaving it.
#![no_main]

use std::collections::BTreeMap;
use std::io::{Cursor, copy, sink};

use kiln_deb::package::DebFormat;
use kiln_types::{DatabaseOptions, EntryKind, InstalledPackage, PackageFormat};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut package) = DebFormat.open("fuzz.deb", Box::new(Cursor::new(bytes))) else {
        return;
    };
    let mut kinds = BTreeMap::new();
    let walked = package.entries(&mut |entry, content| {
        let size = copy(content, &mut sink()).unwrap_or(entry.size);
        assert_eq!(size, entry.size);
        let mut above = entry.path.parent();
        while !above.is_root() {
            assert!(
                matches!(kinds.get(&above), None | Some(EntryKind::Directory)),
                "{}",
                entry.path
            );
            above = above.parent();
        }
        if let EntryKind::Hardlink(target) = &entry.kind {
            assert!(matches!(
                kinds.get(target),
                Some(EntryKind::File | EntryKind::Hardlink(_))
            ));
        }
        let earlier = kinds.insert(entry.path.clone(), entry.kind.clone());
        assert!(
            earlier.is_none_or(|earlier| earlier == EntryKind::Directory && entry.kind == earlier)
        );
        Ok(())
    });
    if walked.is_ok() {
        let paths = kinds.into_keys().collect();
        let installed = InstalledPackage {
            control: package.control().clone(),
            paths,
            cut: Vec::new(),
        };
        DebFormat.database(&[installed], "amd64", &DatabaseOptions { scripts: true });
    }
});

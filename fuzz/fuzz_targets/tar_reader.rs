//! Reading a tar archive entry by entry, with and without its content, ends the same way.

#![no_main]

use kiln_archive::tar::Reader;
use kiln_archive::{ArchiveError, Limits};
use libfuzzer_sys::fuzz_target;

fn count(data: &[u8], with_content: bool) -> Result<usize, ArchiveError> {
    let limits = Limits {
        max_entries: 10_000,
        max_unpacked: 1 << 24,
        ..Limits::default()
    };
    let mut reader = Reader::new(data, &limits);
    let mut entries = 0;
    while let Some(entry) = reader.next()? {
        assert!(!entry.path.is_empty() && entry.mode <= 0o7777);
        entries += 1;
        if with_content {
            let mut content = Vec::new();
            reader.content().read_to_end(&mut content)?;
            assert_eq!(content.len() as u64, entry.size);
        }
    }
    Ok(entries)
}

fuzz_target!(|data: &[u8]| {
    assert_eq!(count(data, true).ok(), count(data, false).ok());
});

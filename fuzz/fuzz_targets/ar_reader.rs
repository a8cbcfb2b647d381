//! Reading an ar archive member by member, with and without its content, ends the same way.

#![no_main]

use std::io::Read;

use kiln_archive::ar::Reader;
use kiln_archive::{ArchiveError, Limits};
use libfuzzer_sys::fuzz_target;

fn count(data: &[u8], with_content: bool) -> Result<usize, ArchiveError> {
    let mut reader = Reader::new(data, &Limits::default());
    let mut members = 0;
    while let Some(member) = reader.next()? {
        assert!(!member.name.is_empty() && !member.name.contains('/'));
        members += 1;
        if with_content {
            let mut content = Vec::new();
            reader.read_to_end(&mut content)?;
            assert_eq!(content.len() as u64, member.size);
        }
    }
    Ok(members)
}

fuzz_target!(|data: &[u8]| {
    assert_eq!(count(data, true).ok(), count(data, false).ok());
});

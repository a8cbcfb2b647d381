//! A file of a feed of each kind; what is read becomes a database and reads back.
#![no_main]

use std::io::Cursor;

use kiln_types::Timestamp;
use kiln_vuln::feed::{FeedKind, read_feed};
use kiln_vuln::{Database, write_database};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let kinds: Vec<FeedKind> = FeedKind::all().collect();
    let kind = kinds[usize::from(kind) % kinds.len()];
    let Ok(read) = read_feed(kind, "f", Cursor::new(bytes)) else {
        return;
    };
    let mut set = read.set;
    set.finish();
    let written = write_database(&set, Timestamp::EPOCH);
    let database = Database::open(written.as_slice()).expect("it opens what it writes");
    database.check().expect("it reads what it writes");
});

//! The form in which a database travels: its records alone, one behind the other.
//!
//! ```text
//! magic
//! meta      length, bytes
//! packages  count, then for each: length, record
//! records   count, then for each: length, record
//! ```
//!
//! Directories, places and checks are made again from the records, to the same byte: they are a third
//! of the file, hardly compress, and all change when one record grows, so that a difference between
//! two days would be as large as the whole. That the result is what was published is for the digest
//! of the file to say, which its signature covers.

use super::bytes::{In, Out};
use super::write::assemble;
use super::{Database, DatabaseError, ENTRY, hash, package_key};

/// What a packed database begins with.
const MAGIC: [u8; 8] = *b"KILNPAK1";

/// Packs a database.
///
/// # Errors
/// When it is damaged, or was not written by kiln, so that it would not be the same again.
pub fn pack_database(bytes: &[u8]) -> Result<Vec<u8>, DatabaseError> {
    let database = Database::open(bytes)?;
    let mut out = Out(MAGIC.to_vec());
    let meta = database.part(0)?;
    out.number(meta.len() as u64);
    out.0.extend_from_slice(meta);
    for (which, part) in [(0, 2), (1, 4)] {
        let mut places = database.places(which)?;
        // Aliases lead to the same record.
        places.sort_unstable();
        places.dedup();
        out.number(places.len() as u64);
        for (offset, length) in places {
            let record = database.record(part, offset, length)?;
            out.number(record.len() as u64);
            out.0.extend_from_slice(&record);
        }
    }
    if unpack_database(&out.0, (bytes.len() as u64).saturating_mul(2))? != bytes {
        return Err(damaged("it was not written by this kiln"));
    }
    Ok(out.0)
}

/// The database that was packed.
///
/// # Errors
/// When it is none, or would be longer than `limit`.
pub fn unpack_database(packed: &[u8], limit: u64) -> Result<Vec<u8>, DatabaseError> {
    let mut input = In(packed
        .strip_prefix(&MAGIC[..])
        .ok_or(DatabaseError::Format)?);
    let meta = input.slice()?;
    // A short alias makes a long entry: what comes of it is counted as it comes.
    let too_long = || damaged("it is longer than a database may be");
    let mut entries = 0_u64;
    let mut add = |count: usize| {
        entries += count as u64;
        match entries.saturating_mul(ENTRY as u64) > limit {
            true => Err(too_long()),
            false => Ok(()),
        }
    };
    let mut packages = Vec::new();
    for _ in 0..input.count()? {
        let record = input.slice()?;
        let mut names = In(record);
        let key = package_key(names.text()?, names.text()?);
        add(1)?;
        packages.push((vec![hash(&key)], record));
    }
    let mut records = Vec::new();
    for _ in 0..input.count()? {
        let record = input.slice()?;
        let mut names = In(record);
        let mut keys = vec![hash(names.text()?.as_bytes())];
        let aliases = names.count()?;
        add(1 + aliases)?;
        for _ in 0..aliases {
            keys.push(hash(names.text()?.as_bytes()));
        }
        records.push((keys, record));
    }
    if !input.0.is_empty() {
        return Err(damaged("something follows its end"));
    }
    assemble(meta, &packages, &records, limit).ok_or_else(too_long)
}

fn damaged(reason: &str) -> DatabaseError {
    DatabaseError::Damaged(reason.to_owned())
}

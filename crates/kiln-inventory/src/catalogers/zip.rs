//! Zip files (APPNOTE.TXT 6.3), from memory, by their central directory.
//!
//! No zip64, no encryption, no several disks: archives of Java need none of them, and what has
//! them is reported.

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    method: u16,
    packed: u32,
    pub(crate) size: u32,
    offset: u32,
}

/// Files of one archive.
const MOST: usize = 200_000;
const END: &[u8] = b"PK\x05\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The files of an archive, in the order of its directory.
pub(crate) fn members(bytes: &[u8]) -> Result<Vec<Member>, String> {
    // The end record is the last thing but a comment of at most 64 KiB.
    let from = bytes.len().saturating_sub((64 << 10) + 22);
    let tail = bytes.get(from..).unwrap_or_default();
    let at = memchr::memmem::rfind(tail, END).ok_or("it is no zip file: it has no end record")?;
    let end = tail.get(at..).unwrap_or_default();
    let broken = || "the end record of the zip file is cut off".to_owned();
    let count = usize::from(u16_at(end, 10).ok_or_else(broken)?);
    let size = u32_at(end, 12).ok_or_else(broken)?;
    let start = u32_at(end, 16).ok_or_else(broken)?;
    if count == 0xffff || size == u32::MAX || start == u32::MAX {
        return Err("zip64 is not supported".to_owned());
    }
    // A launcher script may stand before the archive: offsets count from where that ends.
    let shift = (from + at)
        .checked_sub(usize::try_from(size).unwrap_or(usize::MAX))
        .and_then(|begin| begin.checked_sub(usize::try_from(start).unwrap_or(usize::MAX)))
        .ok_or("the central directory of the zip file lies outside of it")?;
    let mut at = shift + usize::try_from(start).unwrap_or(usize::MAX);
    let mut members = Vec::new();
    for _ in 0..count.min(MOST) {
        let entry = bytes.get(at..).unwrap_or_default();
        let member =
            member(entry, shift).ok_or("the central directory of the zip file is broken")?;
        at += member.1;
        members.push(member.0);
    }
    Ok(members)
}

fn member(entry: &[u8], shift: usize) -> Option<(Member, usize)> {
    if !entry.starts_with(CENTRAL) {
        return None;
    }
    let length = |at: usize| u16_at(entry, at).map(usize::from);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let is_encrypted = u16_at(entry, 8)? & 1 != 0;
    let member = Member {
        name: String::from_utf8_lossy(entry.get(46..46 + name)?).into_owned(),
        // 99 is the method of encrypted entries.
        method: if is_encrypted { 99 } else { u16_at(entry, 10)? },
        packed: u32_at(entry, 20)?,
        size: u32_at(entry, 24)?,
        offset: u32_at(entry, 42)?.checked_add(u32::try_from(shift).ok()?)?,
    };
    Some((member, 46 + name + extra + comment))
}

/// The content of a file, of at most so many bytes.
pub(crate) fn content(bytes: &[u8], member: &Member, most: u64) -> Result<Vec<u8>, String> {
    if u64::from(member.size) > most {
        return Err(format!("{}: it has more than {most} bytes", member.name));
    }
    let broken = || format!("{}: its local header is broken", member.name);
    let start = usize::try_from(member.offset).unwrap_or(usize::MAX);
    let local = bytes
        .get(start..)
        .filter(|local| local.starts_with(LOCAL))
        .ok_or_else(broken)?;
    let name = u16_at(local, 26).ok_or_else(broken)?;
    let extra = u16_at(local, 28).ok_or_else(broken)?;
    let packed = usize::try_from(member.packed).unwrap_or(usize::MAX);
    let data = local
        .get(30 + usize::from(name) + usize::from(extra)..)
        .and_then(|data| data.get(..packed))
        .ok_or_else(broken)?;
    match member.method {
        0 => Ok(data.to_vec()),
        8 => kiln_archive::inflate::raw(data, u64::from(member.size))
            .map_err(|error| format!("{}: {error}", member.name)),
        99 => Err(format!("{}: it is encrypted", member.name)),
        other => Err(format!(
            "{}: compression method {other} is not supported",
            member.name
        )),
    }
}

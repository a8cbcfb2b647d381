//! `Packages.db` (rpm, `lib/backend/ndb/rpmpkg.c`): pages of slots, each of which says at which block
//! of 16 bytes a package's header begins. All numbers are little-endian.

use super::Box;
use super::bytes::{little32, size, slice};

const PAGE: usize = 4096;
const SLOT: usize = 16;

pub(super) fn read(bytes: &[u8], packages: &mut Box) -> Result<(), String> {
    if bytes.get(..4) != Some(b"RpmP") || little32(bytes, 4) != Some(0) {
        return Err("it is no database of rpm's own form, or of a newer version".to_owned());
    }
    let pages = little32(bytes, 12).map_or(0, size);
    let slots = pages
        .checked_mul(PAGE)
        .and_then(|length| bytes.get(..length))
        .filter(|slots| !slots.is_empty())
        .ok_or("it ends within its slots")?;
    // The header takes the place of two slots.
    for slot in slots.chunks_exact(SLOT).skip(2) {
        if slot.get(..4) != Some(b"Slot") {
            return Err("a slot of it is broken".to_owned());
        }
        let package = little32(slot, 4);
        let at = little32(slot, 8).map_or(0, size);
        if package == Some(0) || at == 0 {
            continue;
        }
        let blob = at.checked_mul(16).and_then(|at| blob(bytes, at, package));
        match blob {
            Some(blob) => {
                if !packages.header(blob) {
                    break;
                }
            }
            None => packages.miss("a package of it is cut off or broken".to_owned()),
        }
    }
    Ok(())
}

/// A header with sixteen bytes in front: mark, package, generation, length.
fn blob(bytes: &[u8], at: usize, package: Option<u32>) -> Option<&[u8]> {
    if slice(bytes, at, 4)? != b"BlbS" || little32(bytes, at + 4) != package {
        return None;
    }
    let length = little32(bytes, at + 12)?;
    slice(bytes, at + 16, size(length))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A database of these headers, laid out as `rpmpkg.c` does.
    pub(in super::super) fn database(headers: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = b"RpmP".to_vec();
        bytes.extend(
            [0_u32, 7, 1, u32::try_from(headers.len() + 1).unwrap()]
                .map(u32::to_le_bytes)
                .concat(),
        );
        bytes.resize(2 * SLOT, 0);
        let mut blocks = Vec::new();
        for (number, header) in (1_u32..).zip(headers) {
            let at = u32::try_from((PAGE + blocks.len()) / 16).unwrap();
            let length = u32::try_from(header.len()).unwrap();
            let begin = blocks.len();
            blocks.extend(b"BlbS");
            blocks.extend([number, 7, length].map(u32::to_le_bytes).concat());
            blocks.extend(header);
            // The tail: a checksum over the rest, the length, the mark.
            let padded = (blocks.len() - begin + 12).next_multiple_of(16);
            blocks.resize(begin + padded - 12, 0);
            blocks.extend([0, length].map(u32::to_le_bytes).concat());
            blocks.extend(b"BlbE");
            let count = u32::try_from(padded / 16).unwrap();
            bytes.extend(b"Slot");
            bytes.extend([number, at, count].map(u32::to_le_bytes).concat());
        }
        while bytes.len() < PAGE {
            bytes.extend(b"Slot");
            bytes.extend([0; 12]);
        }
        bytes.extend(blocks);
        bytes
    }
}

//! The streaming reader.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::number::{parse, parse_unsigned};
use super::pax::Extensions;
use super::{BLOCK, Entry, Kind};
use crate::input::{BUFFER, read_full};
use crate::{ArchiveError, Limits};

/// The largest size that the octal field of a header can say: 8 GiB - 1.
const LARGEST_PLAIN: u64 = 0o777_7777_7777;

/// Reads an archive entry by entry, in one pass, without seeking.
///
/// [`next`](Self::next) gives the next entry; reading from the reader itself then gives that entry's
/// content, and what is left of it is skipped by the following `next`. The end is an end only
/// when nothing but zeros follows it: whatever hides behind the end blocks is an error, and the input
/// is always read to its end, so that the checksum of a compressed one has been verified. An archive
/// without end blocks is accepted when it ends on an entry's boundary.
///
/// Where readers in the wild disagree on what the bytes mean, this one refuses: two sizes that
/// differ, content behind a link or a directory, an extended header that is not directly followed by its entry, two of the
/// same kind for one entry.
pub struct Reader<R> {
    input: R,
    limits: Limits,
    /// Offset of the next byte of `input`.
    offset: u64,
    /// Content of the current entry that is not read yet, and the padding behind it.
    remaining: u64,
    padding: u64,
    /// The current entry, for errors while its content is read.
    current: Vec<u8>,
    entries: u64,
    unpacked: u64,
    global: Extensions,
    global_size: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

/// Extended headers that wait for their entry.
#[derive(Default)]
struct Pending {
    pax: Option<Extensions>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    size: u64,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.long_path.is_none() && self.long_link.is_none()
    }
}

impl<R: Read> Reader<R> {
    /// A reader at the begin of an archive.
    pub fn new(input: R, limits: &Limits) -> Self {
        Self {
            input,
            limits: *limits,
            offset: 0,
            remaining: 0,
            padding: 0,
            current: Vec::new(),
            entries: 0,
            unpacked: 0,
            global: Extensions::default(),
            global_size: 0,
            state: State::Reading,
        }
    }

    /// The next entry, or `None` at the end of the archive.
    ///
    /// # Errors
    /// When the archive is malformed or truncated, when it passes a limit, when it holds a sparse
    /// file, and when reading fails. After an error there is nothing more to read.
    #[expect(
        clippy::should_implement_trait,
        reason = "the content is read from the reader, which an iterator forbids"
    )]
    pub fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        match self.state {
            State::Ended => return Ok(None),
            State::Failed => {
                return Err(ArchiveError::malformed(
                    "the archive was broken before this entry",
                ));
            }
            State::Reading => {}
        }
        let result = self.advance();
        match &result {
            Ok(Some(_)) => {}
            Ok(None) => self.state = State::Ended,
            Err(_) => self.state = State::Failed,
        }
        result
    }

    /// A reader of the current entry's content.
    pub fn content(&mut self) -> &mut dyn Read {
        self
    }

    /// The same, without a copy of what the input holds in memory.
    pub fn buffered(&mut self) -> &mut dyn BufRead
    where
        R: BufRead,
    {
        self
    }

    /// Content of the current entry that is not read yet.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Bytes of the archive before the next one: where the content of the entry begins that
    /// [`next`](Self::next) has just given.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The reader below, wherever it stands.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn advance(&mut self) -> Result<Option<Entry>, ArchiveError> {
        self.skip_content()?;
        self.current.clear();
        let mut pending = Pending::default();
        loop {
            let start = self.offset;
            let Some(block) = self.header_block()? else {
                if !pending.is_empty() {
                    return Err(ArchiveError::malformed(
                        "the archive ends after an extended header",
                    )
                    .at(start));
                }
                return Ok(None);
            };
            self.entries += 1;
            if self.entries > self.limits.max_entries {
                return Err(ArchiveError::limit(format!(
                    "the archive has more than {} entries",
                    self.limits.max_entries
                ))
                .at(start));
            }
            let raw = RawHeader(&block);
            raw.verify_checksum().map_err(|error| error.at(start))?;
            raw.verify_prefix()
                .map_err(|error| error.in_entry(raw.name()).at(start))?;
            match raw.type_flag() {
                flag @ (b'x' | b'g' | b'L' | b'K') => {
                    self.extension(flag, &raw, &mut pending)
                        .map_err(|error| error.at(start))?;
                }
                b'S' => {
                    return Err(ArchiveError::unsupported("sparse files are not supported")
                        .in_entry(raw.name())
                        .at(start));
                }
                _ => {
                    let extensions = pending.pax.take().unwrap_or_default().over(&self.global);
                    let entry = self
                        .entry(&raw, pending, extensions)
                        .map_err(|error| error.in_entry(&raw.path()).at(start))?;
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Takes in one extended header.
    fn extension(
        &mut self,
        flag: u8,
        raw: &RawHeader<'_>,
        pending: &mut Pending,
    ) -> Result<(), ArchiveError> {
        let size = raw.size()?;
        let total = match flag {
            b'g' => self.global_size.saturating_add(size),
            _ => pending.size.saturating_add(size),
        };
        if total > self.limits.max_extended {
            return Err(ArchiveError::limit(format!(
                "the extended headers take {total} bytes, more than {}",
                self.limits.max_extended
            )));
        }
        let twice = match flag {
            b'x' | b'g' => !pending.is_empty(),
            b'L' => pending.long_path.is_some() || pending.pax.is_some(),
            _ => pending.long_link.is_some() || pending.pax.is_some(),
        };
        if twice {
            return Err(ArchiveError::malformed(
                "an extended header is not followed by its entry",
            ));
        }
        let bytes = self.extension_bytes(size)?;
        match flag {
            b'g' => {
                self.global_size = total;
                self.global.add(&bytes)?;
                // Some readers apply these to every entry that follows, some to none.
                if self.global.path.is_some() || self.global.link.is_some() {
                    return Err(ArchiveError::malformed(
                        "a global extended header names a path: two readers would unpack it to \
                         different places",
                    ));
                }
            }
            b'x' => {
                let mut extensions = Extensions::default();
                extensions.add(&bytes)?;
                pending.pax = Some(extensions);
            }
            b'L' => pending.long_path = Some(long_name(bytes)?),
            _ => pending.long_link = Some(long_name(bytes)?),
        }
        if flag != b'g' {
            pending.size = total;
        }
        Ok(())
    }

    fn extension_bytes(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        // `size` has been checked against a limit, and grows only with what is really read.
        let mut bytes = Vec::new();
        let padded = size + padding_of(size);
        let taken = (&mut self.input).take(padded).read_to_end(&mut bytes)? as u64;
        self.offset = self.offset.saturating_add(taken);
        if taken < padded {
            return Err(ArchiveError::truncated("an extended header"));
        }
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(bytes)
    }

    /// Makes the entry, and gets ready to read its content.
    fn entry(
        &mut self,
        raw: &RawHeader<'_>,
        pending: Pending,
        extensions: Extensions,
    ) -> Result<Entry, ArchiveError> {
        let path = pending
            .long_path
            .or(extensions.path)
            .unwrap_or_else(|| raw.path());
        let target = pending
            .long_link
            .or(extensions.link)
            .unwrap_or_else(|| raw.link().to_vec());
        if path.is_empty() {
            return Err(ArchiveError::malformed("the path is empty"));
        }
        for (name, what) in [(&path, "path"), (&target, "link target")] {
            if name.len() > self.limits.max_path {
                return Err(ArchiveError::limit(format!(
                    "the {what} has {} bytes, more than {}",
                    name.len(),
                    self.limits.max_path
                )));
            }
        }
        let kind = match raw.type_flag() {
            // Before POSIX, a slash at the end made a directory.
            b'0' | 0 | b'7' if path.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' => Kind::File,
            b'1' => Kind::Hardlink,
            b'2' => Kind::Symlink,
            b'3' => Kind::CharDevice,
            b'4' => Kind::BlockDevice,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => Kind::Other(other),
        };
        let is_link = matches!(kind, Kind::Hardlink | Kind::Symlink);
        if is_link && target.is_empty() {
            return Err(ArchiveError::malformed("the link has no target"));
        }
        let size = match (extensions.size, raw.size()?) {
            (None, plain) => plain,
            // Where the plain field could have said it, a reader that believes the field and one that
            // believes the record would see different entries from here on.
            (Some(size), plain) if size <= LARGEST_PLAIN && size != plain => {
                return Err(ArchiveError::malformed(format!(
                    "its two sizes contradict each other: {plain} in the header, {size} in a PAX record"
                )));
            }
            (Some(size), _) => size,
        };
        if size > 0 && !matches!(kind, Kind::File | Kind::Other(_)) {
            return Err(ArchiveError::malformed(format!(
                "it is no regular file but claims {size} bytes of content"
            )));
        }
        let unpacked = self.unpacked.saturating_add(size);
        if unpacked > self.limits.max_unpacked {
            return Err(ArchiveError::limit(format!(
                "with this entry of {size} bytes the archive unpacks to more than {} bytes",
                self.limits.max_unpacked
            )));
        }
        let is_device = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
        let (device_major, device_minor) = if is_device { raw.device()? } else { (0, 0) };
        let entry = Entry {
            link: if is_link { target } else { Vec::new() },
            kind,
            mode: raw.mode()?,
            uid: identity(extensions.uid, raw.uid(), "uid")?,
            gid: identity(extensions.gid, raw.gid(), "gid")?,
            mtime: match extensions.mtime {
                Some(mtime) => mtime,
                None => raw.mtime()?,
            },
            size,
            device_major,
            device_minor,
            xattrs: extensions.xattrs,
            path,
        };
        self.unpacked = unpacked;
        self.remaining = size;
        self.padding = padding_of(size);
        self.current.clone_from(&entry.path);
        Ok(entry)
    }

    /// The next header, or `None` at the end of the archive.
    fn header_block(&mut self) -> Result<Option<[u8; BLOCK]>, ArchiveError> {
        let start = self.offset;
        let mut block = [0; BLOCK];
        let taken = read_full(&mut self.input, &mut block)?;
        self.offset = self.offset.saturating_add(taken as u64);
        match taken {
            0 => Ok(None),
            BLOCK if block.iter().all(|byte| *byte == 0) => {
                self.expect_only_zeros()?;
                Ok(None)
            }
            BLOCK => Ok(Some(block)),
            _ => Err(ArchiveError::truncated("a header").at(start)),
        }
    }

    /// Reads to the end of the input, which must be zeros: end block and filling of the last record.
    fn expect_only_zeros(&mut self) -> Result<(), ArchiveError> {
        let mut buffer = vec![0; BUFFER];
        let mut filling = 0_u64;
        loop {
            let taken = read_full(&mut self.input, &mut buffer)?;
            if taken == 0 {
                return Ok(());
            }
            let filled = buffer.get(..taken).unwrap_or_default();
            if let Some(at) = filled.iter().position(|byte| *byte != 0) {
                return Err(
                    ArchiveError::malformed("there is data behind the end of the archive")
                        .at(self.offset.saturating_add(at as u64)),
                );
            }
            self.offset = self.offset.saturating_add(taken as u64);
            filling = filling.saturating_add(taken as u64);
            if filling > self.limits.max_filling {
                return Err(ArchiveError::limit(format!(
                    "more than {} bytes of zeros follow the end of the archive",
                    self.limits.max_filling
                )));
            }
        }
    }

    fn skip_content(&mut self) -> Result<(), ArchiveError> {
        let left = self.remaining.saturating_add(self.padding);
        if left == 0 {
            return Ok(());
        }
        let skipped = io::copy(&mut (&mut self.input).take(left), &mut io::sink())?;
        self.offset = self.offset.saturating_add(skipped);
        (self.remaining, self.padding) = (0, 0);
        if skipped < left {
            return Err(ArchiveError::truncated("the content of an entry")
                .in_entry(&self.current)
                .at(self.offset));
        }
        Ok(())
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Goes past the current entry's content without reading it, in an input of so many bytes.
    ///
    /// # Errors
    /// When the input ends before the content does.
    pub fn seek_past(&mut self, length: u64) -> Result<(), ArchiveError> {
        let left = self.remaining.saturating_add(self.padding);
        let next = self.offset.saturating_add(left);
        if next > length {
            self.state = State::Failed;
            return Err(ArchiveError::truncated("the content of an entry")
                .in_entry(&self.current)
                .at(length));
        }
        self.input.seek(SeekFrom::Start(next))?;
        self.offset = next;
        (self.remaining, self.padding) = (0, 0);
        Ok(())
    }
}

/// The content of the current entry.
impl<R: Read> Reader<R> {
    /// So many bytes of the content were read.
    fn took(&mut self, count: usize) {
        self.offset = self.offset.saturating_add(count as u64);
        self.remaining = self.remaining.saturating_sub(count as u64);
    }

    /// Reading the content failed: nothing more can be read. An interruption is none.
    fn fail(&mut self, error: ArchiveError) -> io::Error {
        self.state = State::Failed;
        self.remaining = 0;
        error.in_entry(&self.current).at(self.offset).into()
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.remaining)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        match self.input.read(buffer) {
            Ok(0) => Err(self.fail(ArchiveError::truncated("the content of an entry"))),
            Ok(taken) => {
                self.took(taken);
                Ok(taken)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(error.into())),
        }
    }
}

impl<R: BufRead> BufRead for Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.remaining == 0 {
            return Ok(&[]);
        }
        // Looked at twice, since what is borrowed cannot be let go of in between.
        let error = match self.input.fill_buf() {
            Ok([]) => ArchiveError::truncated("the content of an entry"),
            Ok(_) => {
                let most = usize::try_from(self.remaining).unwrap_or(usize::MAX);
                let known = self.input.fill_buf()?;
                return Ok(known.get(..most.min(known.len())).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => ArchiveError::from(error),
        };
        Err(self.fail(error))
    }

    fn consume(&mut self, count: usize) {
        let most = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        let count = count.min(most);
        self.input.consume(count);
        self.took(count);
    }
}

/// The zeros that fill the last block of a content.
fn padding_of(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// A GNU long name: NUL at the end, none inside.
fn long_name(mut bytes: Vec<u8>) -> Result<Vec<u8>, ArchiveError> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    if bytes.contains(&0) {
        return Err(ArchiveError::malformed("a long name holds a NUL"));
    }
    Ok(bytes)
}

fn identity(
    extended: Option<u64>,
    plain: Result<u64, ArchiveError>,
    what: &str,
) -> Result<u32, ArchiveError> {
    let value = match extended {
        Some(value) => value,
        None => plain?,
    };
    u32::try_from(value)
        .map_err(|_| ArchiveError::malformed(format!("the {what} {value} is out of range")))
}

/// A header block and where its fields lie (POSIX.1-2017, `pax`, "ustar Interchange Format").
struct RawHeader<'a>(&'a [u8; BLOCK]);

impl RawHeader<'_> {
    fn field(&self, start: usize, length: usize) -> &[u8] {
        self.0.get(start..start + length).unwrap_or_default()
    }

    fn text(&self, start: usize, length: usize) -> &[u8] {
        let field = self.field(start, length);
        let end = field
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(field.len());
        field.get(..end).unwrap_or_default()
    }

    fn name(&self) -> &[u8] {
        self.text(0, 100)
    }

    fn mode(&self) -> Result<u32, ArchiveError> {
        let mode = parse_unsigned(self.field(100, 8), "mode")? & 0o7777;
        Ok(u32::try_from(mode).unwrap_or(0o7777))
    }

    fn uid(&self) -> Result<u64, ArchiveError> {
        parse_unsigned(self.field(108, 8), "uid")
    }

    fn gid(&self) -> Result<u64, ArchiveError> {
        parse_unsigned(self.field(116, 8), "gid")
    }

    fn size(&self) -> Result<u64, ArchiveError> {
        parse_unsigned(self.field(124, 12), "size")
    }

    fn mtime(&self) -> Result<i64, ArchiveError> {
        parse(self.field(136, 12), "mtime")
    }

    fn type_flag(&self) -> u8 {
        self.0[156]
    }

    fn link(&self) -> &[u8] {
        self.text(157, 100)
    }

    fn device(&self) -> Result<(u32, u32), ArchiveError> {
        let number = |start, what| {
            let value = parse_unsigned(self.field(start, 8), what)?;
            u32::try_from(value)
                .map_err(|_| ArchiveError::malformed(format!("the {what} is out of range")))
        };
        Ok((number(329, "device major")?, number(337, "device minor")?))
    }

    /// Where ustar has the prefix, GNU tar keeps times: numbers. Text there is a prefix to some readers
    /// and nothing to others.
    fn verify_prefix(&self) -> Result<(), ArchiveError> {
        let is_gnu = self.field(257, 8) == b"ustar  \0";
        let times = self.field(345, 24);
        let is_number = |byte: &u8| matches!(byte, b'0'..=b'7' | b' ' | 0);
        let is_binary = times.first().is_some_and(|byte| byte & 0x80 != 0);
        if is_gnu && !is_binary && !times.iter().all(is_number) {
            return Err(ArchiveError::malformed(
                "a header of GNU's form has text where it keeps times: two readers would unpack it to \
                 different places",
            ));
        }
        Ok(())
    }

    /// Prefix and name. GNU tar keeps other things where ustar has the prefix.
    fn path(&self) -> Vec<u8> {
        let is_ustar = self.field(257, 6) == b"ustar\0";
        match self.text(345, 155) {
            prefix if is_ustar && !prefix.is_empty() => [prefix, b"/", self.name()].concat(),
            _ => self.name().to_vec(),
        }
    }

    /// The sum of all bytes, with spaces for the sum itself. Some old implementations summed signed
    /// bytes, and everybody accepts either.
    fn verify_checksum(&self) -> Result<(), ArchiveError> {
        let claimed = parse(self.field(148, 8), "checksum")?;
        let (mut unsigned, mut signed) = (0_i64, 0_i64);
        for (index, byte) in self.0.iter().enumerate() {
            let byte = if (148..156).contains(&index) {
                b' '
            } else {
                *byte
            };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        if claimed == unsigned || claimed == signed {
            return Ok(());
        }
        Err(ArchiveError::malformed(
            "this is no tar header: its checksum is wrong",
        ))
    }
}

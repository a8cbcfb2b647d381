//! The reader of Unix `ar` archives, as far as `deb(5)` uses them: short names only.

use std::io::{self, Read};

use crate::input::read_full;
use crate::{ArchiveError, Limits};

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name: printable ASCII without a slash, not empty.
    pub name: String,
    /// Bytes of content.
    pub size: u64,
    /// Its mode, with the file type.
    pub mode: u32,
}

/// Reads an archive member by member, in one pass, without seeking.
///
/// [`next`](Self::next) gives the next member; reading from the reader itself then gives its content,
/// and what is left of it is skipped by the following `next`.
pub struct Reader<R> {
    input: R,
    limits: Limits,
    offset: u64,
    remaining: u64,
    padded: bool,
    current: String,
    members: u64,
    unpacked: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    Reading,
    Ended,
    Failed,
}

impl<R: Read> Reader<R> {
    /// A reader at the begin of an archive.
    pub fn new(input: R, limits: &Limits) -> Self {
        Self {
            input,
            limits: *limits,
            offset: 0,
            remaining: 0,
            padded: false,
            current: String::new(),
            members: 0,
            unpacked: 0,
            state: State::Begin,
        }
    }

    /// The next member, or `None` at the end of the archive.
    ///
    /// # Errors
    /// When the archive is malformed or truncated, when it passes a limit, when a member has a long
    /// name (GNU or BSD), and when reading fails. After an error there is nothing more to read.
    #[expect(
        clippy::should_implement_trait,
        reason = "the content is read from the reader, which an iterator forbids"
    )]
    pub fn next(&mut self) -> Result<Option<Member>, ArchiveError> {
        match self.state {
            State::Ended => return Ok(None),
            State::Failed => {
                return Err(ArchiveError::malformed(
                    "the archive was broken before this member",
                ));
            }
            State::Begin | State::Reading => {}
        }
        let start = self.offset;
        let result = self.advance().map_err(|error| error.at(start));
        self.state = match &result {
            Ok(Some(_)) => State::Reading,
            Ok(None) => State::Ended,
            Err(_) => State::Failed,
        };
        result
    }

    /// Content of the current member that is not read yet.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    fn advance(&mut self) -> Result<Option<Member>, ArchiveError> {
        if self.state == State::Begin {
            let mut magic = [0; MAGIC.len()];
            self.read_full(&mut magic)?;
            if &magic != MAGIC {
                return Err(ArchiveError::malformed(
                    "this is no ar archive: it does not begin with `!<arch>`",
                ));
            }
        }
        self.skip_content()?;
        let start = self.offset;
        let mut header = [0; HEADER];
        match self.read_full(&mut header)? {
            0 => return Ok(None),
            HEADER => {}
            _ => return Err(ArchiveError::truncated("a header").at(start)),
        }
        self.members += 1;
        if self.members > self.limits.max_entries {
            return Err(ArchiveError::limit(format!(
                "the archive has more than {} members",
                self.limits.max_entries
            )));
        }
        let member = parse(&header).map_err(|error| error.at(start))?;
        self.unpacked = self.unpacked.saturating_add(member.size);
        if self.unpacked > self.limits.max_unpacked {
            return Err(ArchiveError::limit(format!(
                "with this member of {} bytes the archive holds more than {} bytes",
                member.size, self.limits.max_unpacked
            ))
            .in_entry(member.name.as_bytes())
            .at(start));
        }
        self.remaining = member.size;
        self.padded = member.size % 2 == 1;
        self.current.clone_from(&member.name);
        Ok(Some(member))
    }

    fn read_full(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let taken = read_full(&mut self.input, buffer)?;
        self.offset = self.offset.saturating_add(taken as u64);
        Ok(taken)
    }

    fn skip_content(&mut self) -> Result<(), ArchiveError> {
        let left = std::mem::take(&mut self.remaining);
        let skipped = io::copy(&mut (&mut self.input).take(left), &mut io::sink())?;
        self.offset = self.offset.saturating_add(skipped);
        if skipped < left {
            return Err(ArchiveError::truncated("the content of a member")
                .in_entry(self.current.as_bytes()));
        }
        if std::mem::take(&mut self.padded) {
            // Members begin on even offsets; the filling may be missing behind the last one.
            let mut filling = [b'\n'];
            self.read_full(&mut filling)?;
            if !matches!(filling, [b'\n' | 0]) {
                return Err(ArchiveError::malformed(
                    "a member of odd size is not followed by its filling",
                )
                .in_entry(self.current.as_bytes()));
            }
        }
        Ok(())
    }
}

/// The content of the current member.
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.remaining)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let error = match self.input.read(buffer) {
            Ok(0) => ArchiveError::truncated("the content of a member"),
            Ok(taken) => {
                self.offset = self.offset.saturating_add(taken as u64);
                self.remaining = self.remaining.saturating_sub(taken as u64);
                return Ok(taken);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => ArchiveError::from(error),
        };
        self.state = State::Failed;
        self.remaining = 0;
        Err(error
            .in_entry(self.current.as_bytes())
            .at(self.offset)
            .into())
    }
}

/// Name 16, time 12, uid 6, gid 6, mode 8 (octal), size 10, and two bytes that end a header.
fn parse(header: &[u8; HEADER]) -> Result<Member, ArchiveError> {
    let field = |start: usize, length: usize| {
        let field = header.get(start..start + length).unwrap_or_default();
        let end = field
            .iter()
            .rposition(|byte| *byte != b' ')
            .map_or(0, |last| last + 1);
        field.get(..end).unwrap_or_default()
    };
    if header.get(58..) != Some(b"`\n") {
        return Err(ArchiveError::malformed(
            "a member's header does not end as it must",
        ));
    }
    let name = field(0, 16);
    if name.starts_with(b"/") || name.starts_with(b"#1/") {
        return Err(ArchiveError::unsupported(
            "long names and symbol tables in ar archives are not supported",
        )
        .in_entry(name));
    }
    // System V and GNU end a name with a slash.
    let name = name.strip_suffix(b"/").unwrap_or(name);
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'/' || *byte == b' ';
    let text = std::str::from_utf8(name)
        .ok()
        .filter(|_| !name.is_empty() && name.iter().all(is_plain));
    let Some(text) = text else {
        return Err(
            ArchiveError::malformed("the name of a member is empty or not plain").in_entry(name),
        );
    };
    let number = |digits: &[u8], radix: u32, what: &str| {
        std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| u64::from_str_radix(digits, radix).ok())
            .ok_or_else(|| {
                ArchiveError::malformed(format!(
                    "the {what} `{}` is not a number",
                    digits.escape_ascii()
                ))
                .in_entry(name)
            })
    };
    let mode = match field(40, 8) {
        b"" => 0,
        digits => number(digits, 8, "mode")?,
    };
    Ok(Member {
        name: text.to_owned(),
        size: number(field(48, 10), 10, "size")?,
        mode: u32::try_from(mode).unwrap_or(0),
    })
}

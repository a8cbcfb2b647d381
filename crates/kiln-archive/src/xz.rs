//! The xz reader (The .xz File Format 1.2.1), on liblzma.

use std::io::{self, BufRead, Read};

use liblzma::stream::{Action, CONCATENATED, Error, Status, Stream, TELL_UNSUPPORTED_CHECK};

use crate::input::Input;
use crate::{ArchiveError, Limits};

/// Reads one or more xz streams, with the stream padding that may stand between them, to the end of
/// the input. A check that liblzma cannot verify is an error.
pub(crate) struct XzReader<R> {
    input: Input<R>,
    stream: Stream,
    memory: u64,
    ended: bool,
}

impl<R: Read> XzReader<R> {
    pub(crate) fn new(input: R, limits: &Limits) -> Result<Self, ArchiveError> {
        // A limit of zero would mean 1, and is as good.
        let memory = limits.xz_memory.max(1);
        let stream = Stream::new_stream_decoder(memory, CONCATENATED | TELL_UNSUPPORTED_CHECK)
            .map_err(|error| explain(error, None, memory))?;
        Ok(Self {
            input: Input::new(input),
            stream,
            memory,
            ended: false,
        })
    }

    fn step(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, ArchiveError> {
        let bytes = self.input.fill_buf()?;
        let at_end = bytes.is_empty();
        let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
        let action = if at_end { Action::Finish } else { Action::Run };
        let result = self.stream.process(bytes, buffer, action);
        let consumed = self.stream.total_in().saturating_sub(before_in);
        let produced = self.stream.total_out().saturating_sub(before_out);
        self.input
            .consume(usize::try_from(consumed).unwrap_or(usize::MAX));
        let produced = usize::try_from(produced).unwrap_or(usize::MAX);
        match result {
            Err(error) => {
                let needed = if error == Error::MemLimit {
                    needed_memory(&mut self.stream, self.memory)
                } else {
                    None
                };
                Err(explain(error, needed, self.memory))
            }
            Ok(Status::StreamEnd) => {
                self.ended = true;
                Ok(Some(produced))
            }
            Ok(_) if produced > 0 => Ok(Some(produced)),
            Ok(Status::MemNeeded) if at_end => Err(ArchiveError::truncated("an xz stream")),
            Ok(_) => Ok(None),
        }
    }
}

impl<R: Read> Read for XzReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(count) = self.step(buffer)? {
                return Ok(count);
            }
        }
    }
}

/// How much memory a decoder wants that has just run into its limit. liblzma takes a new limit
/// exactly when it is at least that, and the binding has no other way to ask.
fn needed_memory(stream: &mut Stream, limit: u64) -> Option<u64> {
    let (mut too_little, mut enough) = (limit, 1_u64 << 40);
    stream.set_memlimit(enough).ok()?;
    while enough - too_little > 1 {
        let middle = too_little + (enough - too_little) / 2;
        match stream.set_memlimit(middle) {
            Ok(()) => enough = middle,
            Err(_) => too_little = middle,
        }
    }
    Some(enough)
}

fn explain(error: Error, needed: Option<u64>, limit: u64) -> ArchiveError {
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    match error {
        Error::MemLimit => ArchiveError::limit(match needed {
            Some(needed) => format!(
                "the xz stream needs {} MiB of memory to decode, more than {} MiB",
                mebibytes(needed),
                mebibytes(limit)
            ),
            None => format!(
                "the xz stream needs more than {} MiB of memory to decode",
                mebibytes(limit)
            ),
        }),
        Error::Format => ArchiveError::malformed("this is no xz stream, or garbage follows it"),
        Error::Options => ArchiveError::unsupported(
            "the xz stream uses filters or options that are not supported",
        ),
        Error::UnsupportedCheck => ArchiveError::unsupported(
            "the xz stream has an integrity check that cannot be verified",
        ),
        Error::Mem => ArchiveError::limit("there is not enough memory to decode the xz stream"),
        Error::Data => ArchiveError::malformed("the xz stream is broken"),
        Error::Program | Error::NoCheck => {
            ArchiveError::malformed(format!("the xz stream cannot be decoded ({error:?})"))
        }
    }
}

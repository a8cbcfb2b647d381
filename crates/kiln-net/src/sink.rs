//! Where downloaded bytes go.

use std::io;

/// Takes the bytes of one download, and may hold the beginning of it from an earlier run.
pub trait DownloadSink: Send {
    /// How many bytes are there already. Called before every attempt.
    ///
    /// # Errors
    /// When the place cannot be opened or read; the download ends.
    fn resume_at(&mut self) -> io::Result<u64>;

    /// Throws away what is there.
    ///
    /// # Errors
    /// When that fails; the download ends.
    fn restart(&mut self) -> io::Result<()>;

    /// Appends bytes.
    ///
    /// # Errors
    /// When they cannot be written; the download ends.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// All bytes are there: the place to verify them and to keep them. After a
    /// [`Rejection::Content`] the sink is restarted and another mirror asked.
    ///
    /// # Errors
    /// When the content is wrong, or when keeping it fails.
    fn complete(&mut self) -> Result<(), Rejection> {
        Ok(())
    }
}

/// Why a sink did not take what was downloaded.
#[derive(Debug)]
pub enum Rejection {
    /// The content is not what was asked for: why.
    Content(String),
    /// It could not be kept.
    Local(io::Error),
}

impl From<io::Error> for Rejection {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}

/// Keeps everything in memory; the caller of the transfer bounds the size.
#[derive(Debug, Default)]
pub(crate) struct MemorySink {
    pub(crate) bytes: Vec<u8>,
}

impl DownloadSink for MemorySink {
    fn resume_at(&mut self) -> io::Result<u64> {
        // Without a digest to check against, halves of two answers must not be joined.
        self.bytes.clear();
        Ok(0)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.bytes.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

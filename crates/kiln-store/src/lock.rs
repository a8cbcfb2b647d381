//! Locks between processes: `flock(2)` on empty files, so that they go with whoever held them.

use std::fs::File;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::layout::LOCKS;
use crate::{Store, StoreError};

/// The lock that every running build holds shared, and that [`Store::prune`] takes exclusively.
const IN_USE: &str = "store";
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Beside others that are shared.
    Shared,
    /// Alone.
    Exclusive,
}

/// How long to wait for a lock, and who hears of it.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// After so long, [`StoreError::Busy`].
    pub timeout: Duration,
    /// Called when waiting begins and then about ten times a second, with the time waited so far.
    pub waiting: &'a (dyn Fn(Duration) + Sync),
}

impl std::fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Wait<'static> {
    /// Do not wait.
    pub const NO: Self = Self::at_most(Duration::ZERO);

    /// Wait so long, silently.
    #[must_use]
    pub const fn at_most(timeout: Duration) -> Self {
        Self {
            timeout,
            waiting: &|_| {},
        }
    }
}

/// A lock, held until it is dropped or the process ends.
#[derive(Debug)]
#[must_use = "the lock is gone when this is dropped"]
pub struct LockGuard {
    file: File,
}

impl Drop for LockGuard {
    /// Closing would not do: a child that another thread has forked holds every file until it
    /// executes its program, and with the file its lock (flock(2)).
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Store {
    /// Takes the lock of this name. Blocks the thread while it waits.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when it took too long, [`StoreError::Name`] for a name other than
    /// lower-case letters, digits, `-` and `.`.
    pub fn lock(
        &self,
        name: &str,
        mode: LockMode,
        wait: &Wait<'_>,
    ) -> Result<LockGuard, StoreError> {
        let valid = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
        };
        if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.bytes().all(valid)
        {
            return Err(StoreError::Name {
                name: name.chars().take(80).collect(),
                reason: "a lock is named with lower-case letters, digits, `-` and `.`",
            });
        }
        let path = format!("{LOCKS}/{name}");
        let missing = || {
            self.fail(
                "open",
                &path,
                std::io::Error::from(std::io::ErrorKind::NotFound),
            )
        };
        let file = self
            .open_file(&path, OFlags::RDWR | OFlags::CREATE)?
            .ok_or_else(missing)?;
        let operation = match mode {
            LockMode::Shared => FlockOperation::NonBlockingLockShared,
            LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        let mut waited = Duration::ZERO;
        let mut pause = Duration::from_millis(1);
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(LockGuard { file }),
                Err(Errno::INTR) => continue,
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(self.fail("lock", &path, error)),
            }
            if waited >= wait.timeout {
                return Err(StoreError::Busy {
                    path: self.full_path(&path),
                    waited,
                });
            }
            (wait.waiting)(waited);
            let pausing = pause.min(wait.timeout.saturating_sub(waited));
            std::thread::sleep(pausing);
            waited = waited.saturating_add(pausing);
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Says that a build is at work: while this is held nothing is pruned. Every command that reads
    /// or writes blobs holds it.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another process prunes for longer than `wait`.
    pub fn hold(&self, wait: &Wait<'_>) -> Result<LockGuard, StoreError> {
        self.lock(IN_USE, LockMode::Shared, wait)
    }

    /// The opposite of [`Store::hold`]; `None` while anybody holds it.
    pub(crate) fn hold_alone(&self) -> Result<Option<LockGuard>, StoreError> {
        match self.lock(IN_USE, LockMode::Exclusive, &Wait::NO) {
            Ok(guard) => Ok(Some(guard)),
            Err(error) if error.is_busy() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether nobody holds this open file's lock; taken by this call, until the file is closed.
pub(crate) fn is_free(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A child of another thread shares every open file between its fork and its exec, as a
    /// duplicate does.
    #[test]
    fn a_dropped_lock_is_gone_while_a_child_has_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        let held = store.lock("index", LockMode::Exclusive, &Wait::NO).unwrap();
        let of_child = held.file.try_clone().unwrap();
        assert!(
            store
                .lock("index", LockMode::Shared, &Wait::NO)
                .is_err_and(|error| error.is_busy())
        );
        drop(held);
        drop(store.lock("index", LockMode::Shared, &Wait::NO).unwrap());
        drop(of_child);
    }
}

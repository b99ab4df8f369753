//! The lock on a private server's folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::PrivateError;

/// The lock, held for as long as this value lives. The kernel releases it however this process ends.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock of `folder`.
    pub(crate) fn take(folder: &Path) -> Result<Self, PrivateError> {
        let name = folder.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&name)
            .map_err(PrivateError::file(&name))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(PrivateError::InUse {
                path: folder.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(PrivateError::file(&name)(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread has just started has this file open, too,
        // until it executes another program.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

    use super::*;

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        assert!(matches!(
            Lock::take(folder.path()),
            Err(PrivateError::InUse { .. })
        ));
        drop(lock);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_process_that_was_just_forked_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        // The file that a new process inherits until it executes another program.
        let _inherited = lock.0.try_clone().unwrap();
        drop(lock);
        Lock::take(folder.path()).unwrap();
    }
}

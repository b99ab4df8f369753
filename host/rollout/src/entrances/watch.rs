//! Watches files, and reports their contents after each change: for `berth serve --watch`.
//!
//! The watcher polls the files every 200 ms, because polling works on every file system: on network mounts and with
//! Kubernetes' volumes, where a directory's link is re-pointed, the kernel sends no notifications, or those of another
//! file. The watcher follows links and compares the file's times, length, inode and device.
//!
//! A change counts once two polls in a row agree, so that no half-written file is swapped in. A file that was saved
//! with unchanged bytes is reported too, as not new, because other bytes may be live meanwhile. A file system whose
//! times are whole seconds can hide a second change within a second, if the length does not change.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, Read};
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The pause between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How much of a file is read, in bytes: a byte more than a component may have, which is enough to refuse the file for
/// its size.
const MAX_READ_BYTES: u64 = 64 * 1024 * 1024 + 1;

/// A change of a file.
#[derive(Debug)]
pub(crate) struct Change {
    /// The path, as it is watched.
    pub(crate) path: PathBuf,
    /// The file's first 64 MiB and a byte, or the error that prevented reading; most often the file has been deleted.
    pub(crate) content: io::Result<Vec<u8>>,
    /// Whether the bytes differ from the last that were reported.
    pub(crate) is_new: bool,
}

/// Watches files.
pub(crate) struct Watcher {
    files: Arc<Mutex<Files>>,
    looks: Interval,
}

impl Watcher {
    /// Watches `paths`. The present contents count as known and are not reported. Make the watcher before the host
    /// reads the files, so that no change is missed.
    pub(crate) async fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut looks = interval(POLL_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watcher = Self {
            files: Arc::default(),
            looks,
        };
        watcher.set_paths(paths).await;
        watcher
    }

    /// Watches only `paths`. Paths that were watched before keep their state; for new paths, see [`Watcher::new`].
    pub(crate) async fn set_paths(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        let paths: Vec<_> = paths.into_iter().collect();
        self.with_files(move |files| files.keep(paths)).await;
    }

    /// Waits for the next change. No change is lost if the future is dropped before it is done.
    pub(crate) async fn changed(&mut self) -> Change {
        loop {
            if let Some(change) = lock(&self.files).changes.pop_front() {
                return change;
            }
            self.looks.tick().await;
            self.with_files(|files| files.look(read)).await;
        }
    }

    /// Runs `work` on a thread that serves no requests, because files may be slow.
    async fn with_files(&self, work: impl FnOnce(&mut Files) + Send + 'static) {
        let files = Arc::clone(&self.files);
        if let Err(error) = spawn_blocking(move || work(&mut lock(&files))).await {
            tracing::error!(%error, "the watched files could not be looked at");
        }
    }
}

fn lock(files: &Mutex<Files>) -> MutexGuard<'_, Files> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The watched files, and the changes that are still to be reported.
#[derive(Default)]
struct Files {
    watched: BTreeMap<PathBuf, Watched>,
    changes: VecDeque<Change>,
}

impl Files {
    fn keep(&mut self, paths: Vec<PathBuf>) {
        let mut before = mem::take(&mut self.watched);
        let keep = |path: PathBuf| {
            let watched = before
                .remove(&path)
                .unwrap_or_else(|| Watched::from_now_on(&path));
            (path, watched)
        };
        self.watched = paths.into_iter().map(keep).collect();
        self.changes
            .retain(|change| self.watched.contains_key(&change.path));
    }

    /// Polls each file once, and notes the changes, as `read` finds them.
    fn look(&mut self, read: impl Fn(&Path) -> io::Result<Vec<u8>>) {
        for (path, watched) in &mut self.watched {
            if let Some((content, is_new)) = watched.look(path, &read) {
                self.changes.push_back(Change {
                    path: path.clone(),
                    content,
                    is_new,
                });
            }
        }
    }
}

/// The state of a watched file.
struct Watched {
    /// The stamp at the last poll.
    seen: Stamp,
    /// The stamp when the file was last read, which is read again only when the stamp differs. None if the file must be
    /// read at the next poll.
    read_at: Option<Stamp>,
    /// The SHA-256 of the last bytes. The host has these bytes even if the file is gone.
    known: Option<[u8; 32]>,
    /// Whether the file is known to be unreadable.
    gone: bool,
}

impl Watched {
    fn from_now_on(path: &Path) -> Self {
        let seen = Stamp::of(path);
        let content = read(path);
        // Bytes that changed during the read are no version of the file.
        let whole = Stamp::of(path) == seen;
        Self {
            seen,
            read_at: whole.then_some(seen),
            gone: content.is_err(),
            known: content.ok().filter(|_| whole).map(digest),
        }
    }

    fn look(
        &mut self,
        path: &Path,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Option<(io::Result<Vec<u8>>, bool)> {
        let now = Stamp::of(path);
        let before = mem::replace(&mut self.seen, now);
        if now != before || self.read_at == Some(now) {
            return None;
        }
        let content = read(path);
        let after = Stamp::of(path);
        if after != now {
            self.seen = after;
            return None;
        }
        self.read_at = Some(now);
        let was_gone = mem::replace(&mut self.gone, content.is_err());
        match &content {
            Ok(bytes) => {
                let digest = Some(digest(bytes));
                let is_new = mem::replace(&mut self.known, digest) != digest;
                Some((content, is_new))
            }
            Err(_) => (!was_gone).then_some((content, true)),
        }
    }
}

/// Metadata that differs as soon as a file does. None if there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(Option<Found>);

/// The metadata of a file, found without reading the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// The time of the last change, also of the file's rights: an unreadable file may be readable now.
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file that links lead to.
    fn of(path: &Path) -> Self {
        let file = fs::metadata(path).ok().filter(fs::Metadata::is_file);
        Self(file.map(|file| Found {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would block until a writer opens it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_READ_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn digest(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests;

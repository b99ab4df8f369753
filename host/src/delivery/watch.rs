//! Files that are watched, and what is in them after each change: for `berth serve --watch`.
//!
//! They are looked at every 200 ms, since that works on every file system: on network mounts and with Kubernetes' volumes,
//! where a directory's link is re-pointed, the kernel's notifications say nothing, or something about another file. What
//! is looked at is the file that links lead to: its times, length, inode and device.
//!
//! A change counts once two looks in a row agree, so that nobody swaps in half a file. A file that was saved with the bytes
//! that it had is told too, as not new: other bytes may be live meanwhile. A file system whose times are whole seconds can
//! hide a second change within one of them, if the length stays as it was.

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

/// Between two looks.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How much of a file is read, in bytes: one more than a component may have, which is enough to refuse it for its size.
const MAX_READ_BYTES: u64 = 64 * 1024 * 1024 + 1;

/// What has happened to a file.
#[derive(Debug)]
pub(super) struct Change {
    /// The path, as it is watched.
    pub(super) path: PathBuf,
    /// Its bytes, the first 64 MiB and one; or why there are none: most often it has been deleted.
    pub(super) content: io::Result<Vec<u8>>,
    /// Whether the bytes differ from the last that were told.
    pub(super) is_new: bool,
}

/// Watches files.
pub(super) struct Watcher {
    files: Arc<Mutex<Files>>,
    looks: Interval,
}

impl Watcher {
    /// Watches `paths`. What is in the files at this moment is known and will not be told: make the watcher before the
    /// files are read for use, and nothing that comes after is missed.
    pub(super) async fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut looks = interval(POLL_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watcher = Self { files: Arc::default(), looks };
        watcher.set_paths(paths).await;
        watcher
    }

    /// Watches `paths` and no others. Those that were watched before stay as they are; for the others, see
    /// [`Watcher::new`].
    pub(super) async fn set_paths(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        let paths: Vec<_> = paths.into_iter().collect();
        self.with_files(move |files| files.keep(paths)).await;
    }

    /// Waits for the next change. Nothing is lost when the future is dropped before it is done.
    pub(super) async fn changed(&mut self) -> Change {
        loop {
            if let Some(change) = lock(&self.files).changes.pop_front() {
                return change;
            }
            self.looks.tick().await;
            self.with_files(|files| files.look(read)).await;
        }
    }

    /// Files may be slow, so they are not touched on a thread that serves requests.
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

/// The files, and what is still to be told of them.
#[derive(Default)]
struct Files {
    watched: BTreeMap<PathBuf, Watched>,
    changes: VecDeque<Change>,
}

impl Files {
    fn keep(&mut self, paths: Vec<PathBuf>) {
        let mut before = mem::take(&mut self.watched);
        let keep = |path: PathBuf| {
            let watched = before.remove(&path).unwrap_or_else(|| Watched::from_now_on(&path));
            (path, watched)
        };
        self.watched = paths.into_iter().map(keep).collect();
        self.changes.retain(|change| self.watched.contains_key(&change.path));
    }

    /// Looks at each file once, and notes what has changed, as `read` finds it.
    fn look(&mut self, read: impl Fn(&Path) -> io::Result<Vec<u8>>) {
        for (path, watched) in &mut self.watched {
            if let Some((content, is_new)) = watched.look(path, &read) {
                self.changes.push_back(Change { path: path.clone(), content, is_new });
            }
        }
    }
}

/// One file.
struct Watched {
    /// What the look before saw.
    seen: Stamp,
    /// What was seen when the file was read: there is no need to read it again until that differs. None if it has to be
    /// read in any case.
    read_at: Option<Stamp>,
    /// The SHA-256 of the last bytes. They are what the host has, also while the file is gone.
    known: Option<[u8; 32]>,
    /// Whether it is known that there is nothing to read.
    gone: bool,
}

impl Watched {
    fn from_now_on(path: &Path) -> Self {
        let seen = Stamp::of(path);
        let content = read(path);
        // Bytes that changed while they were read are none that anybody has.
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

/// What differs as soon as a file does. Nothing, where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(Option<Found>);

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// Differs also when the file's rights do: what could not be read may be readable now.
    changed: (i64, i64),
}

impl Stamp {
    /// Of the file that links lead to.
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
    // To open a pipe would wait for somebody to write.
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

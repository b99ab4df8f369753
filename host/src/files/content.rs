//! The bytes of one file: in memory, or in a file that stays open and is streamed.
//!
//! A file that is replaced by a rename goes on as it was. A file that is overwritten in place while it is streamed breaks
//! the response off, because its client must not take a mixture of two versions for a whole file.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::listing::{Found, MAX_FILE_IN_MEMORY_BYTES, Stamp};

/// How much of a streamed file is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How much of the digest is in the entity tag: enough that no two contents share a tag.
const TAG_BYTES: usize = 16;

/// The bytes of a file, which do not change.
#[derive(Debug)]
pub(super) enum Content {
    /// A small file.
    Memory(Bytes),
    /// A large file.
    Open(Arc<OpenFile>),
}

/// A file that was opened, and its stamp when it was read.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    stamp: Stamp,
}

impl Content {
    /// Reads a file. Returns the content, and a strong entity tag without its quotes. A file that differs from `found` or
    /// changes meanwhile is an error of the kind `InvalidData`.
    pub(super) fn read(found: &Found) -> io::Result<(Self, String)> {
        let file = File::open(&found.path)?;
        let file = OpenFile {
            file,
            stamp: found.stamp,
        };
        file.check()?;
        let (content, tag) = if found.stamp.length <= MAX_FILE_IN_MEMORY_BYTES {
            let mut bytes = Vec::new();
            (&file.file)
                .take(MAX_FILE_IN_MEMORY_BYTES + 1)
                .read_to_end(&mut bytes)?;
            let tag = tag(&Sha256::digest(&bytes));
            file.check()?;
            (Self::Memory(bytes.into()), tag)
        } else {
            let tag = tag(&file.digest()?);
            file.check()?;
            (Self::Open(Arc::new(file)), tag)
        };
        Ok((content, tag))
    }

    /// The content of a file that is a part of this program, and its entity tag without its quotes.
    pub(super) fn of_program(bytes: &'static [u8]) -> (Self, String) {
        let tag = tag(&Sha256::digest(bytes));
        (Self::Memory(Bytes::from_static(bytes)), tag)
    }

    /// A body with these bytes of the content.
    pub(super) fn body(&self, bytes: Range<u64>) -> Body {
        match self {
            Self::Memory(content) => {
                let index = |position| usize::try_from(position).unwrap_or(usize::MAX).min(content.len());
                Body::from(content.slice(index(bytes.start)..index(bytes.end)))
            }
            Self::Open(file) => {
                let state = (Arc::clone(file), bytes);
                Body::from_stream(stream::try_unfold(state, |(file, rest)| async move {
                    if rest.is_empty() {
                        return Ok(None);
                    }
                    // Reading may wait for a disk, so it must not hold up a thread that serves requests.
                    let reading = spawn_blocking(move || (file.chunk(&rest), file, rest));
                    let (chunk, file, rest) = reading.await.map_err(io::Error::other)?;
                    let chunk = chunk?;
                    let next = rest.start + chunk.len() as u64..rest.end;
                    Ok::<_, io::Error>(Some((chunk, (file, next))))
                }))
            }
        }
    }
}

impl OpenFile {
    /// Returns an error if the file is not as it was when it was listed.
    fn check(&self) -> io::Result<()> {
        if Stamp::of(&self.file.metadata()?).has_content_of(&self.stamp) {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file has changed in place",
            ))
        }
    }

    fn digest(&self) -> io::Result<[u8; 32]> {
        let mut digest = Sha256::new();
        let mut rest = 0..self.stamp.length;
        while !rest.is_empty() {
            let chunk = self.chunk(&rest)?;
            digest.update(&chunk);
            rest.start += chunk.len() as u64;
        }
        Ok(digest.finalize().into())
    }

    /// The first bytes of `rest`, at least one and at most [`CHUNK_BYTES`].
    fn chunk(&self, rest: &Range<u64>) -> io::Result<Bytes> {
        let length = usize::try_from(rest.end - rest.start).map_or(CHUNK_BYTES, |rest| rest.min(CHUNK_BYTES));
        let mut chunk = vec![0; length];
        self.file.read_exact_at(&mut chunk, rest.start)?;
        self.check()?;
        Ok(chunk.into())
    }
}

/// An entity tag without its quotes.
fn tag(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest
        .iter()
        .take(TAG_BYTES)
        .fold(String::new(), |mut tag, byte| {
            // Writing to a string cannot fail.
            let _ = write!(tag, "{byte:02x}");
            tag
        })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use http_body_util::BodyExt as _;

    use super::*;

    fn found(path: &Path) -> Found {
        Found {
            path: path.to_owned(),
            stamp: Stamp::of(&fs::metadata(path).unwrap()),
        }
    }

    fn large() -> Vec<u8> {
        (0..MAX_FILE_IN_MEMORY_BYTES + 70_000)
            .map(|position| u8::try_from(position % 251).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn every_range_of_small_and_large_files_is_served() {
        let folder = tempfile::tempdir().unwrap();
        for bytes in [b"small".to_vec(), large()] {
            let path = folder.path().join("file");
            fs::write(&path, &bytes).unwrap();
            let (content, _) = Content::read(&found(&path)).unwrap();
            let length = bytes.len();
            for range in [
                0..length,
                0..1,
                2..length,
                length - 1..length,
                1..1,
                3..length.min(70_000),
            ] {
                let body = content.body(range.start as u64..range.end as u64);
                let served = body.collect().await.unwrap().to_bytes();
                assert_eq!(served, bytes[range.clone()], "{range:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_large_file_that_is_renamed_away_goes_on_and_one_that_is_overwritten_breaks_off() {
        let folder = tempfile::tempdir().unwrap();
        let (path, next) = (folder.path().join("file"), folder.path().join("next"));
        let bytes = large();
        fs::write(&path, &bytes).unwrap();
        let (content, _) = Content::read(&found(&path)).unwrap();
        let all = 0..bytes.len() as u64;

        fs::write(&next, b"other").unwrap();
        fs::rename(&next, &path).unwrap();
        let served = content.body(all.clone()).collect().await.unwrap().to_bytes();
        assert_eq!(served, bytes);

        fs::write(&path, &bytes).unwrap();
        let (content, _) = Content::read(&found(&path)).unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all(b"changed in place").unwrap();
        // The file system's clock may be too coarse to show that the file was written twice.
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(content.body(all).collect().await.is_err());
    }

    #[test]
    fn equal_bytes_have_equal_tags_whatever_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let tag = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            Content::read(&found(&path)).unwrap().1
        };
        let large = large();
        assert_eq!(tag("a", b"x"), tag("b", b"x"));
        assert_ne!(tag("a", b"x"), tag("b", b"y"));
        assert_eq!(tag("a", &large), tag("b", &large));
        assert_eq!(tag("a", b"x").len(), 2 * TAG_BYTES);
    }

    #[test]
    fn a_file_that_is_not_the_listed_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let found = found(&path);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "other").unwrap();
        let error = Content::read(&found).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}

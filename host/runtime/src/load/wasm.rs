//! The bytes of a component: in memory, or in a file that both the host and the compiling process map, so that they
//! share one copy.
//!
//! The file is in a directory that only the host's user can enter, is written once, and is removed with the last clone.

use std::fs::File;
use std::io::{self, Write as _};
use std::ops::Deref;
use std::path::{Path, absolute};
use std::sync::Arc;

use memmap2::Mmap;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt as _;

use super::private_directory::{PARTIAL, create_private};

/// The bytes of a component. Clones share them.
#[derive(Clone)]
pub struct Wasm(Place);

#[derive(Clone)]
enum Place {
    Memory(Arc<[u8]>),
    File(Arc<WasmFile>),
}

impl Wasm {
    /// The file with the bytes. If the bytes are in memory, it is created in `directory`.
    pub(crate) fn file(&self, directory: &Path) -> io::Result<Arc<WasmFile>> {
        match &self.0 {
            Place::File(file) => Ok(Arc::clone(file)),
            Place::Memory(bytes) => {
                let mut file = new_file(directory)?;
                file.write_all(bytes)?;
                WasmFile::open(file.into_temp_path()).map(Arc::new)
            }
        }
    }
}

impl From<Vec<u8>> for Wasm {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Place::Memory(bytes.into()))
    }
}

impl Deref for Wasm {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Memory(bytes) => bytes,
            Place::File(file) => &file.map,
        }
    }
}

impl std::fmt::Debug for Wasm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Wasm({} bytes)", self.len())
    }
}

/// A file of a component's bytes, which is removed when it is dropped.
pub(crate) struct WasmFile {
    map: Mmap,
    path: TempPath,
}

impl WasmFile {
    /// The file's absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn open(path: TempPath) -> io::Result<Self> {
        Ok(Self {
            map: map(&path)?,
            path,
        })
    }
}

/// A component that is being uploaded into a file.
pub struct IncomingWasm {
    file: tokio::fs::File,
    path: TempPath,
}

impl IncomingWasm {
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        let (file, path) = new_file(directory)?.into_parts();
        Ok(Self {
            file: file.into(),
            path,
        })
    }

    /// Appends a piece.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, for example because the disk is full.
    pub async fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece).await
    }

    /// Completes the file and maps it.
    ///
    /// # Errors
    ///
    /// If the file cannot be written or mapped.
    pub async fn finish(mut self) -> io::Result<Wasm> {
        self.file.flush().await?;
        Ok(Wasm(Place::File(Arc::new(WasmFile::open(self.path)?))))
    }
}

/// A new file, which is removed as [`PARTIAL`] if the host is killed.
fn new_file(directory: &Path) -> io::Result<NamedTempFile> {
    create_private(directory)?;
    tempfile::Builder::new()
        .suffix(&format!(".{PARTIAL}"))
        .tempfile_in(absolute(directory)?)
}

/// Maps a file of a component's bytes.
#[expect(unsafe_code, reason = "a map is only sound while nobody changes the file")]
pub(crate) fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: only the host can enter the directory, and it writes a file of `Wasm` once, before it is mapped.
    unsafe { Mmap::map(&file) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[tokio::test]
    async fn a_component_that_came_in_is_removed_with_its_last_clone() {
        let directory = tempfile::tempdir().unwrap();
        let mut incoming = IncomingWasm::new(directory.path()).unwrap();
        for piece in ["\0asm", "and", "more"] {
            incoming.add(piece.as_bytes()).await.unwrap();
        }
        let wasm = incoming.finish().await.unwrap();
        assert_eq!(&*wasm, b"\0asmandmore");
        let file = wasm.file(directory.path()).unwrap();
        assert_eq!(
            std::fs::read(file.path()).unwrap(),
            *wasm,
            "it is the file that is there already"
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        drop((wasm, file));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_component_may_have_no_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let wasm = IncomingWasm::new(directory.path())
            .unwrap()
            .finish()
            .await
            .unwrap();
        assert!(wasm.is_empty());
    }
}

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

/// A folder of files, and a watcher that polls when the test says so.
struct Folder {
    folder: TempDir,
    files: Files,
}

impl Folder {
    /// Watches `file` in a folder that `prepare` has filled.
    fn watching(file: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let mut files = Files::default();
        files.keep(vec![folder.path().join(file)]);
        Self { folder, files }
    }

    /// Watches `hello.wasm`, in which there is `one`.
    fn with_one() -> Self {
        Self::watching("hello.wasm", |folder| {
            fs::write(folder.join("hello.wasm"), "one").unwrap();
        })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, text: &str) {
        fs::write(self.path("hello.wasm"), text).unwrap();
    }

    /// The contents that a poll reports, or `gone`.
    fn look(&mut self) -> Vec<String> {
        self.look_by(read)
    }

    fn look_by(&mut self, read: impl Fn(&Path) -> io::Result<Vec<u8>>) -> Vec<String> {
        self.files.look(read);
        let text = |change: Change| {
            let text = change
                .content
                .map_or_else(|_| "gone".to_owned(), |bytes| String::from_utf8(bytes).unwrap());
            if change.is_new {
                text
            } else {
                format!("{text} again")
            }
        };
        self.files.changes.drain(..).map(text).collect()
    }

    /// The reports of several polls, enough for every pending change to settle.
    fn looks(&mut self) -> Vec<String> {
        (0..5).flat_map(|_| self.look()).collect()
    }
}

#[test]
fn what_is_there_from_the_beginning_is_no_news() {
    assert!(Folder::with_one().looks().is_empty());
}

#[test]
fn a_change_is_told_once() {
    let mut folder = Folder::with_one();
    folder.write("second");
    assert_eq!(folder.looks(), ["second"]);
    assert!(folder.looks().is_empty());
}

#[test]
fn half_a_file_is_not_told() {
    let mut folder = Folder::with_one();
    for part in ["sec", "secon", "second"] {
        folder.write(part);
        assert!(folder.look().is_empty(), "{part}");
    }
    assert_eq!(folder.look(), ["second"]);
}

#[test]
fn a_file_that_is_written_while_it_is_read_is_read_again() {
    let mut folder = Folder::with_one();
    folder.write("half");
    let path = folder.path("hello.wasm");
    let reads = Cell::new(0);
    let read_slowly = |file: &Path| {
        let bytes = read(file);
        if reads.replace(reads.get() + 1) == 0 {
            fs::write(&path, "half and half").unwrap();
        }
        bytes
    };
    let told: Vec<_> = (0..5).flat_map(|_| folder.look_by(read_slowly)).collect();
    assert_eq!(told, ["half and half"]);
    assert_eq!(reads.get(), 2);
}

#[test]
fn a_file_that_is_renamed_over_is_a_change() {
    let mut folder = Folder::with_one();
    fs::write(folder.path("hello.wasm.new"), "two").unwrap();
    fs::rename(folder.path("hello.wasm.new"), folder.path("hello.wasm")).unwrap();
    assert_eq!(folder.looks(), ["two"]);
}

#[test]
fn a_file_that_is_only_touched_is_told_as_not_new() {
    let mut folder = Folder::with_one();
    let file = File::options()
        .write(true)
        .open(folder.path("hello.wasm"))
        .unwrap();
    file.set_modified(SystemTime::now() + Duration::from_mins(1))
        .unwrap();
    assert_eq!(folder.looks(), ["one again"]);
    folder.write("second");
    assert_eq!(folder.looks(), ["second"]);
}

#[test]
fn a_file_that_is_written_back_before_anybody_looks_twice_is_not_new() {
    let mut folder = Folder::with_one();
    folder.write("second");
    folder.look();
    folder.write("one");
    assert_eq!(folder.looks(), ["one again"]);
}

#[test]
fn an_editor_that_writes_twice_makes_one_change() {
    let mut folder = Folder::with_one();
    folder.write("");
    assert!(folder.look().is_empty());
    folder.write("second");
    assert_eq!(folder.looks(), ["second"]);
}

#[test]
fn a_deleted_file_is_gone_once_and_new_again_only_with_other_bytes() {
    let mut folder = Folder::with_one();
    fs::remove_file(folder.path("hello.wasm")).unwrap();
    assert_eq!(folder.looks(), ["gone"]);
    folder.write("one");
    assert_eq!(folder.looks(), ["one again"]);
    fs::remove_file(folder.path("hello.wasm")).unwrap();
    assert_eq!(folder.looks(), ["gone"]);
    folder.write("second");
    assert_eq!(folder.looks(), ["second"]);
}

#[test]
fn an_editor_that_deletes_and_writes_anew_leaves_no_gap() {
    let mut folder = Folder::with_one();
    fs::remove_file(folder.path("hello.wasm")).unwrap();
    assert!(folder.look().is_empty());
    folder.write("second");
    assert_eq!(folder.looks(), ["second"]);
}

#[test]
fn a_directory_in_its_place_is_no_file() {
    let mut folder = Folder::with_one();
    fs::remove_file(folder.path("hello.wasm")).unwrap();
    fs::create_dir(folder.path("hello.wasm")).unwrap();
    assert_eq!(folder.looks(), ["gone"]);
}

#[test]
fn a_link_that_is_pointed_elsewhere_is_a_change() {
    let mut folder = Folder::watching("hello.wasm", |folder| {
        fs::write(folder.join("v1"), "one").unwrap();
        fs::write(folder.join("v2"), "two").unwrap();
        symlink("v1", folder.join("hello.wasm")).unwrap();
    });
    assert!(folder.looks().is_empty());
    fs::remove_file(folder.path("hello.wasm")).unwrap();
    symlink("v2", folder.path("hello.wasm")).unwrap();
    assert_eq!(folder.looks(), ["two"]);
    fs::write(folder.path("v2"), "behind the link").unwrap();
    assert_eq!(folder.looks(), ["behind the link"]);
}

/// A mounted `ConfigMap` is a set of links to `..data`, itself a link to the directory of this version.
#[test]
fn a_volume_of_kubernetes_that_is_updated_is_a_change() {
    let mut folder = Folder::watching("hello.wasm", |folder| {
        for (version, text) in [("..v1", "one"), ("..v2", "two")] {
            fs::create_dir(folder.join(version)).unwrap();
            fs::write(folder.join(version).join("hello.wasm"), text).unwrap();
        }
        symlink("..v1", folder.join("..data")).unwrap();
        symlink("..data/hello.wasm", folder.join("hello.wasm")).unwrap();
    });
    assert!(folder.looks().is_empty());
    symlink("..v2", folder.path("..data_tmp")).unwrap();
    fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    fs::remove_dir_all(folder.path("..v1")).unwrap();
    assert_eq!(folder.looks(), ["two"]);
}

#[test]
fn of_a_file_that_is_too_large_one_byte_more_is_read_than_a_component_may_have() {
    let mut folder = Folder::with_one();
    File::create(folder.path("hello.wasm"))
        .unwrap()
        .set_len(3 * MAX_READ_BYTES)
        .unwrap();
    let told = folder.looks();
    assert_eq!(
        told.iter().map(String::len).collect::<Vec<_>>(),
        [64 * 1024 * 1024 + 1]
    );
}

#[test]
fn files_come_and_go() {
    let mut folder = Folder::with_one();
    fs::write(folder.path("other.wasm"), "other").unwrap();
    folder.write("second");
    folder
        .files
        .keep(vec![folder.path("hello.wasm"), folder.path("other.wasm")]);
    assert_eq!(
        folder.looks(),
        ["second"],
        "what was watched before is not forgotten"
    );
    fs::write(folder.path("other.wasm"), "another").unwrap();
    assert_eq!(folder.looks(), ["another"]);
    folder.files.keep(vec![folder.path("other.wasm")]);
    folder.write("third");
    assert!(folder.looks().is_empty());
}

#[test]
fn a_file_that_is_half_written_when_it_is_first_seen_is_told_when_it_is_whole() {
    let mut folder = Folder::with_one();
    let half = Watched {
        read_at: None,
        known: None,
        ..Watched::from_now_on(&folder.path("hello.wasm"))
    };
    folder.files.watched.insert(folder.path("hello.wasm"), half);
    assert_eq!(folder.looks(), ["one"]);
}

/// The test waits for a change with tokio's paused clock, which advances by itself.
#[tokio::test(start_paused = true)]
async fn a_change_is_waited_for_and_survives_a_wait_that_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hello.wasm");
    fs::write(&path, "one").unwrap();
    let mut watcher = Watcher::new([path.clone()]).await;
    assert!(timeout(POLL_INTERVAL * 10, watcher.changed()).await.is_err());
    fs::write(&path, "second").unwrap();
    for _ in 0..20 {
        if let Ok(change) = timeout(POLL_INTERVAL / 2, watcher.changed()).await {
            assert_eq!((change.path, change.content.unwrap()), (path, b"second".to_vec()));
            return;
        }
    }
    panic!("the change was not told");
}

//! `cargo xtask dev`: builds and swaps in saved sources.
//!
//! There are two processes. The host replaces this process, so that signals reach it, and watches the components' files.
//! The builder runs beside the host and watches the sources. A build that fails changes neither the file nor the live
//! version.

use std::collections::BTreeMap;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime};
use std::{env, fs, mem};

use anyhow::{Context, Result};

use crate::workspace::{Package, Workspace};
use crate::{run, wasm};

/// The pause between two checks of the sources.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The sources of every component, beside the components' own packages.
const SHARED: [&str; 4] = ["Cargo.toml", "host/contract", "sdk/rust", "wit"];

/// Sets up as `cargo xtask run` does, starts the builder, and becomes a host with `--watch`.
pub(crate) fn dev(workspace: &Workspace, fake_cohere: bool) -> Result<()> {
    let host = run::host(workspace, fake_cohere)?;
    let this = env::current_exe().context("this program's own file is not known")?;
    Command::new(this)
        .arg("build-on-save")
        .spawn()
        .context("the builder does not start")?;
    run::announce();
    run::become_host(host, ["serve", "--watch"])
}

/// Builds each component whose sources change, until the host that this process was started with has ended.
pub(crate) fn build_on_save(workspace: &Workspace) {
    let host = parent_id();
    let components = wasm::component_packages(workspace);
    let mut shared = Sources::new(SHARED.iter().map(|path| workspace.root.join(path)).collect());
    let mut own: Vec<_> = components
        .iter()
        .map(|package| Sources::new(vec![package.folder()]))
        .collect();
    while parent_id() == host {
        sleep(POLL_INTERVAL);
        let all = shared.have_changed();
        let changed: Vec<&Package> = components
            .iter()
            .zip(&mut own)
            .filter_map(|(package, sources)| (sources.have_changed() || all).then_some(*package))
            .collect();
        if !changed.is_empty()
            && let Err(error) = wasm::build_components(workspace, &changed)
        {
            eprintln!("{error:#}. What is live stays live; save again when it is mended.");
        }
    }
}

/// Files and folders, and their last known state.
struct Sources {
    paths: Vec<PathBuf>,
    /// The state at the last check.
    seen: Looks,
    /// The state when a change was last reported.
    told: Looks,
}

/// Every file, with its time and its length.
type Looks = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Sources {
    fn new(paths: Vec<PathBuf>) -> Self {
        let seen = look(&paths);
        Self {
            told: seen.clone(),
            seen,
            paths,
        }
    }

    /// Whether the sources have changed since this last returned true. Waits until two checks in a row agree, because an
    /// editor may save several files, or one file in several steps.
    fn have_changed(&mut self) -> bool {
        let before = mem::replace(&mut self.seen, look(&self.paths));
        let changed = self.seen == before && self.seen != self.told;
        if changed {
            self.told.clone_from(&self.seen);
        }
        changed
    }
}

fn look(paths: &[PathBuf]) -> Looks {
    let mut looks = Looks::new();
    for path in paths {
        look_below(path, &mut looks);
    }
    looks
}

/// Skips a file that cannot be read: a file that is being renamed is there at the next check.
fn look_below(path: &Path, looks: &mut Looks) {
    if let Ok(entries) = fs::read_dir(path) {
        for entry in entries.flatten() {
            look_below(&entry.path(), looks);
        }
    } else if let Ok(file) = fs::metadata(path) {
        looks.insert(path.to_owned(), (file.modified().ok(), file.len()));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn a_change_is_told_once_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        let main = folder.path().join("src/main.rs");
        fs::write(&main, "one").unwrap();
        let mut sources = Sources::new(vec![folder.path().to_owned()]);
        assert!(!sources.have_changed());
        fs::write(&main, "one, t").unwrap();
        assert!(!sources.have_changed());
        fs::write(&main, "one, two").unwrap();
        assert!(!sources.have_changed(), "it is still being written");
        assert!(sources.have_changed());
        assert!(!sources.have_changed());
    }

    #[test]
    fn files_that_come_and_go_are_changes_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Sources::new(vec![folder.path().to_owned()]);
        fs::write(folder.path().join("new.rs"), "").unwrap();
        assert!(!sources.have_changed() && sources.have_changed());
        fs::remove_file(folder.path().join("new.rs")).unwrap();
        assert!(!sources.have_changed() && sources.have_changed());
    }
}

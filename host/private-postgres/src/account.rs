//! The system user that the private server runs as: PostgreSQL refuses to run as root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::PrivateError;

/// An unprivileged system user.
#[derive(Debug)]
pub(crate) struct Account {
    /// The user's name, for messages.
    pub(crate) name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The user for the server if the host is root, `postgres` before `nobody`. `None` if the host is not root:
    /// the server then runs as the host's user.
    pub(crate) fn instead_of_root() -> Result<Option<Self>, PrivateError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let find = |name| users.lines().find_map(|line| Self::from_line(line, name));
        find("postgres")
            .or_else(|| find("nobody"))
            .map(Some)
            .ok_or(PrivateError::NoAccount)
    }

    /// Reads `name:password:uid:gid:…`, see passwd(5).
    fn from_line(line: &str, wanted: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == wanted)?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self { name, uid, gid })
    }

    /// Makes `command` run as this user.
    pub(crate) fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Changes the owner of `path` and everything below it to this user, unless this user owns `path` already.
    pub(crate) fn own(&self, path: &Path) -> io::Result<()> {
        let metadata = fs::symlink_metadata(path)?;
        if metadata.uid() == self.uid {
            return Ok(());
        }
        if metadata.is_dir() {
            for entry in fs::read_dir(path)? {
                self.own(&entry?.path())?;
            }
        }
        // Last, so that the owner of `path` tells whether everything below it was changed.
        lchown(path, Some(self.uid), Some(self.gid))
    }

    /// Whether this user can pass through every directory above `path`, which must be absolute.
    pub(crate) fn reaches(&self, path: &Path) -> io::Result<bool> {
        for directory in path.ancestors().skip(1) {
            let metadata = fs::metadata(directory)?;
            let class = match (metadata.uid() == self.uid, metadata.gid() == self.gid) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            if metadata.permissions().mode() & class == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

    use super::*;

    #[test]
    fn a_line_of_the_user_list_is_read() {
        let line = "postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash";
        let account = Account::from_line(line, "postgres").unwrap();
        assert_eq!((account.uid, account.gid), (101, 104));
        assert!(Account::from_line(line, "nobody").is_none());
        assert!(Account::from_line("postgres:x:", "postgres").is_none());
    }

    #[test]
    fn a_closed_directory_on_the_way_is_noticed() {
        let stranger = Account {
            name: "stranger".to_owned(),
            uid: 54_321,
            gid: 54_321,
        };
        let open = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .unwrap();
        let closed = open.path().join("closed");
        fs::create_dir(&closed).unwrap();
        assert!(stranger.reaches(&closed).unwrap());
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!stranger.reaches(&closed.join("inside")).unwrap());
    }
}

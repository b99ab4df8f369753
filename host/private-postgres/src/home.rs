//! The folder of a private server: its data, its socket and its log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::PrivateError;
use crate::account::Account;
use crate::lock::Lock;

/// The folder for the data if the server's user cannot reach the data directory.
const ELSEWHERE: &str = "/var/lib/berth-postgres";

/// The longest path of a socket's directory. A socket's address holds 104 bytes on macOS and 108 on Linux,
/// including the socket's own name and a zero byte.
const MAX_SOCKET_DIRECTORY_BYTES: usize = 104 - "/.s.PGSQL.5432".len() - 1;

/// How much of the log the error message quotes if the server does not start, in bytes.
const LOG_TAIL: u64 = 2_000;

/// A private server's folder, locked by this process for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Home {
    /// The folder itself, links resolved.
    pub(crate) path: PathBuf,
    /// The directory of the socket.
    pub(crate) socket: PathBuf,
    _temporary_socket: Option<TempDir>,
    _lock: Lock,
}

impl Home {
    /// Creates the folder `postgres` in `data_directory` if it is missing, and locks it.
    pub(crate) fn take(data_directory: &Path, account: Option<&Account>) -> Result<Self, PrivateError> {
        let path = place(data_directory, account)?;
        let lock = Lock::take(&path)?;
        let (socket, temporary_socket) = socket(&path, account)?;
        Ok(Self {
            path,
            socket,
            _temporary_socket: temporary_socket,
            _lock: lock,
        })
    }

    /// The directory that `initdb` fills.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Creates a log file. The log of the previous run is kept beside it.
    pub(crate) fn new_log(&self) -> Result<File, PrivateError> {
        let log = self.log();
        let _ = fs::rename(&log, log.with_extension("log.old"));
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(PrivateError::file(&log))
    }

    /// The path of the log.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// The last lines of the log, as far as they can be read.
    pub(crate) fn log_tail(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.log())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
            let mut bytes = Vec::new();
            file.take(LOG_TAIL).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default())
            .trim()
            .to_owned()
    }
}

/// Creates `path` and makes the server's user its owner, if there is such a user.
pub(crate) fn make_directory(path: &Path, account: Option<&Account>) -> Result<(), PrivateError> {
    let make = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        account.map_or(Ok(()), |account| account.own(path))
    };
    make().map_err(PrivateError::file(path))
}

/// The folder's real path, created so that the server's user can reach its contents.
///
/// If the host is root, root keeps the folder, because root writes the lock and the log there, and no other user
/// may put a link in their place. The server's user owns only the folders inside.
fn place(data_directory: &Path, account: Option<&Account>) -> Result<PathBuf, PrivateError> {
    let make = || {
        fs::create_dir_all(data_directory.parent().unwrap_or(data_directory))?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_directory)?;
        let parent = fs::canonicalize(data_directory)?;
        let path = parent.join("postgres");
        // An existing link comes from an earlier run, which had to move the data.
        if !path.is_symlink() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        }
        Ok((fs::canonicalize(path)?, parent))
    };
    let (path, parent) = make().map_err(PrivateError::file(data_directory))?;
    match account {
        Some(account) => make_reachable(path, &parent, account),
        None => Ok(path),
    }
}

/// Makes the folder and the data directory traversable. The host does not change directories above them (a home
/// directory, for example): if one is closed, the folder moves, provided it is still empty.
fn make_reachable(path: PathBuf, parent: &Path, account: &Account) -> Result<PathBuf, PrivateError> {
    let data = path.join("data");
    let open = || {
        if !account.reaches(&data)? && account.reaches(parent)? {
            let_through(parent)?;
            let_through(&path)?;
        }
        account.reaches(&data)
    };
    if open().map_err(PrivateError::file(&path))? {
        return Ok(path);
    }
    let elsewhere = || {
        fs::create_dir_all(ELSEWHERE)?;
        let open = fs::Permissions::from_mode(0o711);
        let elsewhere = tempfile::Builder::new()
            .permissions(open)
            .disable_cleanup(true)
            .tempdir_in(ELSEWHERE)?;
        symlink(elsewhere.path(), &path)?;
        Ok(elsewhere.path().to_owned())
    };
    if fs::remove_dir(&path).is_err() {
        return Err(PrivateError::OutOfReach {
            path,
            account: account.name.clone(),
        });
    }
    let elsewhere = elsewhere().map_err(PrivateError::file(ELSEWHERE))?;
    tracing::warn!(
        path = %elsewhere.display(),
        "the private PostgreSQL keeps its data outside of the data directory, where its user can reach them"
    );
    Ok(elsewhere)
}

/// Lets every user traverse a directory, without listing it.
fn let_through(directory: &Path) -> io::Result<()> {
    let mode = fs::metadata(directory)?.permissions().mode();
    fs::set_permissions(directory, fs::Permissions::from_mode(mode | 0o111))
}

/// The socket's directory: in the folder, or a temporary directory if the folder's path is too long for a socket
/// address.
fn socket(path: &Path, account: Option<&Account>) -> Result<(PathBuf, Option<TempDir>), PrivateError> {
    let socket = path.join("socket");
    if socket.as_os_str().as_bytes().len() <= MAX_SOCKET_DIRECTORY_BYTES {
        make_directory(&socket, account)?;
        return Ok((socket, None));
    }
    // Not TMPDIR, which can be as long, or inaccessible to the server's user.
    let directory = tempfile::Builder::new()
        .prefix("berth-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in("/tmp")
        .map_err(PrivateError::file("/tmp"))?;
    make_directory(directory.path(), account)?;
    Ok((directory.path().to_owned(), Some(directory)))
}

//! Creates the data directory of a new server, completely or not at all.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::account::Account;
use crate::home::{Home, make_directory};
use crate::{PrivateError, SUPERUSER, program};

/// Prefix of the directory's name while `initdb` runs.
const UNFINISHED: &str = "unfinished-";

/// The major version of the server that created the data, if there are data.
pub(crate) fn version(data: &Path) -> Option<String> {
    Some(
        fs::read_to_string(data.join("PG_VERSION"))
            .ok()?
            .trim()
            .to_owned(),
    )
}

/// Creates the data directory and renames it once it is complete. If a host was killed before that, the next host
/// starts over.
pub(crate) async fn run(
    binaries: &Path,
    home: &Home,
    account: Option<&Account>,
    durable: bool,
) -> Result<(), PrivateError> {
    let failed = |error| PrivateError::file(&home.path)(error);
    remove_unfinished(&home.path).map_err(failed)?;
    let mut unfinished = tempfile::Builder::new();
    unfinished
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(0o700));
    let unfinished = unfinished.tempdir_in(&home.path).map_err(failed)?;
    make_directory(unfinished.path(), account)?;
    // C.UTF-8 knows upper and lower case of every script and is the same everywhere; C is the fallback.
    let mut output = initdb(binaries, account, unfinished.path(), "C.UTF-8", durable).await?;
    if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("locale") {
        output = initdb(binaries, account, unfinished.path(), "C", durable).await?;
    }
    if !output.status.success() {
        return Err(PrivateError::Initdb(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    fs::rename(unfinished.keep(), home.data()).map_err(failed)?;
    // The new name must be on disk before the first commit is.
    File::open(&home.path)
        .and_then(|directory| directory.sync_all())
        .map_err(failed)
}

/// Removes the incomplete directories of hosts that were killed.
fn remove_unfinished(home: &Path) -> io::Result<()> {
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

async fn initdb(
    binaries: &Path,
    account: Option<&Account>,
    data: &Path,
    locale: &str,
    durable: bool,
) -> Result<Output, PrivateError> {
    let path = binaries.join("initdb");
    let mut command = program(path.clone(), account);
    command
        .arg("-D")
        .arg(data)
        .arg(format!("--username={SUPERUSER}"))
        .arg(format!("--locale={locale}"));
    // Every client that can open the socket is trusted, because the socket's directory is closed to other
    // users.
    command.args(["--encoding=UTF8", "--auth=trust", "--no-instructions"]);
    if !durable {
        command.arg("--no-sync");
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| PrivateError::Program {
            program: path,
            source,
        })
}

//! The token secret of a machine without `JWT_SECRET`: made once, then kept in the data directory.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::parse::MIN_JWT_SECRET_BYTES;
use super::table::JWT_SECRET;
use super::{ConfigError, Secret};

const FILE: &str = "jwt-secret";
const BYTES: usize = 32;

/// The secret in `directory`, made now if there is none. Two processes that start at once get the same secret.
pub(super) fn kept(directory: &Path) -> Result<Secret, ConfigError> {
    read_or_make(directory).map_err(|error| {
        let path = directory.join(FILE);
        let reason = format!(
            "it is not set, and a secret cannot be kept in {} ({error}): set JWT_SECRET, or make BERTH_DATA_DIR writable",
            path.display()
        );
        JWT_SECRET.refuse(reason)
    })
}

fn read_or_make(directory: &Path) -> io::Result<Secret> {
    let path = directory.join(FILE);
    if !path.try_exists()? {
        fs::create_dir_all(directory)?;
        // The secret is written to a temporary file and then linked into place, so that no reader sees half of it, and
        // a second process finds the name taken and reads the first secret. Temporary files have mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(random()?.as_bytes())?;
        file.as_file().sync_all()?;
        if let Err(refused) = file.persist_noclobber(&path)
            && refused.error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(refused.error);
        }
    }
    let secret = fs::read_to_string(&path)?;
    if secret.len() < MIN_JWT_SECRET_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is cut short: delete it",
        ));
    }
    Ok(secret.into())
}

fn random() -> io::Result<String> {
    let mut halves = [[0; BYTES / 2]; 2];
    for half in &mut halves {
        getrandom::fill(half).map_err(io::Error::other)?;
    }
    Ok(halves
        .map(|half| format!("{:032x}", u128::from_ne_bytes(half)))
        .concat())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_is_the_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("data");
        let first = kept(&directory).unwrap();
        assert_eq!(first.expose().len(), 2 * BYTES);
        assert_eq!(kept(&directory).unwrap(), first);
        let mode = fs::metadata(directory.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(&directory).unwrap().count(),
            1,
            "nothing is left behind"
        );
    }

    #[test]
    fn starts_at_the_same_time_agree() {
        let directory = tempfile::tempdir().unwrap();
        let secrets: Vec<Secret> = thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| kept(directory.path()).unwrap()))
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = kept(&file.path().join("below-a-file")).unwrap_err().to_string();
        assert!(
            error.starts_with("JWT_SECRET: it is not set, and a secret cannot be kept in"),
            "{error}"
        );
    }

    #[test]
    fn a_secret_cut_short_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "short").unwrap();
        let error = kept(directory.path()).unwrap_err().to_string();
        assert!(error.contains("cut short"), "{error}");
        assert!(!error.contains("\"short\""), "{error}");
    }
}

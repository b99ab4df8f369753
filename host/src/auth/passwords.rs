//! Passwords: Argon2id hashes (RFC 9106), made and checked off the async threads, only so many at once.
//!
//! One hash takes 19 MiB and some 20 ms of a core. Without a bound a burst of logins would take all memory and
//! starve everything else; with one it forms a queue, and who would make the queue too long is turned away.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::Argon2;
use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// Hashes under way or waiting: at 20 ms each on two cores, the last one waits for some three seconds.
const LONGEST_QUEUE: usize = 256;

/// Hashes passwords and checks them.
pub struct Passwords {
    /// Places in the queue.
    queue: Semaphore,
    /// Hashes that run at the same time.
    cores: Arc<Semaphore>,
}

/// Why a password could be neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many others are waiting already.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// Argon2 failed, or what the table holds is not one of its hashes.
    #[error("Argon2 failed: {0}")]
    Argon2(#[from] password_hash::Error),
    /// The hashing thread panicked, or the process is ending.
    #[error("the thread that hashes passwords is gone: {0}")]
    Thread(#[from] JoinError),
}

impl Default for Passwords {
    /// Bounded by this machine's cores.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::bounded(LONGEST_QUEUE, cores)
    }
}

impl Passwords {
    fn bounded(queue: usize, cores: usize) -> Self {
        Self { queue: Semaphore::new(queue), cores: Arc::new(Semaphore::new(cores)) }
    }

    /// The hash of a new password, as a PHC string.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.in_turn(move || hash(password.as_bytes())).await
    }

    /// Whether `password` is the one that `made` was made from. Without a hash it is not, and finding that out takes as
    /// long, so that a login does not tell which addresses have an account: to check is to hash once more and compare.
    pub async fn verify(&self, password: String, made: Option<&str>) -> Result<bool, PasswordError> {
        let made = made.map(str::to_owned);
        let check = move || match made {
            Some(made) => matches(password.as_bytes(), &made),
            None => hash(password.as_bytes()).map(|_| false),
        };
        self.in_turn(check).await
    }

    /// Runs `work` on a blocking thread when it is its turn.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        // The thread keeps its core until it is done, even when the client has gone and nobody waits any more.
        spawn_blocking(move || {
            let _core = core;
            work()
        })
        .await?
    }
}

/// Argon2's defaults are what OWASP asks for: Argon2id, 19 MiB, 2 passes, 1 lane.
fn hash(password: &[u8]) -> Result<String, PasswordError> {
    Ok(Argon2::default().hash_password(password)?.to_string())
}

fn matches(password: &[u8], hash: &str) -> Result<bool, PasswordError> {
    match Argon2::default().verify_password(password, hash) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_alone() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(passwords.verify("correct horse".to_owned(), Some(&hash)).await.unwrap());
        assert!(!passwords.verify("battery staple".to_owned(), Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_as_owasp_asks_and_salted() {
        let passwords = Passwords::default();
        let hash = || passwords.hash("correct horse".to_owned());
        let (one, other) = (hash().await.unwrap(), hash().await.unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn an_unknown_account_waits_its_turn_and_has_no_password() {
        let passwords = Passwords::default();
        assert!(!passwords.verify("correct horse".to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_turns_people_away() {
        let passwords = Passwords::bounded(0, 1);
        let refused = passwords.verify("correct horse".to_owned(), None).await;
        assert!(matches!(refused, Err(PasswordError::Busy)));
    }

    #[tokio::test]
    async fn what_is_no_hash_is_our_fault_and_not_a_wrong_password() {
        let passwords = Passwords::default();
        let failed = passwords.verify("correct horse".to_owned(), Some("plain text")).await;
        assert!(matches!(failed, Err(PasswordError::Argon2(_))));
    }
}

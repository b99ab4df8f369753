//! Passwords: Argon2id hashes (RFC 9106), made and checked off the async threads, with bounded concurrency.
//!
//! A hash takes 19 MiB and about 20 ms of a core. Without a bound, a burst of logins would take all memory and starve
//! all other work. With the bound, hashes wait in a queue, and a full queue refuses more. A client may have at most
//! half of the queue, so that a flood of its logins delays others by a second or two but never refuses them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use argon2::Argon2;
use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// The most hashes under way or waiting: at 20 ms each on two cores, the last hash waits for about three seconds.
const MAX_QUEUED_HASHES: usize = 256;

/// The divisor of the queue for the share of a single client.
const CLIENTS_PART: usize = 2;

/// Hashes and checks passwords.
pub struct Passwords {
    queue: Queue,
    /// Permits for hashes that run at the same time.
    cores: Arc<Semaphore>,
}

/// Why a password could be neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The queue is full, or the client's share of the queue is.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// Argon2 failed, or the table holds no Argon2 hash.
    #[error("Argon2 failed: {0}")]
    Argon2(#[from] password_hash::Error),
    /// The hashing thread panicked, or the process is ending.
    #[error("the thread that hashes passwords is gone: {0}")]
    Thread(#[from] JoinError),
}

impl Default for Passwords {
    /// Allows as many hashes at once as this machine has cores.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::bounded(MAX_QUEUED_HASHES, cores)
    }
}

impl Passwords {
    fn bounded(queue: usize, cores: usize) -> Self {
        Self {
            queue: Queue::with_length(queue),
            cores: Arc::new(Semaphore::new(cores)),
        }
    }

    /// The hash of a new password, as a PHC string.
    pub async fn hash(&self, password: String, client: Option<IpAddr>) -> Result<String, PasswordError> {
        self.in_turn(client, move || hash(password.as_bytes())).await
    }

    /// Whether `made` is the hash of `password`. Without a hash the answer is false and takes as long, so that a login
    /// does not show which addresses have an account. The check hashes the password again and compares.
    pub async fn verify(
        &self,
        password: String,
        made: Option<&str>,
        client: Option<IpAddr>,
    ) -> Result<bool, PasswordError> {
        let made = made.map(str::to_owned);
        let check = move || match made {
            Some(made) => matches(password.as_bytes(), &made),
            None => hash(password.as_bytes()).map(|_| false),
        };
        self.in_turn(client, check).await
    }

    /// Runs `work` on a blocking thread when the queue reaches it.
    async fn in_turn<T: Send + 'static>(
        &self,
        client: Option<IpAddr>,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = self.queue.enter(client).ok_or(PasswordError::Busy)?;
        let core = Arc::clone(&self.cores)
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Busy)?;
        // The thread keeps its permit until the hash is done, even if the client has gone.
        spawn_blocking(move || {
            let _core = core;
            work()
        })
        .await?
    }
}

/// The hashes that are waiting or under way, by client.
struct Queue {
    length: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// A place in the queue, freed on drop.
struct Place<'a> {
    queue: &'a Queue,
    client: Option<IpAddr>,
}

impl Queue {
    fn with_length(length: usize) -> Self {
        Self {
            length,
            waiting: Mutex::default(),
        }
    }

    /// A place for `client`; none if the queue or the client's share is full.
    fn enter(&self, client: Option<IpAddr>) -> Option<Place<'_>> {
        let mut waiting = self.waiting();
        let clients = client
            .and_then(|client| waiting.by_client.get(&client))
            .copied()
            .unwrap_or_default();
        if waiting.all >= self.length || clients >= self.length.div_ceil(CLIENTS_PART) {
            return None;
        }
        waiting.all += 1;
        if let Some(client) = client {
            waiting.by_client.insert(client, clients + 1);
        }
        Some(Place { queue: self, client })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // No code panics while the lock is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        waiting.all -= 1;
        if let Some(client) = self.client
            && let Entry::Occupied(mut clients) = waiting.by_client.entry(client)
        {
            *clients.get_mut() -= 1;
            if *clients.get() == 0 {
                clients.remove();
            }
        }
    }
}

/// Makes a hash with Argon2's defaults, which OWASP recommends: Argon2id, 19 MiB, 2 passes, 1 lane.
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
        let hash = passwords.hash("correct horse".to_owned(), None).await.unwrap();
        assert!(
            passwords
                .verify("correct horse".to_owned(), Some(&hash), None)
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("battery staple".to_owned(), Some(&hash), None)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_as_owasp_asks_and_salted() {
        let passwords = Passwords::default();
        let hash = || passwords.hash("correct horse".to_owned(), None);
        let (one, other) = (hash().await.unwrap(), hash().await.unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn an_unknown_account_waits_its_turn_and_has_no_password() {
        let passwords = Passwords::default();
        assert!(
            !passwords
                .verify("correct horse".to_owned(), None, None)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_full_queue_turns_people_away() {
        let passwords = Passwords::bounded(0, 1);
        let refused = passwords.verify("correct horse".to_owned(), None, None).await;
        assert!(matches!(refused, Err(PasswordError::Busy)));
    }

    #[test]
    fn one_client_has_half_of_the_queue_and_gives_it_back() {
        let queue = Queue::with_length(4);
        let client = |last| Some(IpAddr::from([192, 0, 2, last]));
        let first = queue.enter(client(1)).unwrap();
        let _second = queue.enter(client(1)).unwrap();
        assert!(queue.enter(client(1)).is_none());
        let _other = queue.enter(client(2)).unwrap();
        let _nobody = queue.enter(None).unwrap();
        assert!(queue.enter(client(3)).is_none(), "it is full");
        drop(first);
        assert!(queue.enter(client(1)).is_some());
        assert_eq!(queue.waiting().by_client.len(), 2);
    }

    #[tokio::test]
    async fn what_is_no_hash_is_our_fault_and_not_a_wrong_password() {
        let passwords = Passwords::default();
        let failed = passwords
            .verify("correct horse".to_owned(), Some("plain text"), None)
            .await;
        assert!(matches!(failed, Err(PasswordError::Argon2(_))));
    }
}

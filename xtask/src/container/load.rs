//! Counted requests of several clients, while a host is stopped.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::account::register;
use crate::http;

const CLIENTS: usize = 8;

/// The most requests of one client.
const REQUESTS: usize = 5_000;

/// Clients that send one request after the other until the host refuses one.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

struct Shared {
    address: SocketAddr,
    token: String,
    stopping: AtomicBool,
    answered: AtomicUsize,
    turned_away: AtomicUsize,
}

/// The counts of the requests.
pub(crate) struct Outcome {
    answered: usize,
    turned_away: usize,
    /// The errors of requests that failed.
    pub(crate) failed: Vec<String>,
}

impl Load {
    /// Registers an account, and lists its tasks from several connections at once.
    pub(crate) fn start(address: SocketAddr) -> Result<Self> {
        let token = register(address, "load")?;
        let shared = Arc::new(Shared {
            address,
            token,
            stopping: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            turned_away: AtomicUsize::new(0),
        });
        let client = |_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.client())
        };
        let clients = (0..CLIENTS).map(client).collect();
        Ok(Self { shared, clients })
    }

    /// Waits until `count` requests have been answered.
    pub(crate) fn wait_for(&self, count: usize) -> Result<()> {
        while self.shared.answered.load(SeqCst) < count {
            ensure!(
                !self.clients.iter().all(JoinHandle::is_finished),
                "every client has failed"
            );
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Allows the host to refuse new requests. Call it before the host is told to stop.
    pub(crate) fn stopping(&self) {
        self.shared.stopping.store(true, SeqCst);
    }

    /// Waits until the host has refused a request of every client.
    pub(crate) fn finish(self) -> Outcome {
        let failed = self
            .clients
            .into_iter()
            .flat_map(|client| client.join().unwrap_or_default())
            .collect();
        Outcome {
            answered: self.shared.answered.load(SeqCst),
            turned_away: self.shared.turned_away.load(SeqCst),
            failed,
        }
    }
}

impl Shared {
    /// Returns the failures. A request that begins after the host was told to stop, and gets no byte of a response, is
    /// refused: a load balancer sends such a request to another host. Every other request must be answered.
    fn client(&self) -> Vec<String> {
        let mut failed = Vec::new();
        for _ in 0..REQUESTS {
            let may_be_turned_away = self.stopping.load(SeqCst);
            match http::get(self.address, "/api/tasks", Some(&self.token)) {
                Ok(answer) if answer.status == 200 => _ = self.answered.fetch_add(1, SeqCst),
                Ok(answer) => failed.push(format!("{}: {}", answer.status, answer.body)),
                Err(error) if may_be_turned_away && has_no_answer(error.kind()) => {
                    self.turned_away.fetch_add(1, SeqCst);
                    break;
                }
                // The request began before the stop, but its connection after the socket was closed, so the flag is
                // read again.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused && self.stopping.load(SeqCst) => {
                    self.turned_away.fetch_add(1, SeqCst);
                    break;
                }
                Err(error) => {
                    failed.push(error.to_string());
                    break;
                }
            }
        }
        failed
    }
}

fn has_no_answer(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            answered,
            turned_away,
            failed,
        } = self;
        write!(
            formatter,
            "{answered} requests answered, {turned_away} turned away, {} failed",
            failed.len()
        )
    }
}

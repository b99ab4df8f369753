//! Opening one connection: bounded in time, and patient with a server that is only just starting.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep, timeout};

/// SQLSTATEs of a server that is there and will soon answer: starting up, shutting down to start again,
/// or short of connections.
const NOT_YET: [&str; 3] = ["57P03", "57P01", "53300"];

/// How long to wait before another attempt.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Opens a connection within `patience`, handshake included.
///
/// Statements are not logged: some of them set passwords.
///
/// # Errors
///
/// Whatever keeps the connection from opening; being too slow is an I/O error of the kind `TimedOut`.
pub async fn connect(options: &PgConnectOptions, patience: Duration) -> sqlx::Result<PgConnection> {
    let options = options.clone().disable_statement_logging();
    // Boxed, since it is large, and a part of every future that may have to connect.
    let connection = Box::pin(PgConnection::connect_with(&options));
    timeout(patience, connection).await.unwrap_or_else(|_| {
        let message = format!("no connection to PostgreSQL within {patience:?}");
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, message)))
    })
}

/// Opens a connection to a server that may not be up yet, trying again for as long as `patience`.
///
/// A private server takes a tenth of a second to start, a managed one that slept takes several.
/// A refusal that waiting does not cure (a wrong password, an unknown database) is returned at once.
///
/// # Errors
///
/// The last attempt's error.
pub async fn connect_when_ready(
    options: &PgConnectOptions,
    patience: Duration,
) -> sqlx::Result<PgConnection> {
    let start = Instant::now();
    loop {
        let outcome = connect(options, patience.saturating_sub(start.elapsed())).await;
        // The longer it took so far, the less a little more matters.
        let pause = (start.elapsed() / 10).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        match outcome {
            Err(error) if is_passing(&error) && start.elapsed() + pause < patience => {
                tracing::debug!(%error, "PostgreSQL is not ready yet");
                sleep(pause).await;
            }
            outcome => return outcome,
        }
    }
}

/// Whether the same attempt may succeed a moment later.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        // What arrives and makes no sense, a certificate that nobody vouches for say, will be no other next time.
        sqlx::Error::Io(error) => error.kind() != io::ErrorKind::InvalidData,
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| NOT_YET.contains(&code.as_ref())),
        _ => false,
    }
}

//! Opens one connection within a timeout, and retries while a server is starting.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use berth_postgres::{Connection, ServerMessage, Target};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection as _};
use tokio::time::{Instant, sleep, timeout};

use crate::trouble::Trouble;

/// How long a server may take to wake up.
pub(crate) const WAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// SQLSTATEs of a server that will accept connections soon: it starts up, restarts, or is out of connections.
const NOT_YET: [&str; 3] = ["57P03", "57P01", "53300"];

/// The pause before the second attempt.
const MIN_RETRY_PAUSE: Duration = Duration::from_millis(2);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How long a server may be unavailable before the host logs a warning.
const WARNING_DELAY: Duration = Duration::from_millis(500);

/// Opens a connection within `time_limit`, including the handshake.
///
/// Statements are not logged: some of them set passwords.
///
/// # Errors
///
/// Any error that keeps the connection from opening; a timeout is an I/O error of the kind `TimedOut`.
pub async fn connect(options: &PgConnectOptions, time_limit: Duration) -> sqlx::Result<PgConnection> {
    let options = options.clone().disable_statement_logging();
    // Boxed, because the future is large and part of every future that may have to connect.
    let connection = Box::pin(PgConnection::connect_with(&options));
    timeout(time_limit, connection)
        .await
        .unwrap_or_else(|_| Err(too_slow(time_limit).into()))
}

/// Opens a connection to a server that may not be up yet, and retries for up to `time_limit`.
///
/// A private server starts in a tenth of a second; a managed server that slept takes several seconds. A refusal
/// that waiting does not cure (a wrong password, an unknown database) is returned at once.
///
/// # Errors
///
/// The error of the last attempt.
pub async fn connect_when_ready(
    options: &PgConnectOptions,
    time_limit: Duration,
) -> sqlx::Result<PgConnection> {
    let mut attempts = Attempts::within(time_limit);
    loop {
        match connect(options, attempts.time_left()).await {
            Err(error) => attempts.pause_after(error).await?,
            connected => return connected,
        }
    }
}

/// Like [`connect_when_ready`], but opens a connection for untrusted SQL.
///
/// # Errors
///
/// The error of the last attempt.
pub async fn open_when_ready(
    target: &Target,
    settings: &[(&str, String)],
    time_limit: Duration,
) -> Result<Connection, berth_postgres::Error> {
    let mut attempts = Attempts::within(time_limit);
    loop {
        // Boxed, because the future is large and part of every future that may have to connect.
        let opening = Box::pin(Connection::open(target, settings));
        match timeout(attempts.time_left(), opening)
            .await
            .unwrap_or_else(|_| Err(too_slow(time_limit).into()))
        {
            Err(error) => attempts.pause_after(error).await?,
            opened => return opened,
        }
    }
}

/// Attempts to reach a server within a timeout.
struct Attempts {
    start: Instant,
    time_limit: Duration,
    has_warned: bool,
}

impl Attempts {
    fn within(time_limit: Duration) -> Self {
        Self {
            start: Instant::now(),
            time_limit,
            has_warned: false,
        }
    }

    fn time_left(&self) -> Duration {
        self.time_limit.saturating_sub(self.start.elapsed())
    }

    /// Pauses before the next attempt, or returns the error if the time is up.
    async fn pause_after<E: MayBeTemporary>(&mut self, error: E) -> Result<(), E>
    where
        for<'a> Trouble: From<&'a E>,
    {
        // The pause grows with the elapsed time.
        let pause = (self.start.elapsed() / 10).clamp(MIN_RETRY_PAUSE, MAX_RETRY_PAUSE);
        if !error.is_temporary() || self.time_left() <= pause {
            return Err(error);
        }
        // No warning at first, because servers that start together with the host take a moment.
        if !self.has_warned && self.start.elapsed() > WARNING_DELAY {
            self.has_warned = true;
            tracing::warn!(%error, "PostgreSQL cannot be used yet, trying again: {}", Trouble::from(&error));
        }
        tracing::debug!(%error, "PostgreSQL is not ready yet");
        sleep(pause).await;
        Ok(())
    }
}

/// An error after which another attempt may succeed.
trait MayBeTemporary: Display {
    fn is_temporary(&self) -> bool;
}

impl MayBeTemporary for sqlx::Error {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Io(error) => is_temporary_io(error),
            Self::Database(refusal) => refusal
                .code()
                .is_some_and(|code| NOT_YET.contains(&code.as_ref())),
            _ => false,
        }
    }
}

impl MayBeTemporary for berth_postgres::Error {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Io(error) => is_temporary_io(error),
            _ => self.code().is_some_and(|code| NOT_YET.contains(&code)),
        }
    }
}

/// Whether an I/O error is temporary. Invalid data, such as the certificate of an unknown authority, is
/// permanent.
fn is_temporary_io(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::InvalidData
}

fn too_slow(time_limit: Duration) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("no connection to PostgreSQL within {time_limit:?}"),
    )
}

/// Converts an error of sqlx to the error type of the other client.
pub(crate) fn translated(error: sqlx::Error) -> berth_postgres::Error {
    match error {
        sqlx::Error::Database(refusal) => berth_postgres::Error::Server(Box::new(ServerMessage {
            severity: "FATAL".to_owned(),
            code: refusal.code().unwrap_or_default().into_owned(),
            message: refusal.message().to_owned(),
            ..ServerMessage::default()
        })),
        sqlx::Error::Io(error) => error.into(),
        sqlx::Error::Tls(error) => berth_postgres::Error::Tls(error.to_string()),
        other => io::Error::other(other.to_string()).into(),
    }
}

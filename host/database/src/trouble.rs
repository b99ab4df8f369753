//! Why a server cannot be used: what is wrong and what to change, in one sentence without any secret.

use std::io::{self, ErrorKind};

/// The reason for which a connection does not open, or does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing listens at the address.
    #[error("no server listens at its host and port; start PostgreSQL, or correct the URL")]
    Refused,
    /// The host's name has no address.
    #[error("its host's name is unknown; correct the URL")]
    UnknownHost,
    /// The server is there and says nothing.
    #[error(
        "no answer came in time; look whether a firewall is in between, and whether the server is overloaded"
    )]
    TooSlow,
    /// The server starts, stops, or has no connection left.
    #[error(
        "the server is starting, shutting down, or out of connections; wait, or raise its max_connections"
    )]
    NotYet,
    /// There is no such role, its password is another one, or the server lets nobody in from here.
    #[error("the server refuses the user or the password; correct the URL")]
    WrongPassword,
    /// There is no such database.
    #[error("the server has no database of that name; create it, or correct the URL")]
    NoSuchDatabase,
    /// The role may not do what the host needs.
    #[error("the user may not create tables there; grant CREATE on the database")]
    NotAllowed,
    /// The server offers no TLS, and the URL asks for it.
    #[error(
        "the server does not support TLS, which sslmode asks for; switch TLS on at the server, or correct sslmode in \
         the URL"
    )]
    NoTls,
    /// No encrypted connection came about.
    #[error("TLS fails; look at the server's certificate, and at sslmode and sslrootcert in the URL")]
    Tls,
    /// Anything else, which is in the log.
    #[error("the connection fails; the log says how")]
    Other,
}

impl Trouble {
    /// Whether the server has answered, so that waiting changes nothing before somebody does.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::WrongPassword | Self::NoSuchDatabase | Self::NotAllowed | Self::NoTls | Self::Tls
        )
    }
}

impl From<&berth_postgres::Error> for Trouble {
    fn from(error: &berth_postgres::Error) -> Self {
        match error {
            berth_postgres::Error::Io(error) => of_io(error),
            berth_postgres::Error::Tls(error) => of_tls(error),
            other => other.code().map_or(Self::Other, of_code),
        }
    }
}

impl From<&sqlx::Error> for Trouble {
    fn from(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => of_io(error),
            sqlx::Error::Database(refusal) => refusal.code().map_or(Self::Other, |code| of_code(&code)),
            sqlx::Error::Tls(error) => of_tls(&error.to_string()),
            _ => Self::Other,
        }
    }
}

fn of_io(error: &io::Error) -> Trouble {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Trouble::Refused,
        ErrorKind::TimedOut => Trouble::TooSlow,
        // How the TLS of this crate's clients says that it does not trust a certificate.
        ErrorKind::InvalidData => Trouble::Tls,
        // The resolver has no kind of its own.
        _ if error.to_string().contains("lookup address") => Trouble::UnknownHost,
        _ => Trouble::Other,
    }
}

/// By what both clients say, which have no kinds of such errors.
fn of_tls(error: &str) -> Trouble {
    if error.contains("does not support TLS") { Trouble::NoTls } else { Trouble::Tls }
}

/// By an SQLSTATE.
fn of_code(code: &str) -> Trouble {
    match code {
        "28P01" | "28000" => Trouble::WrongPassword,
        "3D000" => Trouble::NoSuchDatabase,
        "42501" => Trouble::NotAllowed,
        "53300" | "57P01" | "57P02" | "57P03" => Trouble::NotYet,
        _ => Trouble::Other,
    }
}

//! Why a server cannot be used: the problem and its remedy, in one sentence without any secret.

use std::io::{self, ErrorKind};

/// Why a connection cannot be opened, or gets no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No server listens at the address.
    #[error("no server listens at its host and port; start PostgreSQL, or correct the URL")]
    Refused,
    /// The host's name has no address.
    #[error("its host's name is unknown; correct the URL")]
    UnknownHost,
    /// The server accepts connections but does not respond.
    #[error(
        "no answer came in time; look whether a firewall is in between, and whether the server is overloaded"
    )]
    TooSlow,
    /// The server starts, stops, or has no free connection.
    #[error(
        "the server is starting, shutting down, or out of connections; wait, or raise its max_connections"
    )]
    NotYet,
    /// The role does not exist, its password is wrong, or the server accepts no connections from this address.
    #[error("the server refuses the user or the password; correct the URL")]
    WrongPassword,
    /// There is no such database.
    #[error("the server has no database of that name; create it, or correct the URL")]
    NoSuchDatabase,
    /// The role lacks a privilege that the host needs.
    #[error("the user may not create tables there; grant CREATE on the database")]
    NotAllowed,
    /// The server offers no TLS, and the URL asks for it.
    #[error(
        "the server does not support TLS, which sslmode asks for; switch TLS on at the server, or correct sslmode in \
         the URL"
    )]
    NoTls,
    /// TLS could not be negotiated.
    #[error("TLS fails; look at the server's certificate, and at sslmode and sslrootcert in the URL")]
    Tls,
    /// Any other error; the log has its details.
    #[error("the connection fails; the log says how")]
    Other,
}

impl Trouble {
    /// Whether the server has responded, so that only an operator's change can help.
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
            berth_postgres::Error::Io(error) => from_io(error),
            berth_postgres::Error::Tls(error) => from_tls_text(error),
            other => other.code().map_or(Self::Other, from_code),
        }
    }
}

impl From<&sqlx::Error> for Trouble {
    fn from(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => from_io(error),
            sqlx::Error::Database(refusal) => refusal.code().map_or(Self::Other, |code| from_code(&code)),
            sqlx::Error::Tls(error) => from_tls_text(&error.to_string()),
            _ => Self::Other,
        }
    }
}

/// Classifies an I/O error.
fn from_io(error: &io::Error) -> Trouble {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Trouble::Refused,
        ErrorKind::TimedOut => Trouble::TooSlow,
        // The error of this crate's TLS for an untrusted certificate.
        ErrorKind::InvalidData => Trouble::Tls,
        // The standard library has no error kind for a failed name lookup.
        _ if error.to_string().contains("lookup address") => Trouble::UnknownHost,
        _ => Trouble::Other,
    }
}

/// Classifies a TLS error by its text, because neither client has error kinds for TLS.
fn from_tls_text(error: &str) -> Trouble {
    if error.contains("does not support TLS") {
        Trouble::NoTls
    } else {
        Trouble::Tls
    }
}

/// Classifies an error by its SQLSTATE.
fn from_code(code: &str) -> Trouble {
    match code {
        "28P01" | "28000" => Trouble::WrongPassword,
        "3D000" => Trouble::NoSuchDatabase,
        "42501" => Trouble::NotAllowed,
        "53300" | "57P01" | "57P02" | "57P03" => Trouble::NotYet,
        _ => Trouble::Other,
    }
}

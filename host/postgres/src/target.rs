//! Where a server is, and the role to connect as.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A name or an IP address, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// The TLS mode, named as libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS if the server has it, with any certificate.
    Prefer,
    /// TLS, with any certificate.
    Require,
    /// TLS, with a certificate of a trusted authority.
    VerifyCa,
    /// TLS, with a certificate of a trusted authority for the name of the server.
    VerifyFull,
}

/// PEM, or the file that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// The text itself.
    Inline(String),
    /// A path.
    File(PathBuf),
}

impl From<&str> for Pem {
    fn from(text: &str) -> Self {
        if text.trim_start().starts_with("-----BEGIN") {
            Self::Inline(text.to_owned())
        } else {
            Self::File(text.into())
        }
    }
}

/// The parameters of a connection. Clones share the TLS configuration.
#[derive(Clone)]
pub struct Target {
    /// Where the server listens.
    pub address: Address,
    /// The role.
    pub user: String,
    /// Its password, if it has one.
    pub password: Option<String>,
    /// The database; the server's default is the one with the role's name.
    pub database: Option<String>,
    /// The name that `pg_stat_activity` shows.
    pub application_name: Option<String>,
    /// Further settings, as libpq's `options` has them: `-c name=value`.
    pub options: Option<String>,
    /// The TLS mode.
    pub tls: TlsMode,
    /// Authorities beside those that the machine trusts.
    pub authorities: Option<Pem>,
    /// A certificate of the client's own, and its key.
    pub client_certificate: Option<(Pem, Pem)>,
    /// The configuration that follows from the fields about TLS, once it was made.
    pub(crate) tls_config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Target {
    /// A server without TLS, password and further settings.
    #[must_use]
    pub fn new(address: Address, user: impl Into<String>) -> Self {
        Self {
            address,
            user: user.into(),
            password: None,
            database: None,
            application_name: None,
            options: None,
            tls: TlsMode::Disable,
            authorities: None,
            client_certificate: None,
            tls_config: Arc::default(),
        }
    }

    /// The target with another role.
    #[must_use]
    pub fn as_role(&self, user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: Some(password.to_owned()),
            ..self.clone()
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the password.
        formatter
            .debug_struct("Target")
            .field("address", &self.address)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

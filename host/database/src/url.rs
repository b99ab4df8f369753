//! Parses `DATABASE_URL`, as written for libpq, asyncpg, `SQLAlchemy`, Prisma or JDBC, into a [`Server`].
//!
//! No error repeats any part of the URL: a password with an unescaped `@` or `?` can end up anywhere in it.

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::server::{Server, Sessions};

/// Parameters that sqlx understands, besides the TLS modes. All others are for other drivers.
const UNDERSTOOD: [&str; 15] = [
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Those parameters whose value is a file of certificate authorities.
const AUTHORITIES: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];

/// Why a database URL cannot be used. The messages complete a sentence that begins with the variable's name.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// Not a URL.
    #[error(
        "is not a URL ({0}); it should look like postgres://user:password@host:5432/database, with \
         special characters in the password percent-encoded"
    )]
    Malformed(#[source] url::ParseError),
    /// The URL is not for PostgreSQL.
    #[error("must begin with postgres:// or postgresql://, as Berth keeps its data in PostgreSQL only")]
    Scheme,
    /// A TLS mode that PostgreSQL does not have.
    #[error("has an unknown `{0}`: use disable, allow, prefer, require, verify-ca or verify-full")]
    Tls(&'static str),
    /// A part that cannot be decoded, such as a port that is not a number.
    #[error("has a part that cannot be read: {0}")]
    Part(#[source] sqlx::Error),
}

/// Domains whose servers have certificates of public authorities, so that no file is needed to verify them.
const PUBLIC: [&str; 2] = [".neon.tech", ".postgres.database.azure.com"];

/// Suffix of the first label in the host name of Neon's pooler; the server behind the pooler lacks it.
const POOLER: &str = "-pooler";

/// Parses a database URL. Missing parts come from the sources of libpq: the variables `PGHOST`, `PGUSER` and so
/// on, then the password file.
///
/// TLS modes mean what they mean in libpq: `require` encrypts and accepts any certificate, unless there is a file to
/// verify it by. Two conditions raise the mode to `verify-full`: `channel_binding=require`, which demands that no
/// third party is in between, and a host that is known to have a certificate of a public authority.
///
/// `pgbouncer=true` says that there is a pooler, `pgbouncer=false` that there is none; otherwise the host detects
/// it.
///
/// # Errors
///
/// See [`UrlError`].
pub fn parse(text: &str) -> Result<Server, UrlError> {
    let mut url = Url::parse(text.trim()).map_err(UrlError::Malformed)?;
    if !is_postgresql(url.scheme()) || url.cannot_be_a_base() {
        return Err(UrlError::Scheme);
    }
    let parameters = Parameters::read(&url)?;
    url.set_query(None);
    if !parameters.for_sqlx.is_empty() {
        url.query_pairs_mut().extend_pairs(&parameters.for_sqlx);
    }
    let mut options = PgConnectOptions::from_url(&url).map_err(UrlError::Part)?;
    if options.get_application_name().is_none() {
        options = options.application_name("berth");
    }
    let mode = parameters
        .tls_mode(options.get_host())
        .unwrap_or(options.get_ssl_mode());
    // PgBouncer refuses this parameter, and PostgreSQL 12 and later do not need it.
    let options = options.ssl_mode(mode).extra_float_digits(None);
    Ok(match behind_pooler(options.get_host()) {
        Some(host) => Server::new(options.clone(), options.host(&host), Some(Sessions::Shared)),
        None => Server::new(options.clone(), options, parameters.sessions),
    })
}

/// Whether the scheme is `postgres` or `postgresql`, possibly followed by a driver's name, as `SQLAlchemy`
/// writes it.
fn is_postgresql(scheme: &str) -> bool {
    let dialect = scheme
        .split_once('+')
        .map_or(scheme, |(dialect, _driver)| dialect);
    matches!(dialect, "postgres" | "postgresql")
}

/// The host name of the server behind Neon's pooler: the pooler's name without the suffix.
fn behind_pooler(host: &str) -> Option<String> {
    let (endpoint, domain) = host.split_once('.')?;
    let endpoint = endpoint
        .strip_suffix(POOLER)
        .filter(|_| host.ends_with(".neon.tech"))?;
    Some(format!("{endpoint}.{domain}"))
}

/// The query parameters of the URL.
#[derive(Default)]
struct Parameters {
    /// The parameters that sqlx understands.
    for_sqlx: Vec<(String, String)>,
    tls: Option<PgSslMode>,
    /// Whether a file of certificate authorities is given.
    has_authorities: bool,
    /// Whether channel binding is required.
    binds_channel: bool,
    sessions: Option<Sessions>,
}

impl Parameters {
    fn read(url: &Url) -> Result<Self, UrlError> {
        let mut parameters = Self::default();
        for (name, value) in url.query_pairs() {
            parameters.take(&name, &value)?;
        }
        Ok(parameters)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), UrlError> {
        match name {
            "ssl" => self.tls = Some(tls_mode("ssl", value)?),
            "sslmode" | "ssl-mode" => self.tls = Some(tls_mode("sslmode", value)?),
            "channel_binding" => self.binds_channel = value == "require",
            "pgbouncer" => {
                self.sessions = Some(if value == "true" {
                    Sessions::Shared
                } else {
                    Sessions::Own
                });
            }
            // libpq's word for the authorities that the system trusts.
            "sslrootcert" if value == "system" => self.tls = Some(PgSslMode::VerifyFull),
            known if UNDERSTOOD.contains(&known) || known.starts_with("options[") => {
                self.has_authorities |= AUTHORITIES.contains(&known);
                self.for_sqlx.push((name.to_owned(), value.to_owned()));
            }
            // Parameters of other drivers, such as connect_timeout or pool_size.
            _ => tracing::debug!(parameter = name, "ignored a parameter of the database URL"),
        }
        Ok(())
    }

    /// The TLS mode for a server at `host`; `None` leaves the choice to sqlx.
    fn tls_mode(&self, host: &str) -> Option<PgSslMode> {
        let is_public = PUBLIC.iter().any(|domain| host.ends_with(domain));
        match self.tls {
            Some(PgSslMode::Require) | None if self.binds_channel || is_public => Some(PgSslMode::VerifyFull),
            Some(PgSslMode::Require) if self.has_authorities => Some(PgSslMode::VerifyCa),
            mode => mode,
        }
    }
}

/// libpq's TLS modes, and the boolean values of asyncpg and JDBC.
fn tls_mode(parameter: &'static str, value: &str) -> Result<PgSslMode, UrlError> {
    match value.to_ascii_lowercase().as_str() {
        "disable" | "false" => Ok(PgSslMode::Disable),
        "allow" => Ok(PgSslMode::Allow),
        "prefer" => Ok(PgSslMode::Prefer),
        "require" | "true" => Ok(PgSslMode::Require),
        "verify-ca" => Ok(PgSslMode::VerifyCa),
        "verify-full" => Ok(PgSslMode::VerifyFull),
        _ => Err(UrlError::Tls(parameter)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

    use super::*;

    /// The connect options that sqlx gets.
    fn options(text: &str) -> PgConnectOptions {
        parse(text).unwrap().options().clone()
    }

    fn tls(text: &str) -> String {
        format!("{:?}", options(text).get_ssl_mode())
    }

    #[test]
    fn every_common_scheme_is_postgresql() {
        for scheme in [
            "postgres",
            "postgresql",
            "postgresql+asyncpg",
            "postgres+psycopg2",
            "POSTGRESQL",
        ] {
            let options = options(&format!("{scheme}://ann:pw@db.example:6543/tasks"));
            assert_eq!(options.get_host(), "db.example");
            assert_eq!(options.get_port(), 6543);
            assert_eq!(options.get_username(), "ann");
            assert_eq!(options.get_database(), Some("tasks"));
        }
    }

    #[test]
    fn asyncpg_and_libpq_say_tls_differently() {
        for (query, mode) in [
            ("sslmode=require", PgSslMode::Require),
            ("ssl=require", PgSslMode::Require),
            ("ssl=true", PgSslMode::Require),
            ("ssl=verify-full", PgSslMode::VerifyFull),
            ("ssl=false", PgSslMode::Disable),
            ("sslmode=disable", PgSslMode::Disable),
            ("sslmode=require&sslrootcert=/ca.pem", PgSslMode::VerifyCa),
            ("sslmode=verify-full&sslrootcert=/ca.pem", PgSslMode::VerifyFull),
            ("sslrootcert=system", PgSslMode::VerifyFull),
        ] {
            assert_eq!(
                tls(&format!("postgres://ann@db/tasks?{query}")),
                format!("{mode:?}"),
                "{query}"
            );
        }
    }

    #[test]
    fn a_server_that_can_prove_who_it_is_has_to() {
        let neon = "ep-cool-sun-123456-pooler.us-east-2.aws.neon.tech";
        for url in [
            format!("postgresql://ann:pw@{neon}/tasks?sslmode=require&channel_binding=require"),
            format!("postgresql+asyncpg://ann:pw@{neon}/tasks?ssl=require"),
            format!("postgresql://ann:pw@{neon}/tasks"),
            "postgres://ann@tasks.postgres.database.azure.com/tasks?sslmode=require".to_owned(),
            "postgres://ann@db.example/tasks?sslmode=require&channel_binding=require".to_owned(),
        ] {
            assert_eq!(tls(&url), "VerifyFull", "{url}");
        }
        for (query, mode) in [
            ("sslmode=require&channel_binding=prefer", "Require"),
            ("sslmode=verify-ca&channel_binding=require", "VerifyCa"),
            ("sslmode=disable&channel_binding=require", "Disable"),
        ] {
            assert_eq!(
                tls(&format!("postgres://ann@db.example/tasks?{query}")),
                mode,
                "what is said, counts"
            );
        }
    }

    #[test]
    fn neons_pooler_is_passed_by_where_a_session_is_needed() {
        let server =
            parse("postgresql://ann@ep-cool-sun-123456-pooler.us-east-2.aws.neon.tech/tasks").unwrap();
        assert_eq!(
            server.options().get_host(),
            "ep-cool-sun-123456-pooler.us-east-2.aws.neon.tech"
        );
        assert_eq!(
            server.direct().get_host(),
            "ep-cool-sun-123456.us-east-2.aws.neon.tech"
        );
        assert_eq!(server.known_sessions(), Some(Sessions::Shared));
        for host in [
            "ep-cool-sun-123456.us-east-2.aws.neon.tech",
            "tasks-pooler.example",
            "tasks-pooler",
        ] {
            let server = parse(&format!("postgresql://ann@{host}/tasks")).unwrap();
            assert_eq!(
                (server.direct().get_host(), server.known_sessions()),
                (host, None),
                "{host}"
            );
        }
    }

    #[test]
    fn other_poolers_can_be_named_and_ruled_out() {
        let sessions = |query| {
            parse(&format!("postgres://ann@db/tasks{query}"))
                .unwrap()
                .known_sessions()
        };
        assert_eq!(sessions(""), None, "the first connection finds out");
        assert_eq!(sessions("?pgbouncer=true"), Some(Sessions::Shared));
        assert_eq!(sessions("?pgbouncer=false"), Some(Sessions::Own));
    }

    #[test]
    fn other_drivers_parameters_are_ignored() {
        let options =
            options("postgresql://ann@db/tasks?sslmode=require&connect_timeout=10&application_name=reports");
        assert_eq!(format!("{:?}", options.get_ssl_mode()), "Require");
        assert_eq!(options.get_application_name(), Some("reports"));
    }

    #[test]
    fn an_escaped_password_and_a_socket_directory_are_understood() {
        let options = options("postgres://ann:p%40ss%2Fword@%2Frun%2Fpostgresql/tasks");
        assert_eq!(options.get_socket().unwrap().to_str(), Some("/run/postgresql"));
        assert_eq!(options.to_url_lossy().password(), Some("p%40ss%2Fword"));
    }

    #[test]
    fn an_unusable_url_is_explained_without_its_secret() {
        for (text, remedy) in [
            ("", "should look like"),
            ("hunter2", "should look like"),
            ("ann:hunter2@db/tasks", "must begin with"),
            ("mysql://ann:hunter2@db/tasks", "must begin with"),
            ("postgres://ann:hunter2@db:notaport/tasks", "should look like"),
            ("postgres://ann:hunter2@db/tasks?sslmode=hunter2", "verify-full"),
            ("postgres://ann:hunter2@db/tasks?ssl=hunter2", "verify-full"),
            ("postgres://ann:hunter2@db/tasks?port=hunter2", "cannot be read"),
            ("postgres://ann:hunter2%ff@db/tasks", "cannot be read"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(remedy), "{text}: {error}");
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{text}: {error:?}"
            );
        }
    }
}

//! `DATABASE_URL` as people have it, written for libpq, asyncpg, `SQLAlchemy`, Prisma or JDBC, made into options.
//!
//! No error repeats any part of the URL: a password with an unescaped `@` or `?` can end up anywhere in it.

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

/// What sqlx takes as it stands, beside the TLS modes. Everything else is for some other driver.
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

/// Why a database URL cannot be used. The messages complete a sentence that begins with the variable's name.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error(
        "is not a URL ({0}); it should look like postgres://user:password@host:5432/database, with \
         special characters in the password percent-encoded"
    )]
    Malformed(#[source] url::ParseError),
    /// A URL of something else than PostgreSQL.
    #[error("must begin with postgres:// or postgresql://, as Berth keeps its data in PostgreSQL only")]
    Scheme,
    /// A TLS mode that PostgreSQL does not have.
    #[error("has an unknown `{0}`: use disable, allow, prefer, require, verify-ca or verify-full")]
    Tls(&'static str),
    /// A part that cannot be decoded, such as a port that is no number.
    #[error("has a part that cannot be read: {0}")]
    Part(#[source] sqlx::Error),
}

/// Reads a database URL. Parts that are missing are taken from where libpq takes them: the variables
/// `PGHOST`, `PGUSER` and so on, then the password file.
///
/// # Errors
///
/// See [`UrlError`].
pub fn parse(text: &str) -> Result<PgConnectOptions, UrlError> {
    let mut url = Url::parse(text.trim()).map_err(UrlError::Malformed)?;
    if !is_postgresql(url.scheme()) || url.cannot_be_a_base() {
        return Err(UrlError::Scheme);
    }
    let parameters = parameters(&url)?;
    url.set_query(None);
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    let mut options = PgConnectOptions::from_url(&url).map_err(UrlError::Part)?;
    if options.get_application_name().is_none() {
        options = options.application_name("berth");
    }
    // PgBouncer refuses this parameter, and PostgreSQL 12 and later need no telling.
    Ok(options.extra_float_digits(None))
}

/// `postgres`, `postgresql`, and either with a driver's name behind it, as `SQLAlchemy` writes it.
fn is_postgresql(scheme: &str) -> bool {
    let dialect = scheme.split_once('+').map_or(scheme, |(dialect, _driver)| dialect);
    matches!(dialect, "postgres" | "postgresql")
}

/// The URL's parameters in sqlx's words.
fn parameters(url: &Url) -> Result<Vec<(String, String)>, UrlError> {
    let mut parameters = Vec::new();
    for (name, value) in url.query_pairs() {
        match &*name {
            "ssl" => parameters.push(("sslmode".to_owned(), tls_mode("ssl", &value)?.to_owned())),
            "sslmode" | "ssl-mode" => {
                parameters.push(("sslmode".to_owned(), tls_mode("sslmode", &value)?.to_owned()));
            }
            known if UNDERSTOOD.contains(&known) || known.starts_with("options[") => {
                parameters.push((name.into_owned(), value.into_owned()));
            }
            // channel_binding, pgbouncer, connect_timeout, pool_size and their kind.
            _ => tracing::debug!(parameter = %name, "ignored a parameter of the database URL"),
        }
    }
    Ok(parameters)
}

/// libpq's TLS modes, and asyncpg's and JDBC's way to say yes and no.
fn tls_mode(parameter: &'static str, value: &str) -> Result<&'static str, UrlError> {
    match value.to_ascii_lowercase().as_str() {
        "disable" | "false" => Ok("disable"),
        "allow" => Ok("allow"),
        "prefer" => Ok("prefer"),
        "require" | "true" => Ok("require"),
        "verify-ca" => Ok("verify-ca"),
        "verify-full" => Ok("verify-full"),
        _ => Err(UrlError::Tls(parameter)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

    use sqlx::postgres::PgSslMode;

    use super::*;

    fn tls(options: &PgConnectOptions) -> String {
        format!("{:?}", options.get_ssl_mode())
    }

    #[test]
    fn every_common_scheme_is_postgresql() {
        for scheme in ["postgres", "postgresql", "postgresql+asyncpg", "postgres+psycopg2", "POSTGRESQL"] {
            let options = parse(&format!("{scheme}://ann:pw@db.example:6543/tasks")).unwrap();
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
        ] {
            let options = parse(&format!("postgres://ann@db/tasks?{query}")).unwrap();
            assert_eq!(tls(&options), format!("{mode:?}"), "{query}");
        }
    }

    #[test]
    fn other_drivers_parameters_are_ignored() {
        let options = parse(
            "postgresql://ann@db/tasks?sslmode=require&channel_binding=require&pgbouncer=true\
             &connect_timeout=10&application_name=reports",
        )
        .unwrap();
        assert_eq!(tls(&options), format!("{:?}", PgSslMode::Require));
        assert_eq!(options.get_application_name(), Some("reports"));
    }

    #[test]
    fn an_escaped_password_and_a_socket_directory_are_understood() {
        let options = parse("postgres://ann:p%40ss%2Fword@%2Frun%2Fpostgresql/tasks").unwrap();
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
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error:?}");
        }
    }
}

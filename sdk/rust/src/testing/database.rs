//! The database of a test.

use std::cell::RefCell;
use std::rc::Rc;

use ::postgres::{Client, Config, NoTls};

use super::server::Server;

/// A real PostgreSQL, in which a test's SQL runs. Only with the feature `testing-postgres`.
///
/// ```
/// use berth_sdk::postgres::{self, Statement};
/// use berth_sdk::testing::{Database, Host};
///
/// let host = Host::new()
///     .with_database(&Database::temporary())
///     .migrated(berth_sdk::migrations!("$CARGO_MANIFEST_DIR/tests/migrations"));
/// let texts = host.run(|| {
///     let insert = Statement::new("INSERT INTO notes (owner, text) VALUES ('ann', ").value("Hi").and(")");
///     insert.execute()?;
///     Statement::new("SELECT text FROM notes").fetch_all::<String>()
/// });
/// assert_eq!(texts.unwrap(), ["Hi"]);
/// ```
///
/// The host's limits do not hold here: neither the time of a statement nor the size of a result is bounded.
#[derive(Clone)]
pub struct Database(pub(super) Rc<Connections>);

/// The connections to a database. The fields are dropped in this order: the server last.
pub(super) struct Connections {
    idle: RefCell<Vec<Client>>,
    config: Config,
    _server: Option<Server>,
}

impl Database {
    /// Starts a PostgreSQL in a temporary folder. It ends, and is removed, with the last clone of this value.
    ///
    /// The programs `initdb` and `postgres` must be on the `PATH` or in Debian's folder.
    ///
    /// # Panics
    ///
    /// Panics if there is no PostgreSQL, or if it does not start.
    ///
    /// ```
    /// use berth_sdk::postgres::Statement;
    /// use berth_sdk::testing::{Database, Host};
    ///
    /// let host = Host::new().with_database(&Database::temporary());
    /// assert_eq!(host.run(|| Statement::new("SELECT 1").fetch_one::<i32>()).unwrap(), 1);
    /// ```
    #[must_use]
    pub fn temporary() -> Self {
        let server = Server::start();
        Self::with(server.config(), Some(server))
    }

    /// Connects to an empty database that is there already: `postgres://user@localhost/name`.
    ///
    /// # Panics
    ///
    /// Panics if the URL is not valid.
    ///
    /// ```
    /// # use berth_sdk::testing::{Database, Host};
    /// let host = Host::new().with_database(&Database::at("postgres://postgres@localhost/test"));
    /// ```
    #[must_use]
    pub fn at(url: &str) -> Self {
        let config = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
        Self::with(config, None)
    }

    fn with(config: Config, server: Option<Server>) -> Self {
        Self(Rc::new(Connections {
            idle: RefCell::default(),
            config,
            _server: server,
        }))
    }
}

impl Connections {
    /// An idle connection, or a new one.
    pub(super) fn take(&self) -> Result<Client, ::postgres::Error> {
        let idle = self.idle.borrow_mut().pop();
        idle.map_or_else(|| self.config.connect(NoTls), Ok)
    }

    /// Keeps a connection for the next statement.
    pub(super) fn keep(&self, client: Client) {
        self.idle.borrow_mut().push(client);
    }
}

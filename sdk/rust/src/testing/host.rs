//! The host of a test.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::call::{Answer, Call};
#[cfg(feature = "testing-postgres")]
use super::database::Database;
use super::interfaces::run_migration;
#[cfg(feature = "testing-postgres")]
use super::postgres::owners::set_up;
use crate::cohere::{self, Reply};
use crate::log::Level;
use crate::outgoing;
use crate::{Migration, Principal, Routes, answer};

thread_local! {
    /// The hosts of the running calls of [`Host::run`], the innermost last.
    static RUNNING: RefCell<Vec<Host>> = const { RefCell::new(Vec::new()) };
}

/// A host for tests, with the interfaces that a handler can call. Without further setup it has no caller, no settings, no
/// database, no key for Cohere, and no destination for outgoing requests.
///
/// ```
/// use berth_sdk::testing::Host;
///
/// let host = Host::new().with_user("ann").with_config("greeting", "Good morning");
/// let greeting = host.run(|| berth_sdk::config::required("greeting"));
/// assert_eq!(greeting.unwrap(), "Good morning");
/// ```
#[derive(Clone, Default)]
pub struct Host {
    pub(super) caller: Option<Principal>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) log: Rc<RefCell<Vec<Line>>>,
    pub(super) cohere: Option<Rc<Cohere>>,
    pub(super) outgoing: Option<Rc<Outgoing>>,
    #[cfg(feature = "testing-postgres")]
    pub(super) database: Option<Database>,
    /// Whether statements see only the rows of the caller.
    #[cfg(feature = "testing-postgres")]
    pub(super) has_row_owners: bool,
}

pub(super) type Cohere = dyn Fn(&cohere::Request) -> Result<Reply, cohere::Error>;
pub(super) type Outgoing = dyn Fn(&outgoing::Request) -> Result<outgoing::Response, outgoing::Error>;

/// A line of a test's log.
///
/// ```
/// # use berth_sdk::testing::Host;
/// let host = Host::new();
/// host.run(|| berth_sdk::log::info("notes", "shared"));
/// let line = &host.log()[0];
/// assert_eq!((&*line.context, &*line.message), ("notes", "shared"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The severity.
    pub level: Level,
    /// The name by which lines are grouped.
    pub context: String,
    /// The text.
    pub message: String,
}

impl Host {
    /// A host with nothing.
    ///
    /// ```
    /// # use berth_sdk::testing::Host;
    /// assert!(Host::new().run(berth_sdk::identity::caller).is_none());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the requests those of a user, by the token's `sub`.
    ///
    /// ```
    /// # use berth_sdk::testing::Host;
    /// let caller = Host::new().with_user("ann").run(berth_sdk::identity::caller);
    /// assert_eq!(caller.unwrap().subject, "ann");
    /// ```
    #[must_use]
    pub fn with_user(self, subject: &str) -> Self {
        self.with_caller(Principal {
            subject: subject.to_owned(),
            email: None,
            name: None,
            anonymous: false,
        })
    }

    /// Makes the requests those of a caller.
    ///
    /// ```
    /// # use berth_sdk::Principal;
    /// # use berth_sdk::testing::Host;
    /// let ann = Principal {
    ///     subject: "17".to_owned(),
    ///     email: None,
    ///     name: Some("Ann".to_owned()),
    ///     anonymous: false,
    /// };
    /// let caller = Host::new().with_caller(ann).run(berth_sdk::identity::caller);
    /// assert_eq!(caller.unwrap().name.as_deref(), Some("Ann"));
    /// ```
    #[must_use]
    pub fn with_caller(mut self, caller: Principal) -> Self {
        self.caller = Some(caller);
        self
    }

    /// Adds a setting, which [`config`](crate::config) reads.
    ///
    /// ```
    /// # use berth_sdk::testing::Host;
    /// let host = Host::new().with_config("greeting", "Hi");
    /// assert_eq!(host.run(|| berth_sdk::config::required("greeting")).unwrap(), "Hi");
    /// ```
    #[must_use]
    pub fn with_config(mut self, key: &str, value: &str) -> Self {
        self.config.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Answers requests to a model, also those for a stream: see [`cohere::says`](super::cohere::says).
    ///
    /// ```
    /// # use berth_sdk::testing::{Host, cohere::says};
    /// let host = Host::new().with_cohere(|request| Ok(says(&format!("{} messages", request.messages.len()))));
    /// ```
    #[must_use]
    pub fn with_cohere(
        mut self,
        reply: impl Fn(&cohere::Request) -> Result<Reply, cohere::Error> + 'static,
    ) -> Self {
        self.cohere = Some(Rc::new(reply));
        self
    }

    /// Answers outgoing requests.
    ///
    /// ```
    /// # use berth_sdk::testing::Host;
    /// use berth_sdk::outgoing::{Error, Request, Response};
    ///
    /// let host = Host::new().with_outgoing(|request| match request.url() {
    ///     "https://example.com/status" => Ok(Response::from_text(200, "fine")),
    ///     _ => Err(Error::Timeout),
    /// });
    /// let status = host.run(|| Request::get("https://example.com/status").send()?.text());
    /// assert_eq!(status.unwrap(), "fine");
    /// ```
    #[must_use]
    pub fn with_outgoing(
        mut self,
        reply: impl Fn(&outgoing::Request) -> Result<outgoing::Response, outgoing::Error> + 'static,
    ) -> Self {
        self.outgoing = Some(Rc::new(reply));
        self
    }

    /// Runs SQL in a database.
    ///
    /// ```
    /// # use berth_sdk::testing::{Database, Host};
    /// let host = Host::new().with_database(&Database::at("postgres://postgres@localhost/test"));
    /// ```
    #[cfg(feature = "testing-postgres")]
    #[must_use]
    pub fn with_database(mut self, database: &Database) -> Self {
        self.database = Some(database.clone());
        self
    }

    /// Runs `migrations` in the database, in the order of their versions, as a host does before a version goes live.
    ///
    /// # Panics
    ///
    /// Panics if there is no database, if a migration fails, or if two have the same version.
    ///
    /// ```
    /// # use berth_sdk::testing::{Database, Host};
    /// let host = Host::new()
    ///     .with_database(&Database::temporary())
    ///     .migrated(berth_sdk::migrations!("$CARGO_MANIFEST_DIR/tests/migrations"));
    /// ```
    #[must_use]
    pub fn migrated(self, migrations: Vec<Migration>) -> Self {
        let mut ordered = BTreeMap::new();
        for migration in migrations {
            let version = migration.version;
            let before = ordered.insert(version, migration);
            assert!(before.is_none(), "two migrations have the version {version}");
        }
        for migration in ordered.values() {
            if let Err(error) = self.run(|| run_migration(&migration.sql)) {
                panic!("migration {} `{}`: {error:?}", migration.version, migration.name);
            }
        }
        self
    }

    /// Shows statements only the rows of the caller, in every table with the column `owner`, as a host does for a
    /// manifest with `rows = { owner = "…" }`. Comes after [`Host::migrated`]. A table without the column is shared.
    ///
    /// This host does not look for what a real host refuses at the migration, such as a foreign key to another user's
    /// rows. Before PostgreSQL 15, views have the rows of all users.
    ///
    /// # Panics
    ///
    /// Panics if there is no database, if no table has the column, or if the database's role may not create roles.
    ///
    /// ```
    /// use berth_sdk::postgres::{Statement, all_rows};
    /// use berth_sdk::testing::{Database, Host};
    ///
    /// let host = Host::new()
    ///     .with_database(&Database::temporary())
    ///     .migrated(berth_sdk::migrations!("$CARGO_MANIFEST_DIR/tests/migrations"))
    ///     .with_row_owner("owner");
    /// let (ann, bob) = (host.clone().with_user("ann"), host.with_user("bob"));
    /// // The owner of a new row is the caller.
    /// ann.run(|| Statement::new("INSERT INTO notes (text) VALUES ('Hi')").execute()).unwrap();
    /// let count = Statement::new("SELECT count(*) FROM notes");
    /// assert_eq!(ann.run(|| count.fetch_one::<i64>()).unwrap(), 1);
    /// assert_eq!(bob.run(|| count.fetch_one::<i64>()).unwrap(), 0);
    /// assert_eq!(bob.run(|| all_rows::fetch_one::<i64>(&count)).unwrap(), 1);
    /// ```
    #[cfg(feature = "testing-postgres")]
    #[must_use]
    pub fn with_row_owner(mut self, owner: &str) -> Self {
        if let Err(error) = self.run(|| set_up(owner)) {
            panic!("the rows of `{owner}` cannot be kept to their users: {error:?}");
        }
        self.has_row_owners = true;
        self
    }

    /// Answers a call by the handler that `routes` have for it.
    ///
    /// # Panics
    ///
    /// Panics if the response is a stream that breaks off.
    ///
    /// ```
    /// # use berth_sdk::testing::{Call, Host};
    /// # use berth_sdk::Routes;
    /// assert_eq!(Host::new().call(&Routes::new(&[]), Call::get("/absent")).status(), 404);
    /// ```
    #[must_use]
    pub fn call(&self, routes: &Routes, call: Call) -> Answer {
        self.run(|| {
            let (method, target) = (call.method, call.target.clone());
            Answer::read(answer::answer(routes, Some(method), target, call.into_incoming()))
        })
    }

    /// Runs `work` with this host, on this thread.
    ///
    /// ```
    /// # use berth_sdk::testing::Host;
    /// let caller = Host::new().with_user("ann").run(berth_sdk::identity::caller);
    /// assert_eq!(caller.map(|caller| caller.subject).as_deref(), Some("ann"));
    /// ```
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _running = Running::begin(self.clone());
        work()
    }

    /// The lines that were logged, oldest first.
    ///
    /// ```
    /// # use berth_sdk::testing::Host;
    /// let host = Host::new();
    /// host.run(|| berth_sdk::log::info("notes", "a note was shared"));
    /// assert_eq!(host.log()[0].message, "a note was shared");
    /// ```
    #[must_use]
    pub fn log(&self) -> Vec<Line> {
        self.log.borrow().clone()
    }
}

/// Ends the effect of a host when it is dropped, also by a panic.
struct Running;

impl Running {
    fn begin(host: Host) -> Self {
        RUNNING.with_borrow_mut(|hosts| hosts.push(host));
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(Vec::pop);
    }
}

/// The host in effect; without any, a host with nothing.
pub(super) fn current() -> Host {
    RUNNING
        .with_borrow(|hosts| hosts.last().cloned())
        .unwrap_or_default()
}

//! `berth:postgres/client`: SQL, as the component's own database role.
//!
//! This file has the host functions. Each function outside of a
//! transaction takes a connection for one statement; a transaction keeps a connection until it ends. A request
//! that needs a second connection while it holds a transaction waits for at most the pool's queue timeout.
//!
//! - `statement`: one checked statement with its parameters; its possible effects on a session
//! - `session`: one connection and the statements that run on it; when it may go back to the pool
//! - `transaction`: a session between `BEGIN` and its end
//! - `kind`: which PostgreSQL types cross, and as what
//! - `parameters`, `wire`, `numeric`: values to and from PostgreSQL's binary format
//! - `field`: one field of a row
//! - `rows`, `json`, `calendar`: a result as typed values, or as JSON
//! - `error`: every way in which it fails

mod calendar;
mod error;
mod field;
mod json;
mod kind;
mod numeric;
mod parameters;
mod rows;
mod session;
mod statement;
#[cfg(test)]
mod tests;
mod transaction;
mod wire;

use std::sync::Arc;

use berth_database::SessionPool;
use tracing::Level;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use self::bindings::{Host, HostTransaction, Rows, Value};
use self::error::Error;
use self::json::JsonRows;
use self::rows::TypedRows;
use self::session::{Affected, Collect, NoticeHandler, Session};
use self::statement::Statement;
use self::transaction::MAX_OPEN;
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub use self::transaction::Transaction;
use super::Scope;
use crate::request::RequestContext;

pub(crate) mod bindings {
    //! The types and traits of the WIT interface.
    pub(crate) use self::berth::postgres::client::*;
    wasmtime::component::bindgen!({
        path: "../../wit/deps/postgres",
        inline: "package berth:host; world postgres { import berth:postgres/client@0.1.0; }",
        world: "berth:host/postgres",
        imports: { default: async | trappable },
        with: { "berth:postgres/client.transaction": crate::capabilities::postgres::Transaction },
        trappable_error_type: { "berth:postgres/client.error" => crate::capabilities::postgres::Error },
        additional_derives: [PartialEq],
    });
}

/// The limits of one result, from the component's manifest entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Rows.
    pub(crate) rows: u32,
    /// Bytes, of a result and of a statement's parameters. What counts, the WIT says at
    /// `error.too-many-bytes`.
    pub(crate) bytes: u64,
}

/// The bytes that a field, a parameter or an array's element counts for, beside those of a text or byte
/// string: what the canonical ABI lays out for one `value`. So rows of nothing but NULLs have a limit too.
const FIELD: usize = 24;

/// One request's access to its component's schema. Cheap to make.
pub(crate) struct Context {
    /// `None` for a component without the grant, to which none of these functions is linked.
    pool: Option<SessionPool>,
    caps: Caps,
    open_transactions: usize,
    /// The request that PostgreSQL's notices are logged for.
    request: Arc<RequestContext>,
}

impl Context {
    pub(crate) fn new(scope: &Scope<'_>) -> Self {
        Self {
            pool: scope.services.database.clone(),
            caps: Caps {
                rows: scope.limits.rows,
                bytes: scope.limits.result,
            },
            open_transactions: 0,
            request: Arc::clone(scope.request),
        }
    }

    /// The receiver of the host functions. The table holds the open transactions.
    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> View<'a> {
        View { context: self, table }
    }

    fn pool(&self) -> Result<&SessionPool, Error> {
        self.pool.as_ref().ok_or(Error::NotGranted)
    }

    /// Logs notices as lines of the component, because the component's statements or functions cause them.
    fn notices(&self) -> NoticeHandler {
        let request = Arc::clone(&self.request);
        Box::new(move |notice| {
            let level = if notice.severity == "WARNING" {
                Level::WARN
            } else {
                Level::INFO
            };
            request.component_line(level, "postgres", &notice.message);
        })
    }
}

/// See [`Context::view`].
pub(crate) struct View<'a> {
    context: &'a mut Context,
    table: &'a mut ResourceTable,
}

impl View<'_> {
    /// Runs a statement on a connection of its own.
    async fn run(
        &mut self,
        statement: String,
        params: Vec<Value>,
        to: &mut impl Collect,
    ) -> Result<u64, Error> {
        let statement = Statement::new(statement, params, self.context.caps)?;
        let caps = self.context.caps;
        let mut session = Session::open(self.context.pool()?, caps, Some(self.context.notices())).await?;
        session.run(&statement, to).await
    }

    /// Runs a statement on the connection of a transaction.
    async fn run_in(
        &mut self,
        transaction: &Resource<Transaction>,
        statement: String,
        params: Vec<Value>,
        to: &mut impl Collect,
    ) -> Result<u64, Error> {
        let statement = Statement::new(statement, params, self.context.caps)?;
        self.table.get_mut(transaction)?.run(&statement, to).await
    }

    /// Takes a transaction from the guest to end it.
    fn take(&mut self, transaction: Resource<Transaction>) -> Result<Transaction, Error> {
        let transaction = self.table.delete(transaction)?;
        self.context.open_transactions -= 1;
        Ok(transaction)
    }
}

impl Host for View<'_> {
    async fn query(&mut self, statement: String, params: Vec<Value>) -> Result<Rows, Error> {
        let mut rows = TypedRows::new(self.context.caps);
        self.run(statement, params, &mut rows).await?;
        Ok(rows.finish())
    }

    async fn query_json(
        &mut self,
        statement: String,
        params: Vec<Value>,
    ) -> Result<bindings::JsonRows, Error> {
        let mut rows = JsonRows::new(self.context.caps);
        self.run(statement, params, &mut rows).await?;
        rows.finish()
    }

    async fn execute(&mut self, statement: String, params: Vec<Value>) -> Result<u64, Error> {
        self.run(statement, params, &mut Affected).await
    }

    async fn begin(&mut self) -> Result<Resource<Transaction>, Error> {
        if self.context.open_transactions == MAX_OPEN {
            return Err(Error::TooManyTransactions);
        }
        let pool = self.context.pool()?;
        let transaction = Transaction::begin(pool, self.context.caps, Some(self.context.notices())).await?;
        let transaction = self.table.push(transaction)?;
        self.context.open_transactions += 1;
        Ok(transaction)
    }

    fn convert_error(&mut self, error: Error) -> wasmtime::Result<bindings::Error> {
        match &error {
            Error::Away(_) => self.context.request.warn(&error),
            Error::Refused(refusal) => self.context.request.note_refusal(refusal),
            _ => {}
        }
        error.try_into()
    }
}

impl HostTransaction for View<'_> {
    async fn query(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        params: Vec<Value>,
    ) -> Result<Rows, Error> {
        let mut rows = TypedRows::new(self.context.caps);
        self.run_in(&this, statement, params, &mut rows).await?;
        Ok(rows.finish())
    }

    async fn query_json(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        params: Vec<Value>,
    ) -> Result<bindings::JsonRows, Error> {
        let mut rows = JsonRows::new(self.context.caps);
        self.run_in(&this, statement, params, &mut rows).await?;
        rows.finish()
    }

    async fn execute(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        params: Vec<Value>,
    ) -> Result<u64, Error> {
        self.run_in(&this, statement, params, &mut Affected).await
    }

    async fn commit(&mut self, this: Resource<Transaction>) -> Result<(), Error> {
        self.take(this)?.commit().await
    }

    async fn rollback(&mut self, this: Resource<Transaction>) -> Result<(), Error> {
        self.take(this)?.roll_back().await
    }

    async fn drop(&mut self, this: Resource<Transaction>) -> wasmtime::Result<()> {
        drop(self.take(this)?);
        Ok(())
    }
}

/// Links the capability.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> wasmtime::Result<()> {
    bindings::add_to_linker::<T, HasView>(linker, view)
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

//! `berth:postgres/client`: SQL, as the component's own database role.
//!
//! This file has the host functions. Each function outside of a
//! transaction takes a connection for one statement; a transaction keeps a connection until it ends. A request
//! that needs a second connection while it holds a transaction waits for at most the pool's queue timeout.
//!
//! - `statement`: checks a statement with its parameters, and finds out its possible effects on a session
//! - `kind`: the PostgreSQL types that cross, and their representation
//! - `parameters`, `wire`, `numeric`: values to and from PostgreSQL's binary format
//! - `field`: one field of a row
//! - `rows`, `json`, `calendar`: a result as typed values, or as JSON; `affected`: a result without its rows
//! - `span`: a statement in the trace of its request
//! - `error`: every way in which a statement fails
//!
//! [`berth_database::session`] runs the statements.

mod affected;
mod calendar;
mod error;
mod field;
mod json;
mod kind;
mod numeric;
mod parameters;
mod rows;
mod span;
mod statement;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use berth_database::{Collect, NoticeHandler, Session, SessionPool, Statement, Transaction};
use berth_metrics::Operation;
use tracing::Level;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use self::affected::Affected;
use self::bindings::{Host, HostTransaction, Rows, Value};
pub(crate) use self::error::Error;
use self::json::JsonRows;
use self::rows::TypedRows;
use super::Scope;
use crate::metrics::StatementOutcome;
use crate::request::RequestContext;
use crate::request::usage::Wait;

#[expect(
    unreachable_pub,
    reason = "the bindings of berth:postgres-all-rows re-export these"
)]
pub mod bindings {
    //! The types and traits of the WIT interface.
    pub use self::berth::postgres::client::*;
    wasmtime::component::bindgen!({
        path: "../../wit/deps/postgres",
        inline: "package berth:host; world postgres { import berth:postgres/client@0.1.0; }",
        world: "berth:host/postgres",
        imports: { default: async | trappable },
        with: { "berth:postgres/client.transaction": crate::capabilities::postgres::OpenTransaction },
        trappable_error_type: { "berth:postgres/client.error" => crate::capabilities::postgres::Error },
        additional_derives: [PartialEq],
    });
}

/// How many transactions a request may have open at once, so that it cannot take every connection for itself.
const MAX_OPEN: usize = 2;

/// The limits of one result, from the component's manifest entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Rows.
    pub(crate) rows: u32,
    /// Bytes, of a result and of a statement's parameters. The WIT says at `error.too-many-bytes` how they are
    /// counted.
    pub(crate) bytes: u64,
}

/// The bytes that a field, a parameter or an array's element counts for, beside those of a text or byte string: the
/// size of one `value` in the canonical ABI. So rows of NULLs have a limit too.
const FIELD_BYTES: usize = 24;

/// A transaction of a guest, which counts as open until it is dropped.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct OpenTransaction {
    transaction: Transaction,
    _is_open: Arc<()>,
}

/// One request's access to its component's schema. Cheap to make.
pub(crate) struct Context {
    /// `None` for a component without the grant, to which none of these functions is linked.
    pool: Option<SessionPool>,
    caps: Caps,
    /// Each open transaction has a clone.
    transactions: Arc<()>,
    /// The request that PostgreSQL's notices are logged for.
    request: Arc<RequestContext>,
}

impl Context {
    pub(crate) fn new(scope: &Scope<'_>) -> Self {
        Self::with_pool(scope, scope.services.database.clone())
    }

    /// Access by the sessions of `pool`.
    pub(crate) fn with_pool(scope: &Scope<'_>, pool: Option<SessionPool>) -> Self {
        Self {
            pool,
            caps: Caps {
                rows: scope.limits.rows,
                bytes: scope.limits.result,
            },
            transactions: Arc::default(),
            request: Arc::clone(scope.request),
        }
    }

    /// The receiver of the host functions. The table holds the open transactions.
    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> View<'a> {
        View { context: self, table }
    }

    /// Takes a session of the pool.
    async fn session(&self) -> Result<Session, Error> {
        let pool = self.pool.as_ref().ok_or(Error::NotGranted)?;
        let caller = self.request.principal.as_ref();
        let caller = caller.map(|principal| &*principal.subject);
        Ok(pool
            .acquire(self.caps.bytes, Some(self.notices()), caller)
            .await?)
    }

    /// Checks a statement and runs it by `run`. Counts it and its time, and records it in the request's trace.
    async fn recorded(
        &self,
        statement: String,
        params: Vec<Value>,
        run: impl AsyncFnOnce(&Statement) -> Result<u64, Error>,
    ) -> Result<u64, Error> {
        let metrics = &self.request.metrics;
        let operation = Operation::begin(
            &metrics.statements,
            &metrics.statement_times,
            StatementOutcome::Abandoned,
        );
        let work = async {
            let statement = statement::check(statement, &params, self.caps)?;
            self.request.usage.add_statement();
            let _waiting = self.request.usage.wait(Wait::Database);
            let span = span::begin(&self.request.span, &statement.sql);
            let result = run(&statement).await;
            span::end(&span, &result);
            result
        };
        let result = work.await;
        operation.end(match &result {
            Ok(_) => StatementOutcome::Ok,
            Err(error) => error.outcome(),
        });
        result
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
    /// Runs a statement on a session of its own.
    async fn run(
        &mut self,
        statement: String,
        params: Vec<Value>,
        to: &mut impl Collect<Error = Error>,
    ) -> Result<u64, Error> {
        let context = &*self.context;
        let run = async |statement: &Statement| context.session().await?.run(statement, to).await;
        context.recorded(statement, params, run).await
    }

    /// Runs a statement on the session of a transaction.
    async fn run_in(
        &mut self,
        transaction: &Resource<OpenTransaction>,
        statement: String,
        params: Vec<Value>,
        to: &mut impl Collect<Error = Error>,
    ) -> Result<u64, Error> {
        let transaction = self.table.get_mut(transaction);
        let run = async |statement: &Statement| transaction?.transaction.run(statement, to).await;
        self.context.recorded(statement, params, run).await
    }

    /// Takes a transaction from the guest to end it.
    fn take(&mut self, transaction: Resource<OpenTransaction>) -> Result<Transaction, Error> {
        Ok(self.table.delete(transaction)?.transaction)
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
        Ok(rows.finish())
    }

    async fn execute(&mut self, statement: String, params: Vec<Value>) -> Result<u64, Error> {
        self.run(statement, params, &mut Affected).await
    }

    async fn begin(&mut self) -> Result<Resource<OpenTransaction>, Error> {
        if Arc::strong_count(&self.context.transactions) > MAX_OPEN {
            return Err(Error::TooManyTransactions);
        }
        let waiting = self.context.request.usage.wait(Wait::Database);
        let transaction = self.context.session().await?.begin().await?;
        drop(waiting);
        let open = OpenTransaction {
            transaction,
            _is_open: Arc::clone(&self.context.transactions),
        };
        Ok(self.table.push(open)?)
    }

    fn convert_error(&mut self, error: Error) -> wasmtime::Result<bindings::Error> {
        if let Some(limit) = error.limit() {
            self.context.request.metrics.limits.increment(limit);
        }
        match &error {
            Error::Away(_) | Error::RefusedClaim => self.context.request.warn(&error),
            Error::Refused(refusal) => self.context.request.note_refusal(refusal),
            _ => {}
        }
        error.try_into()
    }
}

impl HostTransaction for View<'_> {
    async fn query(
        &mut self,
        this: Resource<OpenTransaction>,
        statement: String,
        params: Vec<Value>,
    ) -> Result<Rows, Error> {
        let mut rows = TypedRows::new(self.context.caps);
        self.run_in(&this, statement, params, &mut rows).await?;
        Ok(rows.finish())
    }

    async fn query_json(
        &mut self,
        this: Resource<OpenTransaction>,
        statement: String,
        params: Vec<Value>,
    ) -> Result<bindings::JsonRows, Error> {
        let mut rows = JsonRows::new(self.context.caps);
        self.run_in(&this, statement, params, &mut rows).await?;
        Ok(rows.finish())
    }

    async fn execute(
        &mut self,
        this: Resource<OpenTransaction>,
        statement: String,
        params: Vec<Value>,
    ) -> Result<u64, Error> {
        self.run_in(&this, statement, params, &mut Affected).await
    }

    async fn commit(&mut self, this: Resource<OpenTransaction>) -> Result<(), Error> {
        let transaction = self.take(this)?;
        let _waiting = self.context.request.usage.wait(Wait::Database);
        let span = span::begin(&self.context.request.span, "COMMIT");
        let result = transaction.commit().await.map_err(Error::from);
        span::end(&span, &result);
        result
    }

    async fn rollback(&mut self, this: Resource<OpenTransaction>) -> Result<(), Error> {
        let transaction = self.take(this)?;
        let _waiting = self.context.request.usage.wait(Wait::Database);
        let span = span::begin(&self.context.request.span, "ROLLBACK");
        let result = transaction.roll_back().await.map_err(Error::from);
        span::end(&span, &result);
        result
    }

    async fn drop(&mut self, this: Resource<OpenTransaction>) -> wasmtime::Result<()> {
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

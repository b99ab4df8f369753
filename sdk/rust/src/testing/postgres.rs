//! SQL in a test's database, with the values of `berth:postgres`.

mod column;
mod json;
pub(super) mod owners;
mod param;

use std::cell::RefCell;
use std::rc::Rc;

use ::postgres::types::{ToSql, Type};
use ::postgres::{Client, Row};

use self::column::Field;
use self::param::Param;
use super::database::{Connections, Database};
use super::host::current;
use crate::bindings::http::berth::postgres::client::{Column, DatabaseError, Error, JsonRows, Rows, Value};

fn database() -> Result<Database, Error> {
    current().database.ok_or(Error::Away)
}

pub(crate) fn query(text: &str, params: &[Value]) -> Result<Rows, Error> {
    database()?.with_client(Access::Caller, |client| rows(client, text, params))
}

pub(crate) fn query_json(text: &str, params: &[Value]) -> Result<JsonRows, Error> {
    query(text, params).map(|rows| json::encode(&rows))
}

pub(crate) fn execute(text: &str, params: &[Value]) -> Result<u64, Error> {
    database()?.with_client(Access::Caller, |client| count(client, text, params))
}

pub(crate) fn begin() -> Result<Transaction, Error> {
    Transaction::begin(Access::Caller)
}

/// Statements with the rows of all users.
pub(crate) mod all_rows {
    use super::{Access, Error, JsonRows, Rows, Transaction, Value, count, database, json, rows};

    pub(crate) fn query(text: &str, params: &[Value]) -> Result<Rows, Error> {
        database()?.with_client(Access::AllRows, |client| rows(client, text, params))
    }

    pub(crate) fn query_json(text: &str, params: &[Value]) -> Result<JsonRows, Error> {
        query(text, params).map(|rows| json::encode(&rows))
    }

    pub(crate) fn execute(text: &str, params: &[Value]) -> Result<u64, Error> {
        database()?.with_client(Access::AllRows, |client| count(client, text, params))
    }

    pub(crate) fn begin() -> Result<Transaction, Error> {
        Transaction::begin(Access::AllRows)
    }
}

/// The rows that a statement sees, if the host of the test has owners of rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Those of the caller.
    Caller,
    /// Those of all users.
    AllRows,
}

/// Runs all statements of a migration in one transaction.
pub(super) fn run_migration(sql: &str) -> Result<(), Error> {
    database()?.with_client(Access::AllRows, |client| {
        client
            .batch_execute(&format!("BEGIN; {sql}\n; COMMIT"))
            .map_err(|error| failed(&error))
    })
}

impl Database {
    fn with_client<T>(
        &self,
        access: Access,
        work: impl FnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut client = self.0.take().map_err(|error| failed(&error))?;
        let is_entered = access == Access::Caller && owners::enter(&mut client, &current())?;
        let done = work(&mut client)?;
        if is_entered {
            client
                .batch_execute(owners::LEAVE)
                .map_err(|error| failed(&error))?;
        }
        self.0.keep(client);
        Ok(done)
    }
}

/// A transaction, on a connection of its own.
pub(crate) struct Transaction {
    client: RefCell<Option<Client>>,
    connections: Rc<Connections>,
}

impl Transaction {
    fn begin(access: Access) -> Result<Self, Error> {
        let connections = database()?.0;
        let mut client = connections.take().map_err(|error| failed(&error))?;
        if access == Access::Caller {
            owners::enter(&mut client, &current())?;
        }
        client.batch_execute("BEGIN").map_err(|error| failed(&error))?;
        Ok(Self {
            client: RefCell::new(Some(client)),
            connections,
        })
    }

    pub(crate) fn query(&self, text: &str, params: &[Value]) -> Result<Rows, Error> {
        self.with_client(|client| rows(client, text, params))
    }

    pub(crate) fn query_json(&self, text: &str, params: &[Value]) -> Result<JsonRows, Error> {
        self.query(text, params).map(|rows| json::encode(&rows))
    }

    pub(crate) fn execute(&self, text: &str, params: &[Value]) -> Result<u64, Error> {
        self.with_client(|client| count(client, text, params))
    }

    pub(crate) fn commit(self) -> Result<(), Error> {
        self.end("COMMIT")
    }

    pub(crate) fn rollback(self) -> Result<(), Error> {
        self.end("ROLLBACK")
    }

    fn with_client<T>(&self, work: impl FnOnce(&mut Client) -> Result<T, Error>) -> Result<T, Error> {
        self.client.borrow_mut().as_mut().map_or(Err(Error::Away), work)
    }

    /// Ends the transaction, and keeps the connection. Otherwise the connection closes with this value, which rolls the
    /// transaction back.
    fn end(self, statement: &str) -> Result<(), Error> {
        let mut client = self.client.take().ok_or(Error::Away)?;
        client
            .batch_execute(&format!("{statement}; {}", owners::LEAVE))
            .map_err(|error| failed(&error))?;
        self.connections.keep(client);
        Ok(())
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Transaction").finish_non_exhaustive()
    }
}

/// Prepares a statement, with the PostgreSQL types of its parameters' cases.
fn prepare(client: &mut Client, text: &str, params: &[Value]) -> Result<::postgres::Statement, Error> {
    let types: Vec<Type> = params.iter().map(param::type_of).collect();
    client.prepare_typed(text, &types).map_err(|error| failed(&error))
}

fn rows(client: &mut Client, text: &str, params: &[Value]) -> Result<Rows, Error> {
    let statement = prepare(client, text, params)?;
    let columns = statement.columns().iter().map(|column| Column {
        name: column.name().to_owned(),
        type_name: type_name(column.type_()),
    });
    let columns = columns.collect();
    let params: Vec<Param> = params.iter().map(Param).collect();
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
    let rows = client
        .query(&statement, &params)
        .map_err(|error| failed(&error))?;
    let values = rows.iter().map(values).collect::<Result<Vec<_>, _>>()?;
    Ok(Rows {
        columns,
        values: values.into_iter().flatten().collect(),
    })
}

fn count(client: &mut Client, text: &str, params: &[Value]) -> Result<u64, Error> {
    let statement = prepare(client, text, params)?;
    let params: Vec<Param> = params.iter().map(Param).collect();
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
    client
        .execute(&statement, &params)
        .map_err(|error| failed(&error))
}

fn values(row: &Row) -> Result<Vec<Value>, Error> {
    let field = |index| {
        let field: Option<Field> = row.try_get(index).map_err(|error| failed(&error))?;
        Ok(field.map_or(Value::Null, |Field(value)| value))
    };
    (0..row.len()).map(field).collect()
}

/// PostgreSQL's name of a type: `text[]` for an array.
fn type_name(kind: &Type) -> String {
    let name = kind.name();
    name.strip_prefix('_')
        .map_or_else(|| name.to_owned(), |element| format!("{element}[]"))
}

fn failed(error: &::postgres::Error) -> Error {
    match error.as_db_error() {
        Some(refusal) => Error::Database(DatabaseError {
            sqlstate: refusal.code().code().to_owned(),
            message: refusal.message().to_owned(),
            detail: refusal.detail().map(str::to_owned),
            constraint: refusal.constraint().map(str::to_owned),
        }),
        None if error.is_closed() => Error::Away,
        None => Error::Unsupported(with_causes(error)),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

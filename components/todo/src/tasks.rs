//! `todo:tasks/tasks`: the caller's tasks for other components, with the same rules and SQL as over HTTP.

use berth_sdk::contract::{Fields, Segment, Violation, Violations};
use berth_sdk::postgres::{self, Statement, describe};
use berth_sdk::{identity, log};
use serde_json::{Map, Value};

use self::bindings::exports::todo::tasks::tasks::{self, Change, Error, Filter, NewTask, Task, TaskChanges};
use crate::listing::Listing;
use crate::store;
use crate::task::{self, Shape};

mod bindings {
    #![expect(clippy::pedantic, reason = "generated code, documented in wit/")]

    berth_sdk::interface!({
        inline: "
            package berth:todo;

            world tasks {
                export todo:tasks/tasks@0.1.0;
            }
        ",
        path: "../../wit",
        world: "berth:todo/tasks",
        // The host's JSON of a row becomes a task, and a new task becomes the JSON of a client's request.
        additional_derives: [PartialEq, serde::Deserialize, serde::Serialize],
    });

    export!(Tasks with_types_in self);

    pub(super) struct Tasks;
}

impl tasks::Guest for bindings::Tasks {
    fn add(task: NewTask) -> Result<Task, Error> {
        let task = task::NewTask::read(fields(&task)?, Shape::Api)?;
        only(&store::create(&user()?, task, Shape::Api))
    }

    fn list(filter: Filter) -> Result<Vec<Task>, Error> {
        let limit = i64::from(filter.limit);
        let listing = Listing::read(fields(&filter)?)?;
        all(&store::list(&user()?, &listing, Shape::Api, limit, 0))
    }

    fn complete(id: i64) -> Result<Task, Error> {
        only(&store::complete(&user()?, id, Some(true), Shape::Api))
    }

    fn update(id: i64, changes: TaskChanges) -> Result<Task, Error> {
        let changes = task::TaskChanges::read(fields(&present(changes))?, Shape::Api)?;
        only(&store::update(&user()?, id, changes, Shape::Api))
    }

    fn delete(id: i64) -> Result<(), Error> {
        match store::delete(&user()?, id).execute()? {
            0 => Err(Error::NotFound),
            _ => Ok(()),
        }
    }
}

fn user() -> Result<String, Error> {
    identity::caller()
        .map(|caller| caller.subject)
        .ok_or(Error::NotAuthenticated)
}

fn all(statement: &Statement) -> Result<Vec<Task>, Error> {
    serde_json::from_slice(&statement.query_json()?.body).map_err(|error| failed(&error.to_string()))
}

fn only(statement: &Statement) -> Result<Task, Error> {
    all(statement)?.pop().ok_or(Error::NotFound)
}

/// Converts another component's input to the fields of a client's request, so that the same rules check it.
fn fields(sent: &impl serde::Serialize) -> Result<Fields, Error> {
    let body = serde_json::to_vec(sent).map_err(|error| failed(&error.to_string()))?;
    Ok(Fields::json(&body)?)
}

/// The fields to change; `null` clears a field.
fn present(changes: TaskChanges) -> Map<String, Value> {
    let change = |change| match change {
        Change::Keep => None,
        Change::Clear => Some(Value::Null),
        Change::Set(text) => Some(Value::from(text)),
    };
    let fields = [
        ("title", changes.title.map(Value::from)),
        ("description", change(changes.description)),
        ("completed", changes.completed.map(Value::from)),
        ("priority", changes.priority.map(Value::from)),
        ("category", change(changes.category)),
        ("tags", changes.tags.map(Value::from)),
        ("due_date", change(changes.due_date)),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations.iter().map(sentence).collect::<Vec<_>>().join("; "))
    }
}

/// `tags.3: String should have at most 50 characters`
fn sentence(violation: &Violation) -> String {
    let place = violation.location.iter().skip(1).map(|segment| match segment {
        Segment::Name(name) => (*name).to_owned(),
        Segment::Position(position) => position.to_string(),
    });
    format!("{}: {}", place.collect::<Vec<_>>().join("."), violation.message)
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Away | postgres::Error::PoolExhausted | postgres::Error::Timeout => {
                Self::Unavailable(describe(&error))
            }
            postgres::Error::Database(refusal) if postgres::is_temporary(&refusal) => {
                Self::Unavailable("the database is not available".to_owned())
            }
            postgres::Error::Database(_)
            | postgres::Error::TooManyRows(_)
            | postgres::Error::TooManyBytes(_)
            | postgres::Error::Unsupported(_) => failed(&describe(&error)),
        }
    }
}

/// The error for a failure of this component, whose cause is logged.
fn failed(cause: &str) -> Error {
    log::error("todo:tasks/tasks", cause);
    Error::Unavailable("the todo component failed".to_owned())
}

#[cfg(test)]
mod tests;

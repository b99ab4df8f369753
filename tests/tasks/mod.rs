//! The todo component's tasks, as a REST client has them.
//!
//! - `create`, `read`, `update`, `complete`, `delete`: one task
//! - `list`, `paging`: many
//! - `dashboard`: the dashboard's routes and figures
//! - `callers`: the owner of each task
//! - `bodies`: bodies that are not what they should be

mod bodies;
mod callers;
mod complete;
mod create;
mod dashboard;
mod delete;
mod list;
mod paging;
mod read;
mod update;

use serde_json::Value;

/// The path of a task under `/api/tasks`.
fn path_of(task: &Value) -> String {
    format!("/api/tasks/{}", task["id"])
}

/// A text of so many characters, each of more than one byte.
fn text(characters: usize) -> String {
    "ü".repeat(characters)
}

/// A time, as the API writes it, so many days from now.
fn in_days(days: i64) -> String {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    then.round(jiff::Unit::Second).unwrap().to_string()
}

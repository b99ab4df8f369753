//! The todo component, as the tools of a turn.
//!
//! The host makes each call for the user of this request. The interface cannot name another user.

use serde_json::{Value, json};

use crate::bindings::todo::tasks::tasks::{self, Error, Task};
use crate::command::Command;
use crate::turn::Tools;

/// Runs commands in the todo component.
pub(crate) fn tools() -> Tools {
    Box::new(|command: Command| run(&command).map_err(explain))
}

fn run(command: &Command) -> Result<Value, Error> {
    Ok(match command {
        Command::Add(task) => shown(&tasks::add(task)?),
        Command::List(filter) => {
            let found: Vec<Value> = tasks::list(filter)?.iter().map(shown).collect();
            json!({ "count": found.len(), "tasks": found })
        }
        Command::Complete(id) => shown(&tasks::complete(*id)?),
        Command::Update(id, changes) => shown(&tasks::update(*id, changes)?),
        Command::Delete(id) => {
            tasks::delete(*id)?;
            json!({ "id": id, "deleted": true })
        }
    })
}

/// A task as the API shows it, without its owner, which is always the caller.
fn shown(task: &Task) -> Value {
    json!({
        "id": task.id,
        "title": task.title,
        "description": task.description,
        "completed": task.completed,
        "priority": task.priority,
        "category": task.category,
        "tags": task.tags,
        "due_date": task.due_date,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    })
}

/// The text of an error, for the model.
fn explain(error: Error) -> String {
    match error {
        Error::NotFound => "the user has no task with this id; list_tasks shows those there are".to_owned(),
        Error::Invalid(reason) => reason,
        Error::NotAuthenticated => "nobody is signed in".to_owned(),
        Error::Unavailable(_) => "the tasks cannot be reached at the moment".to_owned(),
    }
}

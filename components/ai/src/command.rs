//! Reads the model's call of a tool. Rules check the arguments, because nothing that a model writes can be trusted.
//!
//! A command names no user: it always concerns the caller's tasks, whatever the arguments contain.

use berth_sdk::contract::{
    self, Boolean, Choice, Datetime, Fields, Integer, Rule, Segment, Text, TextList, Violations,
};
use serde_json::Value;

use crate::bindings::todo::tasks::tasks::{Change, Filter, NewTask, TaskChanges};
use crate::tools;

/// A tool call that can be run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    Add(NewTask),
    List(Filter),
    Complete(i64),
    Update(i64, TaskChanges),
    Delete(i64),
}

const TITLE: Text = Text::of(1, tools::TITLE_MAX).trimmed();
const DESCRIPTION: Text = Text::of(0, tools::DESCRIPTION_MAX);
const WORD: Text = Text::of(0, tools::WORD_MAX).trimmed();
const TAGS: TextList = TextList::of(Text::of(1, tools::WORD_MAX), tools::TAGS_MAX);
const STATUS: Choice<Option<bool>> =
    Choice(&[("all", None), ("pending", Some(false)), ("completed", Some(true))]);

impl Command {
    /// Reads the call of the tool `name`. The error describes each fault so that the model can correct the call.
    pub(crate) fn read(name: &str, arguments: &str) -> Result<Self, String> {
        let read = match name {
            tools::ADD => add,
            tools::LIST => list,
            tools::COMPLETE => |fields| task_id_alone(fields).map(Self::Complete),
            tools::UPDATE => update,
            tools::DELETE => |fields| task_id_alone(fields).map(Self::Delete),
            _ => {
                return Err(format!(
                    "there is no tool {name:?}; there are {}",
                    tools::NAMES.join(", ")
                ));
            }
        };
        Fields::optional_json(arguments.as_bytes())
            .and_then(read)
            .map_err(|violations| explain(&violations))
    }
}

fn add(mut fields: Fields) -> Result<Command, Violations> {
    let task = NewTask {
        title: fields.required("title", &TITLE),
        description: fields.optional("description", &DESCRIPTION),
        priority: word(&mut fields, "priority"),
        category: word(&mut fields, "category"),
        tags: fields.optional("tags", &TAGS).unwrap_or_default(),
        due_date: fields.optional("due_date", &When),
    };
    fields.finish(Command::Add(task))
}

fn list(mut fields: Fields) -> Result<Command, Violations> {
    let filter = Filter {
        completed: fields.optional("status", &STATUS).flatten(),
        priority: word(&mut fields, "priority"),
        search: fields
            .optional("search", &Text::ANY)
            .filter(|search| !search.is_empty()),
        limit: limit(&mut fields).unwrap_or(tools::LIMIT_DEFAULT),
    };
    fields.finish(Command::List(filter))
}

fn limit(fields: &mut Fields) -> Option<u32> {
    u32::try_from(fields.optional("limit", &Integer::between(1, tools::LIMIT_MAX.into()))?).ok()
}

/// A field that a task must have keeps its value for `null`: models write `null` where they have no value.
fn update(mut fields: Fields) -> Result<Command, Violations> {
    let task = task_id(&mut fields);
    let changes = TaskChanges {
        title: fields.optional("title", &TITLE),
        description: change(&mut fields, "description", &DESCRIPTION),
        completed: fields.optional("completed", &Boolean),
        priority: word(&mut fields, "priority"),
        category: change(&mut fields, "category", &WORD),
        tags: fields.optional("tags", &TAGS),
        due_date: change(&mut fields, "due_date", &When),
    };
    fields.finish(Command::Update(task, changes))
}

fn change(fields: &mut Fields, name: &'static str, rule: &impl Rule<Output = String>) -> Change {
    match fields.change(name, rule) {
        contract::Change::Keep => Change::Keep,
        contract::Change::Clear => Change::Clear,
        contract::Change::Set(value) => Change::Set(value),
    }
}

fn task_id_alone(mut fields: Fields) -> Result<i64, Violations> {
    let task = task_id(&mut fields);
    fields.finish(task)
}

fn task_id(fields: &mut Fields) -> i64 {
    fields.required("task_id", &Integer::ANY)
}

/// A timestamp, passed on as the model wrote it: the todo component reads it by the same rule.
struct When;

impl Rule for When {
    type Output = String;

    fn check(&self, input: &Value) -> Result<String, Violations> {
        Datetime.check(input)?;
        Ok(input.as_str().map_or_else(|| input.to_string(), str::to_owned))
    }
}

/// Treats an empty word as absent, because models write one where they have no value.
fn word(fields: &mut Fields, name: &'static str) -> Option<String> {
    fields.optional(name, &WORD).filter(|word| !word.is_empty())
}

/// `title: Field required; tags.3: Input should be a valid string`
fn explain(violations: &Violations) -> String {
    let lines = violations.iter().map(|violation| {
        // A location begins with `body`, a name that the model does not know.
        let steps: Vec<String> = violation.location.iter().skip(1).map(step).collect();
        match violation.kind {
            "json_invalid" => format!("they are not JSON, from byte {} on", steps.join(".")),
            _ if steps.is_empty() => violation.message.to_string(),
            _ => format!("{}: {}", steps.join("."), violation.message),
        }
    });
    format!(
        "the arguments are wrong: {}",
        lines.collect::<Vec<_>>().join("; ")
    )
}

fn step(segment: &Segment) -> String {
    match segment {
        Segment::Name(name) => (*name).to_owned(),
        Segment::Position(position) => position.to_string(),
    }
}

#[cfg(test)]
mod tests;

//! A task, and the rules for a client's input.

use berth_sdk::contract::{Boolean, Change, Datetime, Fields, Text, TextList, Timestamp, Violations};

/// The most characters of a title, after trimming.
pub(crate) const TITLE_MAX: usize = 255;
/// The most characters of a description.
pub(crate) const DESCRIPTION_MAX: usize = 2000;
/// The most characters of a priority, a category or a tag.
pub(crate) const WORD_MAX: usize = 50;
/// The most tags of a task.
pub(crate) const TAGS_MAX: usize = 20;
/// The priority of a task without a given priority.
pub(crate) const DEFAULT_PRIORITY: &str = "medium";

pub(crate) const TITLE: Text = Text::of(1, TITLE_MAX).trimmed();
pub(crate) const DESCRIPTION: Text = Text::of(0, DESCRIPTION_MAX);
pub(crate) const WORD: Text = Text::of(0, WORD_MAX).trimmed();
pub(crate) const TAGS: TextList = TextList::of(Text::of(1, WORD_MAX), TAGS_MAX);

/// The fields of a task in requests and responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The fields of the API.
    Api,
    /// The fields of the API, and `status`, which is another name of `completed`.
    Dashboard,
}

impl Shape {
    /// The shape of the tasks on the route with this pattern.
    pub(crate) fn of(pattern: &str) -> Self {
        let path = pattern.strip_prefix("/api").unwrap_or(pattern);
        if path.starts_with("/dashboard/") {
            Self::Dashboard
        } else {
            Self::Api
        }
    }
}

/// A task to create.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewTask {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) completed: bool,
    pub(crate) priority: String,
    pub(crate) category: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) due_date: Option<Timestamp>,
}

/// Changes of a task. A cleared field that cannot be empty gets its default.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TaskChanges {
    pub(crate) title: Option<String>,
    pub(crate) description: Change<String>,
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Change<String>,
    pub(crate) category: Change<String>,
    pub(crate) tags: Change<Vec<String>>,
    pub(crate) due_date: Change<Timestamp>,
}

impl NewTask {
    /// Reads a body: only `title` is required.
    pub(crate) fn read(mut fields: Fields, shape: Shape) -> Result<Self, Violations> {
        let task = Self {
            title: fields.required("title", &TITLE),
            description: fields.optional("description", &DESCRIPTION),
            completed: completed(&mut fields, shape).unwrap_or_default(),
            priority: fields
                .optional("priority", &WORD)
                .unwrap_or_else(|| DEFAULT_PRIORITY.to_owned()),
            category: fields.optional("category", &WORD),
            tags: fields.optional("tags", &TAGS).unwrap_or_default(),
            due_date: fields.optional("due_date", &Datetime),
        };
        fields.finish(task)
    }
}

impl TaskChanges {
    /// Reads a body, whose fields are all optional.
    pub(crate) fn read(mut fields: Fields, shape: Shape) -> Result<Self, Violations> {
        let changes = Self {
            title: fields.present("title", &TITLE),
            description: fields.change("description", &DESCRIPTION),
            completed: completed(&mut fields, shape),
            priority: fields.change("priority", &WORD),
            category: fields.change("category", &WORD),
            tags: fields.change("tags", &TAGS),
            due_date: fields.change("due_date", &Datetime),
        };
        fields.finish(changes)
    }
}

/// Reads the body of `…/complete`; `None` toggles the task.
pub(crate) fn read_completion(mut fields: Fields) -> Result<Option<bool>, Violations> {
    let completed = fields.present("completed", &Boolean);
    fields.finish(completed)
}

/// `status` takes precedence, because the dashboard's clients send whole tasks back in which they changed only
/// `status`.
fn completed(fields: &mut Fields, shape: Shape) -> Option<bool> {
    let completed = fields.present("completed", &Boolean);
    match shape {
        Shape::Api => completed,
        Shape::Dashboard => fields.present("status", &Boolean).or(completed),
    }
}

#[cfg(test)]
mod tests;

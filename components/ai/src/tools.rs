//! The tools for the model: the purpose of each, and a JSON Schema of its arguments.

use berth_sdk::cohere::Tool;
use serde_json::{Map, Value, json};

/// Makes a task.
pub(crate) const ADD: &str = "add_task";
/// Finds tasks.
pub(crate) const LIST: &str = "list_tasks";
/// Marks a task as done.
pub(crate) const COMPLETE: &str = "complete_task";
/// Changes a task.
pub(crate) const UPDATE: &str = "update_task";
/// Removes a task.
pub(crate) const DELETE: &str = "delete_task";

/// Every tool.
pub(crate) const NAMES: [&str; 5] = [ADD, LIST, COMPLETE, UPDATE, DELETE];

/// The most characters of a task's title.
pub(crate) const TITLE_MAX: usize = 255;
/// The most characters of a task's description.
pub(crate) const DESCRIPTION_MAX: usize = 2000;
/// The most characters of a priority, a category or a tag.
pub(crate) const WORD_MAX: usize = 50;
/// The most tags of a task.
pub(crate) const TAGS_MAX: usize = 20;
/// The most tasks of one call.
pub(crate) const LIMIT_MAX: u32 = 200;
/// The number of tasks of a call without `limit`.
pub(crate) const LIMIT_DEFAULT: u32 = 50;

/// The tools, as they are sent with each request.
pub(crate) fn all() -> Vec<Tool> {
    NAMES.into_iter().map(tool).collect()
}

fn tool(name: &'static str) -> Tool {
    let (description, properties, required) = match name {
        ADD => (
            "Adds a task to the user's list and returns it, with its id.",
            fields(&["title", "description", "priority", "category", "tags", "due_date"]),
            &["title"][..],
        ),
        LIST => (
            "Lists the user's tasks, newest first, each with its id. Use it to find the id of a task that the user \
             names by its title.",
            fields(&["status", "priority", "search", "limit"]),
            &[][..],
        ),
        COMPLETE => (
            "Marks a task as completed and returns it.",
            fields(&["task_id"]),
            &["task_id"][..],
        ),
        UPDATE => (
            "Changes a task and returns it. Fields that are not given stay as they are; null clears description, \
             category and due_date.",
            cleared(fields(&[
                "task_id",
                "title",
                "description",
                "completed",
                "priority",
                "category",
                "tags",
                "due_date",
            ])),
            &["task_id"][..],
        ),
        _ => ("Deletes a task for good.", fields(&["task_id"]), &["task_id"][..]),
    };
    let parameters = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    Tool {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        parameters: parameters.to_string(),
    }
}

fn fields(names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), schema(name)))
        .collect()
}

/// The schema of a field, which is the same in every tool.
fn schema(name: &str) -> Value {
    let word =
        |description: &str| json!({ "type": "string", "maxLength": WORD_MAX, "description": description });
    match name {
        "task_id" => json!({ "type": "integer", "description": "The task's id, as list_tasks gives it" }),
        "title" => json!({
            "type": "string", "minLength": 1, "maxLength": TITLE_MAX, "description": "What is to be done, in a few words",
        }),
        "description" => json!({
            "type": "string", "maxLength": DESCRIPTION_MAX, "description": "Whatever else there is to say",
        }),
        "completed" => json!({ "type": "boolean", "description": "Whether it is done" }),
        "priority" => word("How urgent it is: low, medium, high, urgent, or a word of the user's own"),
        "category" => word("What it belongs to, such as work or home"),
        "tags" => json!({
            "type": "array", "maxItems": TAGS_MAX, "description": "Words to find it by; they replace those it has",
            "items": { "type": "string", "minLength": 1, "maxLength": WORD_MAX },
        }),
        "due_date" => json!({
            "type": "string", "format": "date-time",
            "description": "When it is due, in RFC 3339, such as 2026-11-30T17:00:00Z",
        }),
        "status" => json!({
            "type": "string", "enum": ["all", "pending", "completed"], "default": "all",
            "description": "Which tasks: all, those still to be done, or those that are done",
        }),
        "search" => {
            json!({ "type": "string", "description": "Text that title or description must contain, in any case" })
        }
        _ => json!({
            "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT,
            "description": "How many at most",
        }),
    }
}

/// Allows null for the fields that a task can be without.
fn cleared(mut fields: Map<String, Value>) -> Map<String, Value> {
    for name in ["description", "category", "due_date"] {
        if let Some(schema) = fields.get_mut(name) {
            schema["type"] = json!(["string", "null"]);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(name: &'static str) -> Value {
        serde_json::from_str(&tool(name).parameters).unwrap_or_default()
    }

    #[test]
    fn every_tool_has_a_schema_of_its_own_fields() {
        for (name, fields, required) in [
            (
                ADD,
                "category description due_date priority tags title",
                json!(["title"]),
            ),
            (LIST, "limit priority search status", json!([])),
            (COMPLETE, "task_id", json!(["task_id"])),
            (
                UPDATE,
                "category completed description due_date priority tags task_id title",
                json!(["task_id"]),
            ),
            (DELETE, "task_id", json!(["task_id"])),
        ] {
            let schema = parameters(name);
            let mut found: Vec<&str> = schema["properties"]
                .as_object()
                .into_iter()
                .flat_map(Map::keys)
                .map(String::as_str)
                .collect();
            found.sort_unstable();
            assert_eq!(found.join(" "), fields);
            assert_eq!(
                (&schema["type"], &schema["required"]),
                (&json!("object"), &required)
            );
        }
    }

    #[test]
    fn only_a_change_can_clear_a_field() {
        assert_eq!(parameters(ADD)["properties"]["due_date"]["type"], "string");
        assert_eq!(
            parameters(UPDATE)["properties"]["due_date"]["type"],
            json!(["string", "null"])
        );
        assert_eq!(parameters(UPDATE)["properties"]["title"]["type"], "string");
    }
}

//! `openapi.json`: the document of the component's routes, made from the route table and the rules of a task.
//!
//! A test here makes the document, which is checked in: it is the same at every start, and the component is smaller
//! without the code that makes it. If the document is outdated, the test writes it anew and fails.

use berth_sdk::contract::openapi::{
    self, Operation, described, flag, id, json_content, nullable, object, partial, reference, text, time,
};
use berth_sdk::contract::{Boolean, Datetime, Text};
use berth_sdk::{Method, Route};
use serde_json::{Map, Value, json};

use crate::ROUTES;
use crate::listing::{LIMIT, OFFSET, ORDER, SORT, STATUS};
use crate::task::{DEFAULT_PRIORITY, DESCRIPTION, Shape, TAGS, TITLE, WORD};

fn document() -> String {
    let info = json!({ "title": "todo", "version": env!("CARGO_PKG_VERSION") });
    let tag = json!({ "name": "tasks", "description": "The caller's tasks" });
    let paths = ROUTES.iter().map(|route| (route.pattern(), path(route)));
    openapi::document(&info, &tag, paths, schemas().into_iter().chain(openapi::errors()))
}

fn path(route: &Route) -> Value {
    let operations = route.methods().map(|method| {
        let operation = operation(route.pattern(), method).tagged("tasks");
        (method.name().to_lowercase(), operation.into_json())
    });
    operations.collect::<Map<String, Value>>().into()
}

/// The places of the same routes, each with what its operations are called by.
const PLACES: [(&str, &str); 4] = [
    ("/api/{user_id}/", "_of_user"),
    ("/api/dashboard/", "_of_api_dashboard"),
    ("/api/", ""),
    ("/dashboard/", "_of_dashboard"),
];

/// Every operation has a line here: a route without a line fails the test.
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn operation(pattern: &str, method: Method) -> Operation {
    let found = PLACES
        .iter()
        .find_map(|(place, suffix)| Some((pattern.strip_prefix(place)?, *suffix)));
    let (resource, suffix) =
        found.unwrap_or_else(|| panic!("{pattern} is at no place: add it to openapi.rs"));
    let (task, new_task, changes, stats) = match Shape::of(pattern) {
        Shape::Api => ("Task", "NewTask", "TaskChanges", "Stats"),
        Shape::Dashboard => (
            "DashboardTask",
            "NewDashboardTask",
            "DashboardTaskChanges",
            "DashboardStats",
        ),
    };
    let operation = |id: &str, summary: &str, description: &str| {
        Operation::new(&format!("{id}{suffix}"), pattern, summary, description)
    };
    let one = |operation: Operation| {
        operation
            .answers(200, "The task", &reference(task))
            .refuses(404, "`Task not found`")
    };
    let present_fields =
        "Changes the fields that are present, and leaves the others. `null` clears an optional field.";
    match (resource, method) {
        ("tasks", Method::Get) => operation(
            "list_tasks",
            "List tasks",
            "The caller's tasks for which every filter holds, newest first unless `sort` and `order` say otherwise.",
        )
        .asks(&filters())
        .responds(200, list_of(task)),
        ("tasks", Method::Post) => {
            operation("create_task", "Create a task", "Makes a task. Only its title is required.")
                .takes(new_task, true, &json!({ "title": "Buy milk", "tags": ["home"] }))
                .answers(201, "The task", &reference(task))
        }
        ("tasks/{id}", Method::Get) => one(operation("read_task", "Get a task", "One of the caller's tasks.")),
        ("tasks/{id}", Method::Put) => one(operation("update_task", "Change a task", present_fields))
            .takes(changes, true, &json!({ "title": "Buy oat milk" })),
        ("tasks/{id}", Method::Patch) => {
            one(operation("patch_task", "Change a task", &format!("{present_fields} The same as `PUT`.")))
                .takes(changes, true, &json!({ "priority": "high" }))
        }
        ("tasks/{id}", Method::Delete) => {
            operation("delete_task", "Delete a task", "Deletes one of the caller's tasks.")
                .responds(204, json!({ "description": "The task is deleted" }))
                .refuses(404, "`Task not found`")
        }
        ("tasks/{id}/complete", Method::Patch) => one(operation(
            "complete_task",
            "Complete a task",
            "Toggles whether the task is completed, or sets it to the value that the body has.",
        ))
        .takes("Completion", false, &json!({ "completed": true })),
        ("stats", Method::Get) => operation("read_stats", "Count tasks", "The caller's tasks in figures.")
            .answers(200, "The figures", &reference(stats)),
        _ => panic!("{} {pattern} is not described: add it to openapi.rs", method.name()),
    }
}

fn list_of(element: &str) -> Value {
    json!({
        "description": "The tasks",
        "content": json_content(&json!({ "type": "array", "items": reference(element) })),
        "headers": {
            "x-total-count": {
                "description": "How many there are before paging",
                "schema": { "type": "integer" },
            },
        },
    })
}

fn filters() -> Vec<(&'static str, &'static str, Value)> {
    fn by_default(mut schema: Value, default: &str) -> Value {
        schema["default"] = default.into();
        schema
    }
    let (word, yes_or_no, moment) = (Text::ANY.schema(), flag(), Datetime.schema());
    vec![
        (
            "status",
            "All, or only those pending or completed, each by several names",
            by_default(STATUS.schema(), "all"),
        ),
        ("completed", "Only those completed, or not", yes_or_no.clone()),
        ("priority", "Only those of this priority", word.clone()),
        ("category", "Only those of this category", word.clone()),
        ("tag", "Only those with this tag", word.clone()),
        (
            "search",
            "Only those with this text in title or description, in any case",
            word,
        ),
        ("due_before", "Only those due earlier", moment.clone()),
        ("due_after", "Only those due later", moment),
        (
            "overdue",
            "Only those due and not completed, or the others",
            yes_or_no,
        ),
        (
            "sort",
            "What they are sorted by",
            by_default(SORT.schema(), "created_at"),
        ),
        (
            "order",
            "The direction of the order",
            by_default(ORDER.schema(), "desc"),
        ),
        ("limit", "How many at most; all by default", LIMIT.schema()),
        (
            "offset",
            "How many to pass over; none by default",
            OFFSET.schema(),
        ),
    ]
}

fn schemas() -> [(&'static str, Value); 9] {
    let with = |mut fields: Vec<(&'static str, Value)>, status: Value| {
        fields.push(("status", described(status, "The same as `completed`")));
        fields
    };
    let figures = [
        "total",
        "completed",
        "pending",
        "overdue",
        "tasksCompleted",
        "pendingTasks",
        "upcomingDeadlines",
    ];
    [
        ("Task", object(&stored())),
        ("DashboardTask", object(&with(stored(), flag()))),
        ("NewTask", new(&changeable(&without_priority()))),
        (
            "NewDashboardTask",
            new(&with(changeable(&without_priority()), Boolean.schema())),
        ),
        ("TaskChanges", partial(&changeable(&cleared_priority()))),
        (
            "DashboardTaskChanges",
            partial(&with(changeable(&cleared_priority()), Boolean.schema())),
        ),
        ("Completion", partial(&[("completed", Boolean.schema())])),
        ("Stats", counts(&figures)),
        ("DashboardStats", counts(&figures[4..])),
    ]
}

/// The description has the default instead of `default`: generated clients take a field with `default` for a required
/// one, and send it.
fn without_priority() -> String {
    format!("`{DEFAULT_PRIORITY}` if it is null or left out")
}

fn cleared_priority() -> String {
    format!("`null` makes it `{DEFAULT_PRIORITY}`")
}

/// The fields that clients can set, with their schemas.
fn changeable(priority: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            "title",
            described(TITLE.schema(), "Trimmed before its characters are counted"),
        ),
        ("description", nullable(DESCRIPTION.schema())),
        ("completed", Boolean.schema()),
        ("priority", described(nullable(WORD.schema()), priority)),
        ("category", nullable(WORD.schema())),
        ("tags", nullable(TAGS.schema())),
        (
            "due_date",
            described(
                nullable(Datetime.schema()),
                "RFC 3339, or a Unix time in seconds or milliseconds",
            ),
        ),
    ]
}

fn new(fields: &[(&'static str, Value)]) -> Value {
    let mut schema = partial(fields);
    schema["required"] = json!(["title"]);
    schema
}

/// The fields of a task in a response.
fn stored() -> Vec<(&'static str, Value)> {
    vec![
        ("id", id()),
        ("user_id", text()),
        ("title", text()),
        ("description", nullable(text())),
        ("completed", flag()),
        ("priority", text()),
        ("category", nullable(text())),
        ("tags", json!({ "type": "array", "items": text() })),
        ("due_date", nullable(time())),
        ("created_at", time()),
        ("updated_at", time()),
    ]
}

fn counts(names: &[&'static str]) -> Value {
    let fields: Vec<_> = names
        .iter()
        .map(|name| (*name, json!({ "type": "integer", "minimum": 0 })))
        .collect();
    object(&fields)
}

#[test]
fn the_document_is_up_to_date() -> std::io::Result<()> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::fs::read_to_string(file)? != document() {
        std::fs::write(file, document())?;
        return Err(std::io::Error::other(
            "openapi.json was outdated and is now written anew: check it in",
        ));
    }
    Ok(())
}

#[test]
fn every_reference_leads_to_a_schema() -> serde_json::Result<()> {
    let text = document();
    let document: Value = serde_json::from_str(&text)?;
    let names = text
        .split("#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for name in names {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    Ok(())
}

//! `openapi.json`: the document of the component's routes, made from the route table and the rules of a task.
//!
//! A test here makes the document, which is checked in: it is the same at every start, and the component is smaller
//! without the code that makes it. If the document is outdated, the test writes it anew and fails.

use berth_sdk::Method;
use berth_sdk::openapi::{
    self, Document, Operation, Reading, body, described, flag, id, json_content, list, nullable, object,
    query, reference, text, time,
};
use serde_json::{Value, json};

use crate::ROUTES;
use crate::listing::Listing;
use crate::task::{DEFAULT_PRIORITY, NewTask, Shape, TaskChanges, read_completion};

fn document() -> Document {
    let document = Document::new("todo", env!("CARGO_PKG_VERSION"))
        .tag("tasks", "The caller's tasks")
        .parameter("id", "The number of the resource", &id());
    let document = schemas()
        .into_iter()
        .fold(document, |document, (name, schema)| document.schema(name, schema));
    openapi::of_routes(document, &ROUTES, |pattern, method| {
        operation(pattern, method).tagged("tasks")
    })
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
        Operation::new(&format!("{id}{suffix}"), summary, description)
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
        .asks(filters())
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
                .answers_empty(204, "The task is deleted")
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
        "content": json_content(&list(&reference(element))),
        "headers": {
            "x-total-count": {
                "description": "How many there are before paging",
                "schema": { "type": "integer" },
            },
        },
    })
}

fn filters() -> Reading {
    query(Listing::read)
        .describe_all(&[
            (
                "status",
                "All, or only those pending or completed, each by several names",
            ),
            ("completed", "Only those completed, or not"),
            ("priority", "Only those of this priority"),
            ("category", "Only those of this category"),
            ("tag", "Only those with this tag"),
            (
                "search",
                "Only those with this text in title or description, in any case",
            ),
            ("due_before", "Only those due earlier"),
            ("due_after", "Only those due later"),
            ("overdue", "Only those due and not completed, or the others"),
            ("sort", "What they are sorted by"),
            ("order", "The direction of the order"),
            ("limit", "How many at most; all by default"),
            ("offset", "How many to pass over; none by default"),
        ])
        .with_default("status", "all")
        .with_default("sort", "created_at")
        .with_default("order", "desc")
}

fn schemas() -> [(&'static str, Value); 9] {
    let mut dashboard_task = stored();
    dashboard_task.push(("status", described(flag(), SAME_AS_COMPLETED)));
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
        ("DashboardTask", object(&dashboard_task)),
        ("NewTask", new_task(Shape::Api)),
        ("NewDashboardTask", new_task(Shape::Dashboard)),
        ("TaskChanges", changes(Shape::Api)),
        ("DashboardTaskChanges", changes(Shape::Dashboard)),
        ("Completion", body(read_completion).into_schema()),
        ("Stats", counts(&figures)),
        ("DashboardStats", counts(&figures[4..])),
    ]
}

const SAME_AS_COMPLETED: &str = "The same as `completed`";

/// The description has the default instead of `default`: generated clients take a field with `default` for a required
/// one, and send it.
fn new_task(shape: Shape) -> Value {
    let priority = format!("`{DEFAULT_PRIORITY}` if it is null or left out");
    written(body(|fields| NewTask::read(fields, shape)), &priority, shape)
}

fn changes(shape: Shape) -> Value {
    let priority = format!("`null` makes it `{DEFAULT_PRIORITY}`");
    written(body(|fields| TaskChanges::read(fields, shape)), &priority, shape)
}

/// The schema of a task's fields in a request.
fn written(fields: Reading, priority: &str, shape: Shape) -> Value {
    let fields = fields
        .describe("title", "Trimmed before its characters are counted")
        .describe("priority", priority)
        .describe("due_date", "RFC 3339, or a Unix time in seconds or milliseconds");
    match shape {
        Shape::Api => fields.into_schema(),
        Shape::Dashboard => fields.describe("status", SAME_AS_COMPLETED).into_schema(),
    }
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
        ("tags", list(&text())),
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
    openapi::check(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &document())
}

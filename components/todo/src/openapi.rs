//! `openapi.json`: what the component's routes are, made from the route table and the rules of a task.
//!
//! It is made natively and checked in, since it is the same at every start, and the component is smaller without the
//! code that makes it. The test here writes it anew when it is outdated, and fails.

use berth_guest::{Method, Route};
use serde_json::{Map, Value, json};

use crate::ROUTES;
use crate::listing::{LIMIT_MAX, ORDER, SORT, STATUS};
use crate::task::{DEFAULT_PRIORITY, DESCRIPTION_MAX, TAGS_MAX, TITLE_MAX, WORD_MAX};

/// What one method of one path does.
struct Operation {
    summary: &'static str,
    query: Vec<Value>,
    body: Option<Body>,
    answer: Answer,
}

struct Body {
    schema: &'static str,
    required: bool,
}

enum Answer {
    /// 200 or 201 with this schema.
    Json(u16, Value),
    /// The same for a list, with the header `x-total-count`.
    List(Value),
    /// 204.
    Nothing,
}

/// A line for each path and each schema: a change shows in a diff, and the component carries no indentation.
fn document() -> String {
    let paths = lines(ROUTES.iter().map(|route| (route.pattern(), path(route))));
    let schemas = lines(schemas());
    let info = json!({ "title": "todo", "version": env!("CARGO_PKG_VERSION") });
    let tags = json!([{ "name": "tasks", "description": "The caller's tasks" }]);
    format!(
        "{{\"openapi\":\"3.1.0\",\"info\":{info},\"tags\":{tags},\n\
        \"paths\":{{\n{paths}\n}},\n\
        \"components\":{{\"schemas\":{{\n{schemas}\n}}}}}}\n"
    )
}

fn lines(members: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let lines: Vec<String> = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    lines.join(",\n")
}

fn path(route: &Route) -> Value {
    let operations = route.methods().map(|method| {
        let operation = operation(route.pattern(), method).to_json(route.pattern());
        (method.name().to_lowercase(), operation)
    });
    operations.collect::<Map<String, Value>>().into()
}

/// Every operation has a line here: a route that has none fails the test.
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn operation(pattern: &str, method: Method) -> Operation {
    let dashboard = pattern.starts_with("/dashboard");
    let resource =
        pattern.trim_start_matches("/dashboard").trim_start_matches("/api").trim_start_matches("/{user_id}");
    let task = if dashboard { "DashboardTask" } else { "Task" };
    let changes = if dashboard { "DashboardTaskChanges" } else { "TaskChanges" };
    let new_task = if dashboard { "NewDashboardTask" } else { "NewTask" };
    match (resource, method) {
        ("/tasks", Method::Get) => {
            answering("List tasks, newest first", Answer::List(reference(task))).asking(filters())
        }
        ("/tasks", Method::Post) => {
            answering("Create a task", Answer::Json(201, reference(task))).taking(new_task, true)
        }
        ("/tasks/{id}", Method::Get) => answering("Get a task", Answer::Json(200, reference(task))),
        ("/tasks/{id}", Method::Put | Method::Patch) => {
            let summary = "Change the fields of a task that are present";
            answering(summary, Answer::Json(200, reference(task))).taking(changes, true)
        }
        ("/tasks/{id}", Method::Delete) => answering("Delete a task", Answer::Nothing),
        ("/tasks/{id}/complete", Method::Patch) => {
            let summary = "Toggle whether a task is completed, or set it";
            answering(summary, Answer::Json(200, reference(task))).taking("Completion", false)
        }
        ("/stats", Method::Get) if dashboard => {
            answering("Count tasks for the dashboard", Answer::Json(200, reference("DashboardStats")))
        }
        ("/stats", Method::Get) => answering("Count tasks", Answer::Json(200, reference("Stats"))),
        _ => panic!("{} {pattern} is not described: add it to openapi.rs", method.name()),
    }
}

fn answering(summary: &'static str, answer: Answer) -> Operation {
    Operation { summary, query: vec![], body: None, answer }
}

impl Operation {
    fn taking(self, schema: &'static str, required: bool) -> Self {
        Self { body: Some(Body { schema, required }), ..self }
    }

    fn asking(self, query: Vec<Value>) -> Self {
        Self { query, ..self }
    }

    fn to_json(&self, pattern: &str) -> Value {
        let mut parameters = path_parameters(pattern);
        parameters.extend(self.query.iter().cloned());
        let mut operation = json!({
            "tags": ["tasks"],
            "summary": self.summary,
            "security": [{ "bearer": [] }],
            "responses": self.responses(pattern),
        });
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(body) = &self.body {
            operation["requestBody"] =
                json!({ "required": body.required, "content": content(&reference(body.schema)) });
        }
        operation
    }

    fn responses(&self, pattern: &str) -> Value {
        let mut responses = Map::new();
        let mut add = |status: u16, response: Value| responses.insert(status.to_string(), response);
        let refusal = |description: &str| json!({ "description": description });
        match &self.answer {
            Answer::Json(status, schema) => {
                add(*status, json!({ "description": "Done", "content": content(schema) }))
            }
            Answer::List(element) => add(200, list_of(element)),
            Answer::Nothing => add(204, json!({ "description": "Done" })),
        };
        add(
            401,
            refusal("`Not authenticated` without a token, `Could not validate credentials` with a bad one"),
        );
        if pattern.contains("{user_id}") {
            add(403, refusal("The path is another user's"));
        }
        if pattern.contains("{id}") {
            add(404, refusal("`Task not found`"));
        }
        if self.body.is_some() {
            add(413, refusal("The body is too large"));
            add(415, refusal("The body is not JSON"));
        }
        if self.body.is_some() || !self.query.is_empty() || pattern.contains("{id}") {
            add(422, refusal("A field is not what it must be"));
        }
        add(503, refusal("Too busy, or the database is away; see `Retry-After`"));
        responses.into()
    }
}

fn list_of(element: &Value) -> Value {
    json!({
        "description": "Done",
        "content": content(&json!({ "type": "array", "items": element })),
        "headers": {
            "x-total-count": {
                "description": "How many there are before paging",
                "schema": { "type": "integer" },
            },
        },
    })
}

fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn path_parameters(pattern: &str) -> Vec<Value> {
    let names = pattern.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name| {
        let schema = if name == "id" {
            json!({ "type": "integer", "format": "int64" })
        } else {
            json!({ "type": "string" })
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    };
    names.map(parameter).collect()
}

fn filters() -> Vec<Value> {
    fn words<T>(choice: &[(&'static str, T)], default: &str) -> Value {
        let words: Vec<&str> = choice.iter().map(|(word, _)| *word).collect();
        json!({ "type": "string", "enum": words, "default": default })
    }
    let text = json!({ "type": "string" });
    let boolean = json!({ "type": "boolean" });
    let time = json!({ "type": "string", "format": "date-time" });
    [
        ("status", "All, or only those pending or completed", &words(STATUS, "all")),
        ("completed", "Only those completed, or not", &boolean),
        ("priority", "Only those of this priority", &text),
        ("category", "Only those of this category", &text),
        ("tag", "Only those with this tag", &text),
        ("search", "Only those with this text in title or description, in any case", &text),
        ("due_before", "Only those due earlier", &time),
        ("due_after", "Only those due later", &time),
        ("overdue", "Only those due and not completed, or the others", &boolean),
        ("sort", "What they are sorted by", &words(SORT, "created_at")),
        ("order", "The direction of the order", &words(ORDER, "desc")),
        (
            "limit",
            "How many at most; all by default",
            &json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX }),
        ),
        ("offset", "How many to pass over", &json!({ "type": "integer", "minimum": 0, "default": 0 })),
    ]
    .into_iter()
    .map(|(name, description, schema)| {
        let schema = schema.clone();
        json!({ "name": name, "in": "query", "required": false, "description": description, "schema": schema })
    })
    .collect()
}

fn schemas() -> [(&'static str, Value); 9] {
    let completed = json!({ "type": "boolean" });
    let stats =
        ["total", "completed", "pending", "overdue", "tasksCompleted", "pendingTasks", "upcomingDeadlines"];
    [
        ("Task", stored(&[])),
        ("DashboardTask", stored(&[("status", completed.clone())])),
        ("NewTask", new(&[])),
        ("NewDashboardTask", new(&[("status", completed.clone())])),
        ("TaskChanges", object(&changeable(), &[], &[])),
        ("DashboardTaskChanges", object(&changeable(), &[("status", completed.clone())], &[])),
        ("Completion", object(&[("completed", completed)], &[], &[])),
        ("Stats", counts(&stats)),
        ("DashboardStats", counts(&stats[4..])),
    ]
}

/// The fields that clients set, as they are sent to be changed.
fn changeable() -> Vec<(&'static str, Value)> {
    let word = json!({ "type": ["string", "null"], "maxLength": WORD_MAX });
    let tag = json!({ "type": "string", "minLength": 1, "maxLength": WORD_MAX });
    vec![
        ("title", json!({ "type": "string", "minLength": 1, "maxLength": TITLE_MAX })),
        ("description", json!({ "type": ["string", "null"], "maxLength": DESCRIPTION_MAX })),
        ("completed", json!({ "type": "boolean" })),
        (
            "priority",
            json!({ "type": ["string", "null"], "maxLength": WORD_MAX, "default": DEFAULT_PRIORITY }),
        ),
        ("category", word),
        ("tags", json!({ "type": ["array", "null"], "items": tag, "maxItems": TAGS_MAX })),
        ("due_date", json!({ "type": ["string", "null"], "format": "date-time" })),
    ]
}

fn new(more: &[(&'static str, Value)]) -> Value {
    object(&changeable(), more, &["title"])
}

/// A task as it is answered, where every field is there.
fn stored(more: &[(&'static str, Value)]) -> Value {
    let time = json!({ "type": "string", "format": "date-time" });
    let mut fields = vec![
        ("id", json!({ "type": "integer", "format": "int64" })),
        ("user_id", json!({ "type": "string" })),
        ("created_at", time.clone()),
        ("updated_at", time),
    ];
    fields.extend(changeable().into_iter().map(|(name, schema)| match name {
        "priority" => (name, json!({ "type": "string" })),
        "tags" => (name, json!({ "type": "array", "items": { "type": "string" } })),
        _ => (name, schema),
    }));
    let names: Vec<&str> = fields.iter().chain(more).map(|(name, _)| *name).collect();
    object(&fields, more, &names)
}

fn counts(names: &[&'static str]) -> Value {
    let fields: Vec<(&str, Value)> = names.iter().map(|name| (*name, json!({ "type": "integer" }))).collect();
    object(&fields, &[], names)
}

fn object(fields: &[(&'static str, Value)], more: &[(&'static str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().chain(more).map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

#[test]
fn the_document_is_up_to_date() -> std::io::Result<()> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::fs::read_to_string(file)? != document() {
        std::fs::write(file, document())?;
        return Err(std::io::Error::other("openapi.json was outdated and is now written anew: check it in"));
    }
    Ok(())
}

#[test]
fn every_reference_leads_to_a_schema() -> serde_json::Result<()> {
    let text = document();
    let document: Value = serde_json::from_str(&text)?;
    let names = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    for name in names {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    Ok(())
}

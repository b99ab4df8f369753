//! The OpenAPI document of the components' routes: it has enough for generated clients, and nothing that the routes
//! do not do.

use std::collections::BTreeSet;

use fake_cohere::FakeCohere;
use serde_json::{Value, json};

use crate::support::{App, Send};

/// Method, path and Operation Object of every operation of the components.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if ["tasks", "chat"].contains(&operation["tags"][0].as_str().unwrap()) {
                operations.push((method.to_uppercase(), path.clone(), operation.clone()));
            }
        }
    }
    assert!(operations.len() > 40, "{}", operations.len());
    operations
}

#[tokio::test]
async fn every_operation_has_a_name_a_description_and_its_errors() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.json();
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap().to_owned();
        assert!(names.insert(name.clone()), "{name} is there twice");
        for field in ["summary", "description"] {
            assert!(
                operation[field].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path}: {field}"
            );
        }
        assert!(
            operation["security"][0].get("bearer").is_some(),
            "{method} {path}"
        );
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(response["description"].is_string(), "{method} {path} {status}");
            let expected = match status.as_str() {
                "200" | "201" | "204" => continue,
                "422" => "#/components/schemas/HTTPValidationError",
                _ => "#/components/schemas/Error",
            };
            let schema = &response["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(schema, expected, "{method} {path} {status}");
        }
    }
}

#[tokio::test]
async fn every_example_of_a_body_works_as_it_stands() {
    let cohere = FakeCohere::start(0).await.unwrap();
    let app = App::with("COHERE_API_KEY", "key")
        .with("COHERE_BASE_URL", cohere.base_url())
        .start()
        .await;
    let ann = app.user("ann");
    let task = ann.add_titled("milk").await["id"].to_string();
    let document = app.get("/openapi.json").answer().await.json();
    let mut tried = 0;
    for (method, path, operation) in operations(&document) {
        let Some(body) = operation.get("requestBody") else {
            continue;
        };
        let example = &body["content"]["application/json"]["example"];
        let path = path.replace("{user_id}", "ann").replace("{id}", &task);
        let answer = ann.request(&method, &path).json(example).answer().await;
        assert!(
            [200, 201].contains(&answer.status),
            "{method} {path} {example}: {}",
            answer.text()
        );
        tried += 1;
    }
    assert!(tried > 15, "{tried}");
}

#[tokio::test]
async fn no_field_that_clients_may_leave_out_has_a_default() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.json();
    let schemas = &document["components"]["schemas"];
    for name in [
        "NewTask",
        "NewDashboardTask",
        "TaskChanges",
        "DashboardTaskChanges",
        "ChatMessage",
    ] {
        assert!(schemas[name].is_object(), "{name}");
        assert!(
            !schemas[name].to_string().contains("\"default\""),
            "generated clients would send it: {name}"
        );
    }
    assert_eq!(schemas["NewTask"]["required"], json!(["title"]));
    assert_eq!(schemas["TaskChanges"].get("required"), None);
}

#[tokio::test]
async fn the_schemas_allow_what_the_routes_take() {
    let app = App::start().await;
    let ann = app.user("ann");
    let document = app.get("/openapi.json").answer().await.json();
    let field =
        |schema: &str, name: &str| document["components"]["schemas"][schema]["properties"][name].clone();

    // A number is a Unix time.
    let due = field("NewTask", "due_date");
    assert_eq!(due["type"], json!(["string", "number", "null"]));
    for bound in ["minimum", "maximum"] {
        let body = json!({ "title": "t", "due_date": due[bound] });
        ann.post("/api/tasks", body).await.expect(201);
    }
    let beyond = json!({ "title": "t", "due_date": due["maximum"].as_i64().unwrap() + 1 });
    assert_eq!(
        ann.post("/api/tasks", beyond).await.faults(),
        ["datetime_parsing body.due_date"]
    );

    // No text holds a NUL character, and a title is not blank.
    for name in ["title", "description", "priority", "category"] {
        assert!(
            field("NewTask", name)["pattern"]
                .as_str()
                .unwrap()
                .starts_with(r"^[^\x00]*"),
            "{name}"
        );
        let mut body = json!({ "title": "t" });
        body[name] = "a\0b".into();
        assert_eq!(
            ann.post("/api/tasks", body).await.faults(),
            [format!("value_error body.{name}")]
        );
    }
    assert!(
        field("NewTask", "title")["pattern"]
            .as_str()
            .unwrap()
            .contains(r"[^\s\x00]")
    );
    assert_eq!(ann.post("/api/tasks", json!({ "title": " " })).await.status, 422);

    // A conversation's number may be a string of digits, which is not empty.
    assert_eq!(
        field("ChatMessage", "conversation_id")["pattern"],
        "^[0-9]{1,18}$"
    );
    let empty = json!({ "message": "hi", "conversation_id": "" });
    assert_eq!(
        ann.post("/api/chat", empty).await.faults(),
        ["int_parsing body.conversation_id"]
    );
}

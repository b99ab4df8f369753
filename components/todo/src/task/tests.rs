//! The rules of a task, at their bounds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;

fn fields(body: &Value) -> Fields {
    Fields::json(body.to_string().as_bytes()).unwrap()
}

fn create(body: &Value) -> Result<NewTask, Violations> {
    NewTask::read(fields(body), Shape::Api)
}

fn change(body: &Value) -> Result<TaskChanges, Violations> {
    TaskChanges::read(fields(body), Shape::Api)
}

/// The field and the type of each violation.
fn faults<T>(result: Result<T, Violations>) -> Vec<(Value, Value)> {
    let violations = result
        .err()
        .map(|violations| violations.detail())
        .unwrap_or_default();
    violations
        .iter()
        .map(|violation| (violation["loc"].clone(), violation["type"].clone()))
        .collect()
}

fn fault(field: &str, kind: &str) -> Vec<(Value, Value)> {
    vec![(json!(["body", field]), json!(kind))]
}

#[test]
fn a_title_is_enough() {
    assert_eq!(
        create(&json!({"title": "Buy milk", "unknown": 1})).unwrap(),
        NewTask {
            title: "Buy milk".into(),
            description: None,
            completed: false,
            priority: "medium".into(),
            category: None,
            tags: vec![],
            due_date: None,
        }
    );
}

#[test]
fn every_field_is_read() {
    let body = json!({
        "title": "  Buy milk ",
        "description": " two litres ",
        "completed": true,
        "priority": " Urgent!! ",
        "category": " home ",
        "tags": ["a", "b"],
        "due_date": "1970-01-01T00:00:01Z",
    });
    let task = create(&body).unwrap();
    assert_eq!(task.title, "Buy milk");
    assert_eq!(task.description.as_deref(), Some(" two litres "));
    assert!(task.completed);
    assert_eq!(task.priority, "Urgent!!");
    assert_eq!(task.category.as_deref(), Some("home"));
    assert_eq!(task.tags, ["a", "b"]);
    assert_eq!(task.due_date.map(Timestamp::microseconds), Some(1_000_000));
}

#[test]
fn null_is_as_good_as_absent_for_what_is_optional() {
    let body = json!({
        "title": "x", "description": null, "priority": null, "category": null, "tags": null, "due_date": null
    });
    assert_eq!(create(&body).unwrap(), create(&json!({"title": "x"})).unwrap());
}

#[test]
fn null_is_refused_for_what_is_not() {
    assert_eq!(
        faults(create(&json!({"title": null}))),
        fault("title", "string_type")
    );
    assert_eq!(
        faults(create(&json!({"title": "x", "completed": null}))),
        fault("completed", "bool_type")
    );
    assert_eq!(
        faults(change(&json!({"title": null}))),
        fault("title", "string_type")
    );
    assert_eq!(
        faults(change(&json!({"completed": null}))),
        fault("completed", "bool_type")
    );
}

#[test]
fn a_title_has_1_to_255_characters_after_trimming() {
    for length in [1, 254, 255] {
        let title = format!("  {}\n", "ü".repeat(length));
        assert_eq!(
            create(&json!({"title": title})).unwrap().title,
            "ü".repeat(length)
        );
    }
    assert_eq!(faults(create(&json!({}))), fault("title", "missing"));
    for blank in ["", " ", " \t\n "] {
        assert_eq!(
            faults(create(&json!({"title": blank}))),
            fault("title", "string_too_short")
        );
        assert_eq!(
            faults(change(&json!({"title": blank}))),
            fault("title", "string_too_short")
        );
    }
    assert_eq!(
        faults(create(&json!({"title": "ü".repeat(256)}))),
        fault("title", "string_too_long")
    );
    assert_eq!(
        faults(change(&json!({"title": "x".repeat(256)}))),
        fault("title", "string_too_long")
    );
}

#[test]
fn the_other_texts_have_their_limits_too() {
    for (field, max) in [("description", 2000), ("priority", 50), ("category", 50)] {
        for length in [0, max - 1, max] {
            assert!(
                create(&json!({"title": "x", field: "x".repeat(length)})).is_ok(),
                "{field} {length}"
            );
            assert!(
                change(&json!({field: "x".repeat(length)})).is_ok(),
                "{field} {length}"
            );
        }
        let long = "x".repeat(max + 1);
        assert_eq!(
            faults(create(&json!({"title": "x", field: long}))),
            fault(field, "string_too_long")
        );
        assert_eq!(
            faults(change(&json!({field: long}))),
            fault(field, "string_too_long")
        );
    }
}

#[test]
fn there_are_at_most_20_tags_of_1_to_50_characters() {
    for count in [0, 19, 20] {
        assert!(change(&json!({"tags": vec!["x"; count]})).is_ok());
    }
    assert_eq!(
        faults(change(&json!({"tags": vec!["x"; 21]}))),
        fault("tags", "too_long")
    );
    assert!(change(&json!({"tags": ["x", "x".repeat(50)]})).is_ok());
    assert_eq!(
        faults(change(&json!({"tags": ["", "x", "x".repeat(51), 3]}))),
        [
            (json!(["body", "tags", 0]), json!("string_too_short")),
            (json!(["body", "tags", 2]), json!("string_too_long")),
            (json!(["body", "tags", 3]), json!("string_type")),
        ]
    );
    assert_eq!(faults(change(&json!({"tags": "x"}))), fault("tags", "list_type"));
}

#[test]
fn a_due_date_is_a_timestamp() {
    assert_eq!(
        faults(create(&json!({"title": "x", "due_date": "tomorrow"}))),
        fault("due_date", "datetime_from_date_parsing")
    );
    assert_eq!(
        faults(change(&json!({"due_date": true}))),
        fault("due_date", "datetime_type")
    );
}

#[test]
fn every_violation_is_told_at_once() {
    let body = json!({"title": 1, "completed": "perhaps", "tags": {}});
    let kinds: Vec<Value> = faults(create(&body)).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["string_type", "bool_parsing", "list_type"]);
}

#[test]
fn only_what_is_present_is_changed() {
    assert_eq!(change(&json!({})).unwrap(), TaskChanges::default());
    let title_only = TaskChanges {
        title: Some("x".into()),
        ..TaskChanges::default()
    };
    assert_eq!(change(&json!({"title": " x "})).unwrap(), title_only);
}

#[test]
fn null_clears_what_is_optional() {
    let body =
        json!({"description": null, "priority": null, "category": null, "tags": null, "due_date": null});
    assert_eq!(
        change(&body).unwrap(),
        TaskChanges {
            title: None,
            description: Change::Clear,
            completed: None,
            priority: Change::Clear,
            category: Change::Clear,
            tags: Change::Clear,
            due_date: Change::Clear,
        }
    );
}

#[test]
fn the_dashboard_calls_completed_status_as_well() {
    let read = |body: &Value, shape| TaskChanges::read(fields(body), shape).map(|changes| changes.completed);
    assert_eq!(read(&json!({"status": true}), Shape::Dashboard), Ok(Some(true)));
    assert_eq!(
        read(&json!({"completed": true}), Shape::Dashboard),
        Ok(Some(true))
    );
    assert_eq!(
        read(&json!({"status": false, "completed": true}), Shape::Dashboard),
        Ok(Some(false))
    );
    assert_eq!(read(&json!({"status": "anything"}), Shape::Api), Ok(None));
    assert_eq!(
        faults(read(&json!({"status": "pending"}), Shape::Dashboard)),
        fault("status", "bool_parsing")
    );
    assert!(
        NewTask::read(fields(&json!({"title": "x", "status": true})), Shape::Dashboard)
            .unwrap()
            .completed
    );
}

#[test]
fn a_completion_is_set_or_toggled() {
    let read = |body: &[u8]| read_completion(Fields::optional_json(body).unwrap());
    assert_eq!(read(b""), Ok(None));
    assert_eq!(read(b"{}"), Ok(None));
    assert_eq!(read(br#"{"completed": true}"#), Ok(Some(true)));
    assert_eq!(read(br#"{"completed": false}"#), Ok(Some(false)));
    assert_eq!(
        faults(read(br#"{"completed": "x"}"#)),
        fault("completed", "bool_parsing")
    );
}

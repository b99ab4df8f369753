//! `POST …/tasks`

use serde_json::{Value, json};

use super::text;
use crate::support::App;

#[tokio::test]
async fn a_task_of_only_a_title_has_every_field() {
    let app = App::start().await;
    let task = app.user("ann").add(json!({ "title": "Buy milk" })).await;
    let moment = task["created_at"].as_str().unwrap();
    assert!(
        moment.parse::<jiff::Timestamp>().is_ok() && moment.ends_with('Z'),
        "{moment}"
    );
    assert!(task["id"].as_i64().unwrap() > 0);
    let expected = json!({
        "id": task["id"],
        "user_id": "ann",
        "title": "Buy milk",
        "description": null,
        "completed": false,
        "priority": "medium",
        "category": null,
        "tags": [],
        "due_date": null,
        "created_at": moment,
        "updated_at": moment,
    });
    assert_eq!(task, expected);
}

#[tokio::test]
async fn a_task_keeps_all_that_it_is_given() {
    let app = App::start().await;
    let given = json!({
        "title": "Buy milk 🥛",
        "description": "two\nlitres; DROP TABLE tasks; -- \"'\\",
        "completed": true,
        "priority": "whenever",
        "category": "groceries",
        "tags": ["shop", "weekly", "shop"],
        "due_date": "2030-01-02T03:04:05.678901Z",
    });
    let ann = app.user("ann");
    let task = ann.add(given.clone()).await;
    for (field, value) in given.as_object().unwrap() {
        assert_eq!(&task[field], value, "{field}");
    }
    assert_eq!(ann.get(&super::path_of(&task)).await.json(), task);
}

#[tokio::test]
async fn a_title_is_trimmed() {
    let app = App::start().await;
    let task = app.user("ann").add(json!({ "title": " \t Buy milk \n" })).await;
    assert_eq!(task["title"], "Buy milk");
}

#[tokio::test]
async fn fields_that_a_client_may_not_set_are_ignored() {
    let app = App::start().await;
    let given = json!({
        "title": "Buy milk",
        "id": 4711,
        "user_id": "bob",
        "created_at": "2001-01-01T00:00:00Z",
        "status": true,
        "unknown": { "deep": [1, 2, 3] },
    });
    let task = app.user("ann").add(given).await;
    assert_ne!(task["id"], 4711);
    assert_eq!(task["user_id"], "ann");
    assert_eq!(task["completed"], false);
    assert!(!task["created_at"].as_str().unwrap().starts_with("2001"));
    assert!(app.user("bob").titles("/api/tasks").await.is_empty());
}

#[tokio::test]
async fn optional_fields_may_be_null() {
    let app = App::start().await;
    let given = json!({
        "title": "t", "description": null, "priority": null, "category": null, "tags": null,
        "due_date": null,
    });
    let task = app.user("ann").add(given).await;
    assert_eq!(task["priority"], "medium");
    assert_eq!((&task["completed"], &task["tags"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn a_time_in_any_offset_is_answered_in_utc() {
    let app = App::start().await;
    let ann = app.user("ann");
    for (given, answered) in [
        ("2030-01-02T03:04:05Z", "2030-01-02T03:04:05Z"),
        ("2030-01-02T03:04:05+02:00", "2030-01-02T01:04:05Z"),
        ("2030-01-02T03:04:05", "2030-01-02T03:04:05Z"),
        ("2030-01-02 03:04:05.5", "2030-01-02T03:04:05.5Z"),
        ("2030-01-02", "2030-01-02T00:00:00Z"),
    ] {
        let task = ann.add(json!({ "title": "t", "due_date": given })).await;
        let moment = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let due = task["due_date"].as_str().unwrap();
        assert!(due.ends_with('Z'), "{due}");
        assert_eq!(moment(due), moment(answered), "{given}");
    }
}

#[tokio::test]
async fn each_length_is_bounded() {
    let app = App::start().await;
    let ann = app.user("ann");
    let tags = |count: usize| Value::from(vec!["tag"; count]);
    let too_long = "string_too_long";
    for (field, value, fault) in [
        ("title", json!(""), Some("string_too_short")),
        ("title", json!(" \u{2003}\n"), Some("string_too_short")),
        ("title", json!("t"), None),
        ("title", json!(text(254)), None),
        ("title", json!(text(255)), None),
        ("title", json!(text(256)), Some(too_long)),
        ("title", json!(format!("  {}  ", text(255))), None),
        ("description", json!(""), None),
        ("description", json!(text(1999)), None),
        ("description", json!(text(2000)), None),
        ("description", json!(text(2001)), Some(too_long)),
        ("priority", json!(text(49)), None),
        ("priority", json!(text(50)), None),
        ("priority", json!(text(51)), Some(too_long)),
        ("category", json!(text(49)), None),
        ("category", json!(text(50)), None),
        ("category", json!(text(51)), Some(too_long)),
        ("tags", tags(19), None),
        ("tags", tags(20), None),
        ("tags", tags(21), Some("too_long")),
        ("tags", json!([text(49)]), None),
        ("tags", json!([text(50)]), None),
    ] {
        let mut task = json!({ "title": "t" });
        task[field] = value.clone();
        let answer = ann.post("/api/tasks", task).await;
        match fault {
            None => drop(answer.expect(201)),
            Some(fault) => assert_eq!(answer.faults(), [format!("{fault} body.{field}")], "{value}"),
        }
    }
    let answer = ann
        .post("/api/tasks", json!({ "title": "t", "tags": ["good", text(51)] }))
        .await;
    assert_eq!(answer.faults(), ["string_too_long body.tags.1"]);
}

#[tokio::test]
async fn each_type_is_checked() {
    let app = App::start().await;
    let ann = app.user("ann");
    for (field, value, fault) in [
        ("title", json!(null), "string_type body.title"),
        ("title", json!(7), "string_type body.title"),
        ("title", json!(["t"]), "string_type body.title"),
        ("description", json!(7), "string_type body.description"),
        ("completed", json!("perhaps"), "bool_parsing body.completed"),
        ("completed", json!([]), "bool_type body.completed"),
        ("completed", json!(null), "bool_type body.completed"),
        ("priority", json!(1), "string_type body.priority"),
        ("category", json!({}), "string_type body.category"),
        ("tags", json!("shop"), "list_type body.tags"),
        ("tags", json!(["shop", 7]), "string_type body.tags.1"),
        ("title", json!("a\0b"), "value_error body.title"),
    ] {
        let mut task = json!({ "title": "t" });
        task[field] = value;
        assert_eq!(ann.post("/api/tasks", task).await.faults(), [fault]);
    }
    for value in [
        json!("tomorrow"),
        json!("2030-02-30T00:00:00Z"),
        json!(true),
        json!({}),
        json!(""),
    ] {
        let faults = ann
            .post("/api/tasks", json!({ "title": "t", "due_date": value }))
            .await
            .faults();
        assert!(
            faults.len() == 1 && faults[0].ends_with(" body.due_date"),
            "{value}: {faults:?}"
        );
    }
}

#[tokio::test]
async fn every_fault_is_told_at_once() {
    let app = App::start().await;
    let given = json!({ "description": 7, "priority": text(51), "tags": [text(51)] });
    let mut faults = app.user("ann").post("/api/tasks", given).await.faults();
    faults.sort();
    let expected = [
        "missing body.title",
        "string_too_long body.priority",
        "string_too_long body.tags.0",
        "string_type body.description",
    ];
    assert_eq!(faults, expected);
}

#[tokio::test]
async fn a_fault_has_pydantics_shape() {
    let app = App::start().await;
    let answer = app
        .user("ann")
        .post("/api/tasks", json!({ "title": "", "x": 1 }))
        .await
        .expect(422);
    let expected = json!({ "detail": [{
        "type": "string_too_short",
        "loc": ["body", "title"],
        "msg": "String should have at least 1 character",
        "input": "",
    }] });
    assert_eq!(answer.json(), expected);
}

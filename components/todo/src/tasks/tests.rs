//! Tests of the conversions between components, and of the rules behind them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;

fn new_task(title: &str) -> NewTask {
    NewTask {
        title: title.to_owned(),
        description: None,
        priority: None,
        category: None,
        tags: Vec::new(),
        due_date: None,
    }
}

fn no_changes() -> TaskChanges {
    TaskChanges {
        title: None,
        description: Change::Keep,
        completed: None,
        priority: None,
        category: Change::Keep,
        tags: None,
        due_date: Change::Keep,
    }
}

fn added(task: &NewTask) -> Result<task::NewTask, Error> {
    Ok(task::NewTask::read(fields(task)?, Shape::Api)?)
}

fn changed(changes: TaskChanges) -> task::TaskChanges {
    task::TaskChanges::read(fields(&present(changes)).unwrap(), Shape::Api).unwrap()
}

#[test]
fn a_task_that_crosses_is_the_task_that_a_client_would_send() {
    let sent = NewTask {
        description: Some("Two litres".to_owned()),
        priority: Some("high".to_owned()),
        category: Some("home".to_owned()),
        tags: vec!["milk".to_owned()],
        due_date: Some("2026-11-24T09:00:00Z".to_owned()),
        ..new_task(" Buy milk ")
    };
    let body = json!({
        "title": " Buy milk ", "description": "Two litres", "priority": "high", "category": "home",
        "tags": ["milk"], "due_date": "2026-11-24T09:00:00Z",
    });
    let of_a_client = task::NewTask::read(fields(&body).unwrap(), Shape::Api).unwrap();
    assert_eq!(added(&sent).unwrap(), of_a_client);
    assert_eq!(added(&new_task("Buy milk")).unwrap().priority, "medium");
}

#[test]
fn what_is_wrong_is_named() {
    let sent = NewTask {
        tags: vec!["a".to_owned(), String::new()],
        ..new_task(" ")
    };
    assert_eq!(
        added(&sent),
        Err(Error::Invalid(
            "title: String should have at least 1 character; tags.1: String should have at least 1 character"
                .to_owned()
        ))
    );
}

#[test]
fn a_change_keeps_clears_or_sets() {
    assert_eq!(changed(no_changes()), task::TaskChanges::default());
    let changes = TaskChanges {
        completed: Some(false),
        category: Change::Clear,
        description: Change::Set("Three litres".to_owned()),
        ..no_changes()
    };
    assert_eq!(
        present(changes),
        *json!({"completed": false, "category": null, "description": "Three litres"})
            .as_object()
            .unwrap()
    );
}

#[test]
fn a_filter_has_the_limits_of_the_api() {
    let listing = |limit| {
        let filter = Filter {
            completed: Some(false),
            priority: None,
            search: Some("milk".to_owned()),
            limit,
        };
        Listing::read(fields(&filter).unwrap())
    };
    let read = listing(200).unwrap();
    assert_eq!(
        (read.completed, read.search.as_deref(), read.limit),
        (Some(false), Some("milk"), Some(200))
    );
    assert!(listing(0).is_err() && listing(201).is_err());
}

#[test]
fn a_row_that_the_host_has_encoded_is_a_task() {
    let row = json!({
        "id": 7, "user_id": "ann", "title": "Buy milk", "description": null, "completed": true,
        "priority": "medium", "category": null, "tags": ["a"], "due_date": null,
        "created_at": "2026-11-23T09:30:00Z", "updated_at": "2026-11-23T09:30:00.5Z",
    });
    let task: Task = serde_json::from_value(row).unwrap();
    assert_eq!((task.id, task.completed, task.tags.len()), (7, true, 1));
    assert_eq!(
        (task.due_date, &*task.updated_at),
        (None, "2026-11-23T09:30:00.5Z")
    );
}

#[test]
fn a_database_that_is_away_is_worth_another_try_and_a_fault_of_ours_is_not_told() {
    let away = Error::Unavailable("the database cannot be reached".to_owned());
    assert_eq!(Error::from(postgres::Error::Away), away);
    let fault = Error::Unavailable("the todo component failed".to_owned());
    assert_eq!(
        Error::from(postgres::Error::Unsupported("column 3".to_owned())),
        fault
    );
}

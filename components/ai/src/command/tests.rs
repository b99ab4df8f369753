#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;

fn read(name: &str, arguments: &serde_json::Value) -> Result<Command, String> {
    Command::read(name, &arguments.to_string())
}

#[test]
fn a_task_is_added_with_what_is_said_about_it() {
    let arguments = json!({
        "title": "  Buy milk ", "description": "2 l", "priority": "high", "category": "home", "tags": ["shop"],
        "due_date": "2026-11-30T17:00:00Z",
    });
    let task = NewTask {
        title: "Buy milk".to_owned(),
        description: Some("2 l".to_owned()),
        priority: Some("high".to_owned()),
        category: Some("home".to_owned()),
        tags: vec!["shop".to_owned()],
        due_date: Some("2026-11-30T17:00:00Z".to_owned()),
    };
    assert_eq!(read("add_task", &arguments), Ok(Command::Add(task)));
}

#[test]
fn nulls_and_empty_words_are_as_good_as_nothing() {
    let arguments =
        json!({ "title": "x", "description": null, "priority": "", "tags": null, "due_date": null });
    let bare = NewTask {
        title: "x".to_owned(),
        description: None,
        priority: None,
        category: None,
        tags: vec![],
        due_date: None,
    };
    assert_eq!(read("add_task", &arguments), Ok(Command::Add(bare)));
    let everything = Filter {
        completed: None,
        priority: None,
        search: None,
        limit: 50,
    };
    for arguments in ["", "null", "{}", r#"{"search": "", "priority": null}"#] {
        assert_eq!(
            Command::read("list_tasks", arguments),
            Ok(Command::List(everything.clone()))
        );
    }
}

#[test]
fn a_list_can_be_narrowed() {
    let arguments = json!({ "status": "pending", "priority": "high", "search": "milk", "limit": "5" });
    let filter = Filter {
        completed: Some(false),
        priority: Some("high".to_owned()),
        search: Some("milk".to_owned()),
        limit: 5,
    };
    assert_eq!(read("list_tasks", &arguments), Ok(Command::List(filter)));
}

#[test]
fn a_change_keeps_clears_or_sets() {
    let arguments =
        json!({ "task_id": 3, "title": null, "description": null, "category": "home", "completed": true });
    let changes = TaskChanges {
        title: None,
        description: Change::Clear,
        completed: Some(true),
        priority: None,
        category: Change::Set("home".to_owned()),
        tags: None,
        due_date: Change::Keep,
    };
    assert_eq!(read("update_task", &arguments), Ok(Command::Update(3, changes)));
}

#[test]
fn another_user_in_the_arguments_changes_nothing() {
    let arguments = json!({ "task_id": 3, "user_id": "bob" });
    assert_eq!(read("delete_task", &arguments), Ok(Command::Delete(3)));
    assert_eq!(read("complete_task", &arguments), Ok(Command::Complete(3)));
}

#[test]
fn what_is_wrong_is_told_to_the_model() {
    for (name, arguments, expected) in [
        (
            "drop_table",
            "{}",
            "there is no tool \"drop_table\"; there are add_task, list_tasks, complete_task, update_task, delete_task",
        ),
        (
            "add_task",
            r#"{"title": "#,
            "the arguments are wrong: they are not JSON, from byte 10 on",
        ),
        ("add_task", "", "the arguments are wrong: title: Field required"),
        (
            "add_task",
            "[]",
            "the arguments are wrong: Input should be a valid dictionary or object to extract fields from",
        ),
        (
            "add_task",
            r#"{"title": 3, "tags": ["a", 7]}"#,
            "the arguments are wrong: title: Input should be a valid string; tags.1: Input should be a valid string",
        ),
        (
            "add_task",
            r#"{"title": "  "}"#,
            "the arguments are wrong: title: String should have at least 1 character",
        ),
        (
            "list_tasks",
            r#"{"status": "open", "limit": 201}"#,
            "the arguments are wrong: status: Input should be 'all', 'pending' or 'completed'; \
             limit: Input should be less than or equal to 200",
        ),
        (
            "complete_task",
            r#"{"task_id": "milk"}"#,
            "the arguments are wrong: task_id: Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            "update_task",
            r#"{"task_id": 3, "due_date": "tomorrow"}"#,
            "the arguments are wrong: due_date: Input should be a valid datetime or date, input is too short",
        ),
        (
            "delete_task",
            "{}",
            "the arguments are wrong: task_id: Field required",
        ),
    ] {
        assert_eq!(
            Command::read(name, arguments),
            Err(expected.to_owned()),
            "{arguments}"
        );
    }
}

/// Every value that a schema allows passes the rules.
#[test]
fn the_limits_of_the_schemas_are_those_of_the_rules() {
    let schema =
        |tool: usize| -> serde_json::Value { serde_json::from_str(&tools::all()[tool].parameters).unwrap() };
    let add = schema(0);
    for name in ["title", "description", "priority", "category"] {
        let max = usize::try_from(add["properties"][name]["maxLength"].as_u64().unwrap()).unwrap();
        let mut arguments = json!({ "title": "x" });
        arguments[name] = "x".repeat(max).into();
        assert!(read("add_task", &arguments).is_ok(), "{name}");
        arguments[name] = "x".repeat(max + 1).into();
        assert!(read("add_task", &arguments).is_err(), "{name}");
    }
    let max = schema(1)["properties"]["limit"]["maximum"].as_i64().unwrap();
    assert!(read("list_tasks", &json!({ "limit": max })).is_ok());
    assert!(read("list_tasks", &json!({ "limit": max + 1 })).is_err());
}

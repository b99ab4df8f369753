//! `PUT` and `PATCH …/tasks/{id}`: both change what is present.

use serde_json::{Value, json};

use super::{path_of, text};
use crate::support::{App, Send, User};

/// A task with something in every field.
async fn full_task(user: &User<'_>) -> Value {
    user.add(json!({
        "title": "Buy milk",
        "description": "two litres",
        "priority": "high",
        "category": "groceries",
        "tags": ["shop"],
        "due_date": "2030-01-02T03:04:05Z",
    }))
    .await
}

#[tokio::test]
async fn only_the_fields_present_are_changed() {
    let app = App::start().await;
    let ann = app.user("ann");
    for method in ["PUT", "PATCH"] {
        let before = full_task(&ann).await;
        for change in [
            json!({ "title": "Buy oat milk" }),
            json!({ "description": "one litre" }),
            json!({ "completed": true }),
            json!({ "priority": "low" }),
            json!({ "category": "drinks" }),
            json!({ "tags": ["a", "b"] }),
            json!({ "due_date": "2031-01-01T00:00:00Z" }),
        ] {
            let request = ann.request(method, &path_of(&before)).json(&change);
            let after = request.answer().await.expect(200).json();
            let (field, value) = change.as_object().unwrap().iter().next().unwrap();
            assert_eq!(&after[field], value);
            assert_eq!(ann.get(&path_of(&before)).await.json(), after);
        }
        let after = ann.get(&path_of(&before)).await.json();
        assert_eq!(after["created_at"], before["created_at"]);
        assert!(after["updated_at"].as_str().unwrap() > before["updated_at"].as_str().unwrap());
        assert_eq!(
            (&after["id"], &after["user_id"]),
            (&before["id"], &before["user_id"])
        );
    }
}

#[tokio::test]
async fn null_clears_an_optional_field() {
    let app = App::start().await;
    let ann = app.user("ann");
    let task = full_task(&ann).await;
    for field in ["description", "category", "due_date"] {
        let after = ann
            .patch(&path_of(&task), json!({ field: null }))
            .await
            .expect(200)
            .json();
        assert_eq!(after[field], Value::Null, "{field}");
        assert_eq!(after["title"], "Buy milk");
    }
    let after = ann
        .patch(&path_of(&task), json!({ "tags": null }))
        .await
        .expect(200)
        .json();
    assert_eq!(after["tags"], json!([]));
}

#[tokio::test]
async fn an_empty_change_changes_nothing() {
    let app = App::start().await;
    let ann = app.user("ann");
    let task = full_task(&ann).await;
    assert_eq!(ann.put(&path_of(&task), json!({})).await.expect(200).json(), task);
    assert_eq!(
        ann.patch(&path_of(&task), json!({ "unknown": 1 }))
            .await
            .expect(200)
            .json(),
        task
    );
}

#[tokio::test]
async fn what_a_client_may_not_set_stays() {
    let app = App::start().await;
    let ann = app.user("ann");
    let task = full_task(&ann).await;
    let change =
        json!({ "id": 1_000_000, "user_id": "bob", "created_at": "2001-01-01T00:00:00Z", "title": "new" });
    let after = ann.put(&path_of(&task), change).await.expect(200).json();
    for field in ["id", "user_id", "created_at"] {
        assert_eq!(after[field], task[field]);
    }
    assert_eq!(after["title"], "new");
}

#[tokio::test]
async fn a_change_is_checked_as_a_new_task_is() {
    let app = App::start().await;
    let ann = app.user("ann");
    let task = full_task(&ann).await;
    for (change, fault) in [
        (json!({ "title": "" }), "string_too_short body.title"),
        (json!({ "title": text(256) }), "string_too_long body.title"),
        (
            json!({ "description": text(2001) }),
            "string_too_long body.description",
        ),
        (json!({ "priority": text(51) }), "string_too_long body.priority"),
        (json!({ "category": text(51) }), "string_too_long body.category"),
        (json!({ "tags": vec!["t"; 21] }), "too_long body.tags"),
        (json!({ "tags": [7] }), "string_type body.tags.0"),
        (json!({ "completed": "perhaps" }), "bool_parsing body.completed"),
    ] {
        assert_eq!(ann.patch(&path_of(&task), change).await.faults(), [fault]);
    }
    for (field, length) in [
        ("title", 255),
        ("description", 2000),
        ("priority", 50),
        ("category", 50),
    ] {
        ann.patch(&path_of(&task), json!({ field: text(length) }))
            .await
            .expect(200);
    }
    let faults = ann.put("/api/tasks/milk", json!({ "title": "" })).await.faults();
    assert!(faults.contains(&"int_parsing path.id".to_owned()), "{faults:?}");
}

#[tokio::test]
async fn a_task_that_is_not_there_is_not_changed() {
    let app = App::start().await;
    let ann = app.user("ann");
    let missing = (404, "Task not found".to_owned());
    assert_eq!(
        ann.put("/api/tasks/1", json!({ "title": "t" })).await.failure(),
        missing
    );
    assert_eq!(
        ann.patch("/api/ann/tasks/1", json!({ "title": "t" }))
            .await
            .failure(),
        missing
    );
}

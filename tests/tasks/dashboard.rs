//! `/dashboard/…` and `…/stats`

use serde_json::{Value, json};

use super::in_days;
use crate::support::{App, Send, User};

async fn some_tasks(user: &User<'_>) {
    for task in [
        json!({ "title": "done" , "completed": true, "due_date": in_days(-1) }),
        json!({ "title": "overdue", "due_date": in_days(-30) }),
        json!({ "title": "soon", "due_date": in_days(6) }),
        json!({ "title": "later", "due_date": in_days(8) }),
        json!({ "title": "some day" }),
    ] {
        user.add(task).await;
    }
}

#[tokio::test]
async fn figures_count_the_callers_tasks() {
    let app = App::start().await;
    let ann = app.user("ann");
    some_tasks(&app.user("bob")).await;
    let none = json!({ "tasksCompleted": 0, "pendingTasks": 0, "upcomingDeadlines": 0 });
    assert_eq!(ann.get("/dashboard/stats").await.expect(200).json(), none);
    some_tasks(&ann).await;
    let short = json!({ "tasksCompleted": 1, "pendingTasks": 4, "upcomingDeadlines": 2 });
    for path in [
        "/dashboard/stats/",
        "/api/dashboard/stats",
        "/api/dashboard/stats/",
    ] {
        assert_eq!(ann.get(path).await.expect(200).json(), short, "{path}");
    }
    let long = json!({
        "total": 5, "completed": 1, "pending": 4, "overdue": 1,
        "tasksCompleted": 1, "pendingTasks": 4, "upcomingDeadlines": 2,
    });
    for path in ["/api/stats", "/api/stats/", "/api/ann/stats", "/api/ann/stats/"] {
        assert_eq!(ann.get(path).await.expect(200).json(), long, "{path}");
        assert_eq!(ann.request("HEAD", path).answer().await.status, 200, "{path}");
    }
}

/// The two names of the dashboard's tasks.
const TASKS: [&str; 2] = ["/dashboard/tasks", "/api/dashboard/tasks"];

#[tokio::test]
async fn a_task_of_the_dashboard_has_its_status() {
    let app = App::start().await;
    for (user, path) in ["ann", "bob"].into_iter().zip(TASKS) {
        let user = app.user(user);
        let task = user
            .post(path, json!({ "title": "t", "status": true }))
            .await
            .expect(201)
            .json();
        assert_eq!(
            (&task["status"], &task["completed"]),
            (&json!(true), &json!(true))
        );
        let mut expected = user.get(&super::path_of(&task)).await.json();
        assert_eq!(expected.get("status"), None, "the field is the dashboard's own");
        expected["status"] = json!(true);
        assert_eq!(task, expected);
        assert_eq!(user.get(path).await.json(), json!([expected]));
    }
}

#[tokio::test]
async fn its_status_is_changed_by_either_name() {
    let app = App::start().await;
    for path in TASKS {
        a_status_is_changed(&app.user("ann"), path).await;
    }
}

async fn a_status_is_changed(ann: &User<'_>, tasks: &str) {
    let task = ann
        .post(&format!("{tasks}/"), json!({ "title": "t" }))
        .await
        .expect(201)
        .json();
    assert_eq!(task["status"], false);
    let path = format!("{tasks}/{}", task["id"]);
    for (change, status) in [
        (json!({ "status": true }), true),
        (json!({ "completed": false }), false),
        (json!({ "status": true, "completed": false }), true),
        (json!({ "title": "new" }), true),
    ] {
        let after: Value = ann.put(&path, change.clone()).await.expect(200).json();
        assert_eq!(
            (&after["status"], &after["completed"]),
            (&json!(status), &json!(status)),
            "{change}"
        );
        assert_eq!(
            ann.patch(&path, change).await.expect(200).json()["status"],
            status
        );
    }
    assert_eq!(
        ann.patch(&path, json!({ "status": "x" })).await.faults(),
        ["bool_parsing body.status"]
    );
    ann.delete(&format!("{path}/")).await.expect(204);
    assert_eq!(
        ann.delete(&path).await.failure(),
        (404, "Task not found".to_owned())
    );
    assert_eq!(
        ann.put(&path, json!({ "title": "t" })).await.failure(),
        (404, "Task not found".to_owned())
    );
}

#[tokio::test]
async fn its_routes_need_a_token_and_are_checked_like_any_other() {
    let app = App::start().await;
    let ann = app.user("ann");
    for (method, path) in [
        ("GET", "/dashboard/stats"),
        ("GET", "/dashboard/tasks"),
        ("POST", "/dashboard/tasks"),
        ("PUT", "/dashboard/tasks/1"),
        ("PATCH", "/dashboard/tasks/1"),
        ("DELETE", "/dashboard/tasks/1"),
    ] {
        for path in [path.to_owned(), format!("/api{path}")] {
            let answer = app.request(method, &path).answer().await;
            assert_eq!(
                answer.failure(),
                (401, "Not authenticated".to_owned()),
                "{method} {path}"
            );
        }
    }
    assert_eq!(
        ann.post("/dashboard/tasks", json!({})).await.faults(),
        ["missing body.title"]
    );
    assert_eq!(
        ann.delete("/dashboard/tasks/milk").await.faults(),
        ["int_parsing path.id"]
    );
    assert_eq!(
        ann.get("/dashboard/tasks?limit=0").await.faults(),
        ["greater_than_equal query.limit"]
    );
    assert_eq!(
        ann.get("/dashboard").await.failure(),
        (404, "Not Found".to_owned())
    );
    assert_eq!(ann.get("/dashboard/tasks/1").await.failure().0, 405);
}

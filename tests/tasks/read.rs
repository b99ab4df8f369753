//! `GET …/tasks/{id}`

use serde_json::json;

use super::path_of;
use crate::support::{App, Send};

#[tokio::test]
async fn a_task_is_read_by_each_of_its_paths() {
    let app = App::start().await;
    let ann = app.user("ann");
    let task = ann.add_titled("Buy milk").await;
    for path in [path_of(&task), format!("/api/ann/tasks/{}", task["id"])] {
        for path in [path.clone(), format!("{path}/")] {
            assert_eq!(ann.get(&path).await.expect(200).json(), task, "{path}");
        }
    }
}

#[tokio::test]
async fn a_task_that_is_not_there_is_not_found() {
    let app = App::start().await;
    let ann = app.user("ann");
    for id in ["1", "0", "-1", "9223372036854775807"] {
        for path in [format!("/api/tasks/{id}"), format!("/api/ann/tasks/{id}")] {
            assert_eq!(
                ann.get(&path).await.failure(),
                (404, "Task not found".to_owned()),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn an_id_that_is_no_integer_is_refused() {
    let app = App::start().await;
    let ann = app.user("ann");
    for id in ["milk", "1.5", "1e3", "%00", "%FF", "1%2F2"] {
        let faults = ann.get(&format!("/api/tasks/{id}")).await.faults();
        assert_eq!(faults, ["int_parsing path.id"], "{id}");
    }
    let faults = ann.get("/api/tasks/9223372036854775808").await.faults();
    assert_eq!(faults, ["int_parsing_size path.id"]);
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let app = App::start().await;
    let ann = app.user("ann");
    let task = ann.add(json!({ "title": "Buy milk" })).await;
    let (got, head) = (
        ann.get(&path_of(&task)).await,
        ann.request("HEAD", &path_of(&task)).answer().await,
    );
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), got.header("content-type"));
    assert_eq!(head.header("content-length"), got.header("content-length"));
}

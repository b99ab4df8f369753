//! `DELETE …/tasks/{id}`

use super::path_of;
use crate::support::App;

#[tokio::test]
async fn a_deleted_task_is_gone() {
    let app = App::start().await;
    let ann = app.user("ann");
    let (gone, kept) = (ann.add_titled("gone").await, ann.add_titled("kept").await);
    let answer = ann.delete(&path_of(&gone)).await.expect(204);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("content-type"), None);
    assert_eq!(
        ann.get(&path_of(&gone)).await.failure(),
        (404, "Task not found".to_owned())
    );
    assert_eq!(
        ann.delete(&path_of(&gone)).await.failure(),
        (404, "Task not found".to_owned())
    );
    assert_eq!(ann.titles("/api/tasks").await, ["kept"]);
    ann.delete(&format!("/api/ann/tasks/{}/", kept["id"]))
        .await
        .expect(204);
    assert!(ann.titles("/api/tasks").await.is_empty());
}

#[tokio::test]
async fn an_id_that_is_no_integer_is_refused() {
    let app = App::start().await;
    assert_eq!(
        app.user("ann").delete("/api/tasks/milk").await.faults(),
        ["int_parsing path.id"]
    );
}

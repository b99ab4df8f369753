//! `PATCH …/tasks/{id}/complete`

use serde_json::json;

use super::path_of;
use crate::support::{App, Send};

#[tokio::test]
async fn without_a_body_it_toggles() {
    let app = App::start().await;
    let ann = app.user("ann");
    let path = path_of(&ann.add_titled("Buy milk").await) + "/complete";
    for completed in [true, false, true] {
        let task = ann.request("PATCH", &path).answer().await.expect(200).json();
        assert_eq!(task["completed"], completed);
    }
    let task = ann.patch(&path, json!({})).await.expect(200).json();
    assert_eq!(task["completed"], false, "an empty object says nothing either");
}

#[tokio::test]
async fn a_body_sets_it() {
    let app = App::start().await;
    let ann = app.user("ann");
    let task = ann.add_titled("Buy milk").await;
    for path in [path_of(&task), format!("/api/ann/tasks/{}", task["id"])] {
        for completed in [true, true, false, false] {
            let body = json!({ "completed": completed });
            let task = ann
                .patch(&format!("{path}/complete"), body)
                .await
                .expect(200)
                .json();
            assert_eq!(task["completed"], completed);
        }
    }
}

#[tokio::test]
async fn other_bodies_are_refused() {
    let app = App::start().await;
    let ann = app.user("ann");
    let path = path_of(&ann.add_titled("Buy milk").await) + "/complete";
    let faults = ann.patch(&path, json!({ "completed": "perhaps" })).await.faults();
    assert_eq!(faults, ["bool_parsing body.completed"]);
    let request = ann
        .request("PATCH", &path)
        .header("content-type", "application/json")
        .body("{");
    assert!(request.answer().await.faults()[0].starts_with("json_invalid body"));
    assert_eq!(
        ann.patch("/api/tasks/1000000/complete", json!({}))
            .await
            .failure()
            .0,
        404
    );
    assert_eq!(
        ann.patch("/api/tasks/milk/complete", json!({})).await.faults(),
        ["int_parsing path.id"]
    );
}

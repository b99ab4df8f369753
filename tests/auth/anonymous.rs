//! `ANONYMOUS_USER`

use serde_json::json;

use crate::support::{App, Send, User};

#[tokio::test]
async fn requests_without_a_token_act_as_the_anonymous_user() {
    let app = App::with("ANONYMOUS_USER", "guest").start().await;
    let task = app
        .post("/api/tasks")
        .json(&json!({ "title": "t" }))
        .answer()
        .await
        .expect(201)
        .json();
    assert_eq!(task["user_id"], "guest");
    assert_eq!(
        app.get("/api/guest/tasks").answer().await.expect(200).json(),
        json!([task])
    );
    assert_eq!(
        app.get("/api/ann/tasks").answer().await.failure(),
        (403, "Forbidden".to_owned())
    );
    assert!(app.user("ann").titles("/api/tasks").await.is_empty());
    assert!(
        app.process.log().contains("ANONYMOUS_USER"),
        "the host warns of it at start"
    );
}

#[tokio::test]
async fn a_bad_token_is_refused_all_the_same() {
    let app = App::with("ANONYMOUS_USER", "guest").start().await;
    let user = User::new(&app, "nonsense".to_owned());
    for path in ["/api/tasks", "/auth/me", "/dashboard/stats"] {
        assert_eq!(
            user.get(path).await.failure(),
            (401, "Could not validate credentials".to_owned()),
            "{path}"
        );
    }
}

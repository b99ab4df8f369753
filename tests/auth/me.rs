//! `GET /auth/me`

use serde_json::json;

use super::{account, token};
use crate::support::{App, Send, User, tokens};

#[tokio::test]
async fn it_is_the_account_that_the_token_stands_for() {
    let app = App::start().await;
    let known = account(&app, "ann@example.com").await;
    let user = User::new(&app, token(&known).to_owned());
    for path in [
        "/auth/me",
        "/auth/me/",
        "/api/auth/me",
        "/api/auth/me/",
        "/users/me",
        "/api/users/me/",
    ] {
        assert_eq!(user.get(path).await.expect(200).json(), known["user"], "{path}");
        assert_eq!(user.request("HEAD", path).answer().await.status, 200, "{path}");
        let by_link = format!("{path}?token={}", token(&known));
        assert_eq!(
            app.get(&by_link).answer().await.expect(200).json(),
            known["user"],
            "{path}"
        );
        let by_cookie = app
            .get(path)
            .header("cookie", format!("access_token={}", token(&known)));
        assert_eq!(
            by_cookie.answer().await.expect(200).json(),
            known["user"],
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_foreign_token_is_who_it_says() {
    let app = App::start().await;
    let claims = json!({ "sub": "x7", "exp": tokens::in_seconds(60), "email": "x@example.com", "name": "X" });
    let user = User::new(&app, tokens::signed(&claims));
    let me = user.get("/auth/me").await.expect(200).json();
    assert_eq!(
        (&me["id"], &me["email"], &me["name"]),
        (&json!("x7"), &json!("x@example.com"), &json!("X"))
    );
}

#[tokio::test]
async fn without_a_good_token_there_is_nobody() {
    let app = App::start().await;
    assert_eq!(
        app.get("/auth/me").answer().await.failure(),
        (401, "Not authenticated".to_owned())
    );
    for path in [
        "/auth/me?token=nonsense",
        "/api/auth/me/?token=a.b.c",
        "/users/me?token=nonsense",
    ] {
        let answer = app.get(path).answer().await;
        assert_eq!(
            answer.failure(),
            (401, "Could not validate credentials".to_owned()),
            "{path}"
        );
    }
    let tasks = format!("/api/tasks?token={}", tokens::for_subject("ann"));
    assert_eq!(
        app.get(&tasks).answer().await.status,
        401,
        "only this route takes it from the query"
    );
}

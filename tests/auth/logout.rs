//! `POST /auth/logout`

use serde_json::json;

use super::{PASSWORD, account, token};
use crate::support::{App, Send, User, tokens};

#[tokio::test]
async fn a_token_that_was_logged_out_is_revoked_everywhere() {
    let app = App::start().await;
    let known = account(&app, "ann@example.com").await;
    for path in [
        "/auth/logout",
        "/auth/logout/",
        "/api/auth/logout",
        "/auth/signout",
        "/api/auth/sign-out",
    ] {
        let body = json!({ "email": "ann@example.com", "password": PASSWORD });
        let answer = app.post("/auth/login").json(&body).answer().await.json();
        let user = User::new(&app, token(&answer).to_owned());
        user.get("/api/tasks").await.expect(200);

        let answer = user.request("POST", path).answer().await.expect(200);
        assert_eq!(answer.json(), json!({ "message": "Logged out successfully" }));
        let cookie = answer.header("set-cookie").unwrap();
        assert!(
            cookie.starts_with("access_token=;") && cookie.contains("Max-Age=0"),
            "{cookie}"
        );
        for path in ["/api/tasks", "/dashboard/stats", "/auth/me"] {
            let refused = user.get(path).await;
            assert_eq!(
                refused.failure(),
                (401, "Could not validate credentials".to_owned()),
                "{path}"
            );
        }
        user.request("POST", path).answer().await.expect(200);
    }
    let other = User::new(&app, token(&known).to_owned());
    other.get("/api/tasks").await.expect(200);
}

#[tokio::test]
async fn a_token_stays_revoked_when_the_host_starts_again() {
    let app = App::start().await;
    let user = app.user("ann");
    user.request("POST", "/auth/logout").answer().await.expect(200);
    let again = App::here().start_beside(&app);
    let user = User::new(&again, user.token.clone());
    assert_eq!(user.get("/api/tasks").await.status, 401);
}

#[tokio::test]
async fn a_foreign_token_without_a_jti_is_revoked_alone() {
    let app = App::start().await;
    let (one, other) = (
        app.user("ann"),
        User::new(
            &app,
            tokens::signed(&json!({ "sub": "ann", "exp": tokens::in_seconds(60) })),
        ),
    );
    one.request("POST", "/auth/logout").answer().await.expect(200);
    assert_eq!(one.get("/api/tasks").await.status, 401);
    other.get("/api/tasks").await.expect(200);
}

#[tokio::test]
async fn logging_out_needs_no_token_and_works_as_often_as_one_likes() {
    let app = App::start().await;
    let expired = tokens::signed(&json!({ "sub": "ann", "exp": 1 }));
    let log_out = || app.post("/auth/logout");
    for request in [
        log_out(),
        log_out().bearer_auth("nonsense"),
        log_out().bearer_auth(&expired),
        log_out().header("authorization", "Basic YTpi"),
        log_out().header("cookie", "access_token=nonsense"),
        log_out()
            .header("cookie", format!("access_token={expired}"))
            .header("sec-fetch-site", "cross-site"),
        log_out().header("origin", "https://evil.example.com"),
        log_out().json(&json!({ "token": 7 })),
    ] {
        for request in [request.try_clone().unwrap(), request] {
            let answer = request.answer().await.expect(200);
            assert_eq!(answer.json(), json!({ "message": "Logged out successfully" }));
            let cookie = answer.header("set-cookie").unwrap();
            assert!(
                cookie.starts_with("access_token=;") && cookie.contains("Max-Age=0"),
                "{cookie}"
            );
        }
    }
}

#[tokio::test]
async fn a_bad_token_in_the_header_does_not_keep_the_cookies_token_alive() {
    let app = App::start().await;
    let cookie = format!("access_token={}", tokens::for_subject("ann"));
    let log_out = || {
        app.post("/auth/logout")
            .bearer_auth("nonsense")
            .header("cookie", &cookie)
    };
    let refused = log_out().header("sec-fetch-site", "cross-site").answer().await;
    assert_eq!(
        refused.failure(),
        (403, "Cross-site request refused".to_owned()),
        "it is by the cookie alone"
    );
    log_out().answer().await.expect(200);
    assert_eq!(
        app.get("/api/tasks")
            .header("cookie", &cookie)
            .answer()
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn without_the_database_a_good_token_is_not_said_to_be_logged_out() {
    let app = App::start().await;
    let ann = app.user("ann");
    ann.get("/auth/me").await.expect(200);
    app.database.take_away().await;
    assert_eq!(ann.request("POST", "/auth/logout").answer().await.status, 503);
    app.post("/auth/logout").answer().await.expect(200);
    app.database.bring_back().await;
}

#[tokio::test]
async fn the_cookies_token_is_logged_out_too() {
    let app = App::start().await;
    let cookie = format!("access_token={}", tokens::for_subject("ann"));
    app.post("/auth/logout")
        .header("cookie", &cookie)
        .answer()
        .await
        .expect(200);
    assert_eq!(
        app.get("/api/tasks")
            .header("cookie", &cookie)
            .answer()
            .await
            .status,
        401
    );
}

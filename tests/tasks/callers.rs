//! Whose tasks they are.

use serde_json::json;

use super::path_of;
use crate::support::{App, Send, User, tokens};

/// Every route with a task, and a body that it would take.
const ROUTES: [(&str, &str); 8] = [
    ("GET", "/api/{user}/tasks"),
    ("POST", "/api/{user}/tasks"),
    ("GET", "/api/{user}/tasks/1"),
    ("PUT", "/api/{user}/tasks/1"),
    ("PATCH", "/api/{user}/tasks/1"),
    ("PATCH", "/api/{user}/tasks/1/complete"),
    ("DELETE", "/api/{user}/tasks/1"),
    ("GET", "/api/{user}/stats"),
];

#[tokio::test]
async fn every_route_needs_a_token() {
    let app = App::start().await;
    for (method, path) in ROUTES {
        for path in [path.replace("{user}", "ann"), path.replace("/{user}", "")] {
            let answer = app
                .request(method, &path)
                .json(&json!({ "title": "t" }))
                .answer()
                .await;
            assert_eq!(
                answer.failure(),
                (401, "Not authenticated".to_owned()),
                "{method} {path}"
            );
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer"),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn the_user_in_the_path_is_the_tokens_or_nobody() {
    let app = App::start().await;
    let ann = app.user("ann");
    for (method, path) in ROUTES {
        let path = path.replace("{user}", "bob");
        let answer = ann
            .request(method, &path)
            .json(&json!({ "title": 7 }))
            .answer()
            .await;
        assert_eq!(answer.failure(), (403, "Forbidden".to_owned()), "{method} {path}");
    }
    for user in ["Ann", "ann%20", "an", "ann%00"] {
        assert_eq!(ann.get(&format!("/api/{user}/tasks")).await.status, 403, "{user}");
    }
    assert_eq!(
        ann.get("/api/%61nn/tasks").await.status,
        200,
        "the same name, encoded"
    );
}

#[tokio::test]
async fn another_users_task_does_not_exist() {
    let app = App::start().await;
    let (ann, bob) = (app.user("ann"), app.user("bob"));
    let task = ann.add_titled("Ann's").await;
    let missing = (404, "Task not found".to_owned());
    for path in [path_of(&task), format!("/api/bob/tasks/{}", task["id"])] {
        assert_eq!(bob.get(&path).await.failure(), missing);
        assert_eq!(
            bob.put(&path, json!({ "title": "Bob's" })).await.failure(),
            missing
        );
        assert_eq!(
            bob.patch(&path, json!({ "title": "Bob's" })).await.failure(),
            missing
        );
        assert_eq!(
            bob.patch(&format!("{path}/complete"), json!({})).await.failure(),
            missing
        );
        assert_eq!(bob.delete(&path).await.failure(), missing);
    }
    assert!(bob.titles("/api/tasks?search=Ann").await.is_empty());
    assert_eq!(ann.get(&path_of(&task)).await.json(), task);
}

#[tokio::test]
async fn a_subject_may_be_any_string_of_1_to_100_characters() {
    let app = App::start().await;
    for subject in [
        "1",
        "7",
        "ä/b c?#%",
        "o'brien; --",
        &"ü".repeat(99),
        &"ü".repeat(100),
    ] {
        let user = app.user(subject);
        let task = user.add_titled("mine").await;
        assert_eq!(task["user_id"], subject);
        let name = percent_encoding::utf8_percent_encode(subject, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(
            user.titles(&format!("/api/{name}/tasks")).await,
            ["mine"],
            "{subject}"
        );
    }
    for subject in ["", &"ü".repeat(101)] {
        let user = User::new(&app, tokens::for_subject(subject));
        let answer = user.get("/api/tasks").await;
        assert_eq!(
            answer.failure(),
            (401, "Could not validate credentials".to_owned()),
            "{subject}"
        );
    }
}

#[tokio::test]
async fn a_reserved_word_is_never_a_user() {
    let app = App::start().await;
    for word in [
        "auth",
        "chat",
        "conversations",
        "dashboard",
        "stats",
        "tasks",
        "users",
    ] {
        let user = app.user(word);
        for path in [
            format!("/api/{word}/tasks"),
            format!("/api/{word}/stats"),
            format!("/api/{word}/tasks/x/complete"),
        ] {
            let answer = user.get(&path).await;
            let expected = match word {
                _ if path.ends_with("/complete") => 404,
                // `/api/tasks/stats` is a task whose id is no integer, `/api/conversations/stats` such a conversation.
                "tasks" | "conversations" => 422,
                // `/api/dashboard/…` is the same as `/dashboard/…`.
                "dashboard" => 200,
                _ => 404,
            };
            assert_eq!(answer.status, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn identity_comes_before_the_body_and_routing_before_identity() {
    let app = App::start().await;
    let nonsense = |method, path| {
        app.request(method, path)
            .header("content-type", "application/json")
            .body("{")
    };
    assert_eq!(nonsense("POST", "/api/tasks").answer().await.status, 401);
    assert_eq!(nonsense("DELETE", "/api/tasks").answer().await.status, 405);
    assert_eq!(nonsense("POST", "/api/tasks/1/2/3").answer().await.status, 404);
}

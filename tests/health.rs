//! `/`, `/health` and `/ready`

use serde_json::json;

use crate::support::{App, Component, Send};

#[tokio::test]
async fn the_root_says_what_this_is_and_where_to_go() {
    let app = App::start().await;
    let root = app.get("/").answer().await.expect(200).json();
    assert_eq!(
        (&root["docs"], &root["health"]),
        (&json!("/docs"), &json!("/health"))
    );
    assert_eq!(root["version"], env!("CARGO_PKG_VERSION"));
    assert!(root["name"].as_str().is_some_and(|name| !name.is_empty()));
}

#[tokio::test]
async fn health_names_every_component_and_its_version() {
    let app = App::with("ENVIRONMENT", "staging").start().await;
    for path in ["/health", "/health/"] {
        let health = app.get(path).answer().await.expect(200).json();
        assert_eq!(health["status"], "healthy");
        assert_eq!(health["service"], "todo-backend");
        assert_eq!(health["environment"], "staging");
        assert!(
            health["timestamp"]
                .as_str()
                .unwrap()
                .parse::<jiff::Timestamp>()
                .is_ok()
        );
        let todo = &health["components"]["todo"];
        assert!(!todo["version"].as_str().unwrap().is_empty());
        assert!(!todo["state"].as_str().unwrap().is_empty());
        assert_eq!(health.as_object().unwrap().len(), 5, "{health}");
    }
}

#[tokio::test]
async fn a_host_that_can_serve_is_ready() {
    let app = App::start().await;
    for path in ["/ready", "/ready/"] {
        assert_eq!(
            app.get(path).answer().await.expect(200).json()["status"],
            "ready",
            "{path}"
        );
    }
}

#[tokio::test]
async fn without_its_database_a_host_is_alive_but_not_ready() {
    let app = App::start().await;
    app.database.take_away().await;
    app.get("/health").answer().await.expect(200);
    let ready = app.get("/ready").answer().await.expect(503);
    assert!(ready.text().contains("database"), "{}", ready.text());
    for (answer, path) in [
        (app.user("ann").get("/api/tasks").await, "/api/tasks"),
        (
            app.post("/auth/login")
                .json(&json!({ "email": "a@b.cd", "password": "p" }))
                .answer()
                .await,
            "/auth/login",
        ),
    ] {
        assert_eq!(answer.failure().0, 503, "{path}");
        assert!(answer.header("retry-after").is_some(), "{path}");
    }
    app.database.bring_back().await;
    app.get("/ready").answer().await.expect(200);
    app.user("ann").get("/api/tasks").await.expect(200);
}

#[tokio::test]
async fn a_host_of_any_components_is_healthy() {
    let app = App::serving([
        Component::new("hello").called("one").at("/one"),
        Component::new("hello").called("two").at("/two"),
    ]);
    let app = app.start().await;
    let health = app.get("/health").answer().await.expect(200).json();
    let names: Vec<_> = health["components"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, ["one", "two"]);
}

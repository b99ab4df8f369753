//! `/`: the component's that has it, and otherwise the host's.

use crate::support::{App, Component, Send as _};

fn shows() -> Component {
    Component::new("shows").granted(&["identity", "config", "logging"])
}

#[tokio::test]
async fn the_host_answers_the_root_where_no_component_does() {
    let app = App::serving([shows().at("/show")]).start().await;
    let page = app.get("/").answer().await.expect(200);
    assert_eq!(page.json()["docs"], "/docs");
    assert_eq!(app.post("/").answer().await.expect(405).header("allow"), Some("GET,HEAD"));
    assert_eq!(app.request("HEAD", "/").answer().await.status, 200);
}

#[tokio::test]
async fn a_component_with_the_route_of_the_root_has_it_alone() {
    let app = App::serving([shows().route("/")]).start().await;
    for method in ["GET", "POST", "DELETE"] {
        let answer = app.request(method, "/").answer().await.expect(200);
        assert_eq!(answer.header("x-component"), Some("shows@1"), "{method}");
    }
    assert_eq!(app.get("/elsewhere").answer().await.status, 404);
    assert_eq!(app.get("/health").answer().await.json()["status"], "healthy");
}

#[tokio::test]
async fn a_component_below_the_root_has_all_but_what_is_the_hosts_and_others() {
    let app = App::serving([shows().route("/{*rest}"), Component::new("hello").at("/hello")]).start().await;
    for path in ["/", "/target", "/a/b/target", "/healthy/target", "/author"] {
        assert_eq!(app.get(path).answer().await.expect(200).header("x-component"), Some("shows@1"), "{path}");
    }
    assert_eq!(app.get("/hello").answer().await.header("x-component"), Some("hello@1"));
    for path in ["/health", "/ready", "/docs", "/openapi.json", "/auth/me", "/api/users/me"] {
        assert_eq!(app.get(path).answer().await.header("x-component"), None, "{path}");
    }
}

#[test]
fn what_stays_the_hosts_is_said_by_a_check() {
    let output = App::serving([shows().route("/{*rest}")]).run("check");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = "shows: /{*rest} does not get /health, /ready, /openapi.json, /docs, /auth, /api/auth, /users/me, \
                /api/users/me, which the host";
    assert!(text.contains(said), "{text}");
    let output = App::serving([shows().at("/show")]).run("check");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("does not get"));
}

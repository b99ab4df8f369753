//! `/`: the component's that has it, and otherwise the host's.

use serde_json::{Value, json};

use crate::support::{App, Component, Send as _};

fn shows() -> Component {
    Component::new("shows").granted(&["identity", "config", "logging"])
}

#[tokio::test]
async fn the_host_answers_the_root_where_no_component_does() {
    let app = App::serving([shows().at("/show")]).start().await;
    let page = app.get("/").answer().await.expect(200);
    assert_eq!(page.json()["docs"], "/docs");
    assert_eq!(
        app.post("/").answer().await.expect(405).header("allow"),
        Some("GET,HEAD")
    );
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
    let app = App::serving([shows().route("/{*rest}"), Component::new("hello").at("/hello")])
        .start()
        .await;
    for path in ["/", "/target", "/a/b/target", "/healthy/target", "/author"] {
        assert_eq!(
            app.get(path).answer().await.expect(200).header("x-component"),
            Some("shows@1"),
            "{path}"
        );
    }
    assert_eq!(
        app.get("/hello").answer().await.header("x-component"),
        Some("hello@1")
    );
    let own = [
        "/health",
        "/ready",
        "/docs",
        "/openapi.json",
        "/auth/me",
        "/api/users/me",
        "/auth/x",
        "/docs/x/y",
    ];
    for path in own {
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

#[tokio::test]
async fn what_the_host_gives_up_is_the_components() {
    let manifest = "[http]\nhealth = \"/healthz\"\ndocs = false\naccounts = false\n";
    let builder = App::serving([shows().route("/{*rest}").route("/auth/{*rest}")]).preceded_by(manifest);
    let output = builder.clone().run("check");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = "shows: /{*rest} does not get /healthz, /ready, /openapi.json, which the host";
    assert!(
        text.contains(said),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = builder.clone().saying("--json").run("check");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let http = json!({ "health": "/healthz", "ready": "/ready", "openapi": "/openapi.json", "docs": null, "accounts": [] });
    assert_eq!(json["http"], http);
    assert_eq!(
        json["components"][0]["left_to_the_host"][0]["paths"],
        json!(["/healthz", "/ready", "/openapi.json"])
    );

    let app = builder.start().await;
    for path in ["/health", "/docs", "/auth/login", "/auth", "/users/me"] {
        assert_eq!(
            app.get(path).answer().await.expect(200).header("x-component"),
            Some("shows@1"),
            "{path}"
        );
    }
    assert_eq!(app.get("/healthz").answer().await.json()["status"], "healthy");
    let document = app.get("/openapi.json").answer().await.json();
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/healthz", "/openapi.json", "/ready"]);
}

#[tokio::test]
async fn a_page_that_is_switched_off_anywhere_is_off() {
    let with = |table: &str, variable| {
        App::serving([shows().route("/{*rest}")])
            .preceded_by(table)
            .with("BERTH_DOCS", variable)
    };
    for (table, variable) in [
        ("[http]\ndocs = \"/documentation\"\n", "off"),
        ("[http]\ndocs = false\n", "on"),
    ] {
        let json: Value =
            serde_json::from_slice(&with(table, variable).saying("--json").run("check").stdout).unwrap();
        assert_eq!(json["http"]["docs"], Value::Null, "{table} {variable}");
    }
}

#[test]
fn places_that_clash_are_refused() {
    let builder = App::serving([shows().route("/healthz")]);
    let output = builder
        .preceded_by("[http]\nhealth = \"/healthz\"\nready = \"/healthz\"\nhaelth = 1\n")
        .run("check");
    let text = String::from_utf8_lossy(&output.stderr);
    for part in [
        "unknown field `haelth`",
        "did you mean `health`?",
        "clashes with \"/healthz\" of `health`",
        "by `health` in [http]",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_health_check_finds_the_probe_that_was_moved() {
    let app = App::serving([shows().at("/show")])
        .preceded_by("[http]\nhealth = \"/healthz\"\n")
        .start()
        .await;
    let check = |table: &str| {
        let here = App::serving([])
            .preceded_by(table)
            .with("PORT", app.address.port().to_string());
        here.run("healthcheck").status.success()
    };
    assert!(check("[http]\nhealth = \"/healthz\"\n"));
    assert!(!check(""), "where it was is nothing");
}

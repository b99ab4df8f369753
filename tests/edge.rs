//! The rules for every route, of the host and of components.

use serde_json::json;

use crate::support::raw::{self, Raw, exchange};
use crate::support::{App, Send, User, tokens};

/// A path of each kind: the host itself, its accounts, its docs, a component.
const PATHS: [&str; 6] = [
    "/",
    "/health",
    "/openapi.json",
    "/auth/me",
    "/api/tasks",
    "/dashboard/stats",
];

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let app = App::start().await;
    let ann = app.user("ann");
    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/ann",
        "/api/ann/nothing",
        "/api/tasks/1/nothing",
        "/auth",
        "/auth/nothing",
        "/dashboard",
        "/dashboard/nothing",
        "/health/x",
        "///",
        "/api//tasks",
        "/%2e%2e/etc/passwd",
        "/API/tasks",
    ] {
        for request in [app.get(path), ann.request("POST", path)] {
            assert_eq!(
                request.answer().await.failure(),
                (404, "Not Found".to_owned()),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    let app = App::start().await;
    for (method, path, allow) in [
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/health", "GET, HEAD"),
        ("POST", "/ready", "GET, HEAD"),
        ("PUT", "/openapi.json", "GET, HEAD"),
        ("PUT", "/docs", "GET, HEAD"),
        ("GET", "/auth/register", "POST"),
        ("GET", "/auth/login", "POST"),
        ("GET", "/api/auth/logout", "POST"),
        ("POST", "/auth/me", "GET, HEAD"),
        ("DELETE", "/api/tasks", "GET, HEAD, POST"),
        ("PATCH", "/api/ann/tasks", "GET, HEAD, POST"),
        ("POST", "/api/tasks/1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("GET", "/api/tasks/1/complete", "PATCH"),
        ("POST", "/api/stats", "GET, HEAD"),
        ("POST", "/dashboard/stats", "GET, HEAD"),
        ("GET", "/dashboard/tasks/1", "DELETE, PATCH, PUT"),
        ("BREW", "/api/tasks", "GET, HEAD, POST"),
        ("TRACE", "/", "GET, HEAD"),
    ] {
        for path in [path.to_owned(), format!("{}/", path.trim_end_matches('/'))] {
            let answer = app.request(method, &path).answer().await;
            assert_eq!(
                answer.failure(),
                (405, "Method Not Allowed".to_owned()),
                "{method} {path}"
            );
            let mut found: Vec<_> = answer
                .header("allow")
                .unwrap()
                .split(',')
                .map(str::trim)
                .collect();
            found.sort_unstable();
            assert_eq!(found.join(", "), allow, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn one_trailing_slash_makes_no_difference() {
    let app = App::start().await;
    let ann = app.user("ann");
    for path in [
        "/health",
        "/ready",
        "/openapi.json",
        "/docs",
        "/auth/me",
        "/api/tasks",
        "/api/ann/tasks",
        "/dashboard/stats",
    ] {
        let (without, with) = (ann.get(path).await, ann.get(&format!("{path}/")).await);
        assert_eq!((without.status, with.status), (200, 200), "{path}");
        assert_eq!(
            with.header("content-type"),
            without.header("content-type"),
            "{path}"
        );
        assert_eq!(ann.get(&format!("{path}//")).await.status, 404, "{path}");
    }
    assert_eq!(
        ann.titles("/api/tasks/?limit=1&sort=title").await,
        Vec::<String>::new(),
        "a query may follow"
    );
}

#[tokio::test]
async fn head_works_wherever_get_does() {
    let app = App::start().await;
    let ann = app.user("ann");
    for path in PATHS
        .into_iter()
        .chain(["/docs", "/ready", "/api/tasks/1", "/nothing"])
    {
        let (got, head) = (ann.get(path).await, ann.request("HEAD", path).answer().await);
        assert_eq!(head.status, got.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
    }
}

#[tokio::test]
async fn a_request_keeps_its_id_if_it_is_a_sane_one() {
    let app = App::start().await;
    for path in PATHS.into_iter().chain(["/nothing"]) {
        for id in ["abc", "0190b2a4-7f3e-7000-8000-000000000000", "trace.1_2-3"] {
            let answer = app.get(path).header("x-request-id", id).answer().await;
            assert_eq!(answer.header("x-request-id"), Some(id), "{path}");
        }
        let long = "x".repeat(1000);
        for id in ["", " ", "a b", "<script>", "a\"b", &long] {
            let answer = app.get(path).header("x-request-id", id).answer().await;
            let found = answer.header("x-request-id").unwrap();
            assert_eq!(
                uuid::Uuid::parse_str(found).unwrap().get_version_num(),
                7,
                "{path} {id:?}"
            );
        }
    }
    let one = app
        .get("/")
        .answer()
        .await
        .header("x-request-id")
        .map(str::to_owned);
    assert_ne!(one.as_deref(), app.get("/").answer().await.header("x-request-id"));
}

#[tokio::test]
async fn what_a_component_answered_says_so() {
    let app = App::start().await;
    let ann = app.user("ann");
    let version = app.get("/health").answer().await.json()["components"]["todo"]["version"].clone();
    let expected = format!("todo@{}", version.as_str().unwrap());
    for path in [
        "/api/tasks",
        "/api/tasks/1",
        "/dashboard/stats",
        "/dashboard/nothing",
        "/api/bob/tasks",
    ] {
        assert_eq!(
            ann.get(path).await.header("x-component"),
            Some(&*expected),
            "{path}"
        );
    }
    for path in ["/", "/health", "/auth/me", "/nothing"] {
        assert_eq!(ann.get(path).await.header("x-component"), None, "{path}");
    }
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let app = App::with("BERTH_MAX_HEADER_SIZE", "16KiB").start().await;
    let request = |size: usize| {
        let start = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-large: ";
        format!("{start}{}\r\n\r\n", "x".repeat(size - start.len() - 4))
    };
    assert_eq!(raw::status(&exchange(&app, request(15_000)).await), "200");
    for size in [17_000, 100_000] {
        let answer = exchange(&app, request(size)).await;
        assert_eq!(raw::status(&answer), "431", "{answer}");
    }
    let many = "x-many: y\r\n".repeat(5_000);
    let answer = exchange(&app, format!("GET /health HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
    assert_eq!(raw::status(&answer), "431", "{answer}");
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000));
    let answer = exchange(&app, long).await;
    assert!(matches!(raw::status(&answer), "414" | "431"), "{answer}");
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_host_serves_on() {
    let app = App::start().await;
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}",
    ] {
        let mut connection = Raw::connect(&app).await;
        let answer = connection.send(nonsense).await.finish().await.rest().await;
        assert!(answer.is_empty() || raw::status(&answer) == "400", "{answer}");
        assert_eq!(app.get("/health").answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_hurts_nobody() {
    let app = App::start().await;
    let token = tokens::for_subject("ann");
    let head = format!(
        "POST /api/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{{\"title\":"
    );
    for end in ["", "\"t\"}"] {
        let mut connection = Raw::connect(&app).await;
        let answer = connection
            .send(format!("{head}{end}"))
            .await
            .finish()
            .await
            .rest()
            .await;
        assert!(matches!(raw::status(&answer), "" | "400" | "422"), "{answer}");
    }
    Raw::connect(&app).await.send(&head).await;
    assert!(app.user("ann").titles("/api/tasks").await.is_empty());
}

#[tokio::test]
async fn requests_may_follow_each_other_on_one_connection() {
    let app = App::start().await;
    let one = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answers = exchange(&app, format!("{one}{one}{last}")).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.contains("HTTP/1.1 404 Not Found"), "{answers}");
}

#[tokio::test]
async fn the_path_is_read_once() {
    let app = App::start().await;
    let ann = app.user("ann/../bob");
    assert_eq!(
        ann.get("/api/ann%2F..%2Fbob/tasks").await.status,
        200,
        "an encoded slash is part of the name"
    );
    let user = app.user("a%62");
    assert_eq!(
        user.get("/api/a%2562/tasks").await.status,
        200,
        "nothing is decoded twice"
    );
    assert_eq!(app.user("ab").get("/api/a%2562/tasks").await.status, 403);
}

#[tokio::test]
async fn what_only_the_host_may_say_is_taken_off_a_request() {
    let app = App::start().await;
    let request = app
        .get("/api/tasks")
        .header("x-berth-user", "ann")
        .header("x-berth-subject", "ann");
    assert_eq!(
        request.answer().await.failure(),
        (401, "Not authenticated".to_owned())
    );
}

#[tokio::test]
async fn every_body_and_error_is_json() {
    let app = App::start().await;
    let ann = User::new(&app, tokens::for_subject("ann"));
    for (answer, status) in [
        (ann.get("/").await, 200),
        (ann.get("/nothing").await, 404),
        (ann.post("/health", json!({})).await, 405),
        (ann.post("/auth/register", json!({})).await, 422),
        (ann.get("/api/bob/tasks").await, 403),
    ] {
        assert_eq!(answer.status, status);
        drop(answer.json());
        assert!(answer.header("content-length").is_some(), "{status}");
    }
}

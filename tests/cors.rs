//! Which other sites' pages may call.

use reqwest::RequestBuilder;

use crate::support::{Answer, App, Send};

const LISTED: &str = "https://app.example.com";
const OTHER: &str = "https://evil.example.com";

fn preflight(app: &App, path: &str, origin: &str) -> RequestBuilder {
    app.request("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization, content-type")
}

fn list(answer: &Answer, header: &str) -> String {
    answer.header(header).unwrap_or_default().to_ascii_lowercase()
}

#[tokio::test]
async fn a_listed_origin_may_call_with_credentials() {
    for origins in [
        "https://app.example.com,http://localhost:3000",
        "[\"https://app.example.com\"]",
    ] {
        let app = App::with("CORS_ORIGINS", origins).start().await;
        for path in ["/api/tasks", "/api/tasks/1", "/auth/login", "/health", "/nothing"] {
            let answer = preflight(&app, path, LISTED).answer().await;
            assert!(matches!(answer.status, 200 | 204), "{path}: {}", answer.status);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                Some(LISTED),
                "{path}"
            );
            assert_eq!(
                answer.header("access-control-allow-credentials"),
                Some("true"),
                "{path}"
            );
            assert!(
                list(&answer, "access-control-allow-methods").contains("patch"),
                "{path}"
            );
            assert!(
                list(&answer, "access-control-allow-headers").contains("authorization"),
                "{path}"
            );
            assert!(list(&answer, "vary").contains("origin"), "{path}");
        }
    }
}

#[tokio::test]
async fn another_origin_may_not() {
    let app = App::with("CORS_ORIGINS", LISTED).start().await;
    for origin in [
        OTHER,
        "http://app.example.com",
        "https://app.example.com.evil.com",
        "null",
    ] {
        let answer = preflight(&app, "/api/tasks", origin).answer().await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        let answer = app
            .get("/health")
            .header("origin", origin)
            .answer()
            .await
            .expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn errors_carry_the_headers_too() {
    let app = App::with("CORS_ORIGINS", LISTED).start().await;
    let ann = app.user("ann");
    for (request, status) in [
        (app.get("/health"), 200),
        (app.get("/api/tasks"), 401),
        (app.get("/auth/me").bearer_auth("nonsense"), 401),
        (app.get("/nothing"), 404),
        (app.request("DELETE", "/health"), 405),
        (
            app.post("/auth/login")
                .body("x")
                .header("content-type", "text/plain"),
            415,
        ),
        (ann.request("GET", "/api/bob/tasks"), 403),
        (ann.request("GET", "/api/tasks?limit=0"), 422),
        (
            ann.request("POST", "/api/tasks")
                .header("content-type", "application/json")
                .body(vec![b' '; 2 << 20]),
            413,
        ),
    ] {
        let answer = request.header("origin", LISTED).answer().await.expect(status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(LISTED),
            "{status}"
        );
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            Some("true"),
            "{status}"
        );
        let exposed = list(&answer, "access-control-expose-headers");
        assert!(
            exposed.contains("x-request-id") && exposed.contains("x-total-count"),
            "{exposed}"
        );
    }
}

#[tokio::test]
async fn a_star_is_for_everybody_but_without_credentials() {
    let app = App::with("CORS_ORIGINS", "*").start().await;
    for answer in [
        preflight(&app, "/api/tasks", OTHER).answer().await,
        app.get("/health").header("origin", OTHER).answer().await,
    ] {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn nobody_may_in_production_unless_it_is_said() {
    let app = App::with("ENVIRONMENT", "production").start().await;
    let answer = preflight(&app, "/api/tasks", LISTED).answer().await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let app = App::here().start_beside(&app);
    let answer = app.get("/health").header("origin", OTHER).answer().await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("*"),
        "outside of it everybody may"
    );
}

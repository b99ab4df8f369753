//! Requests that change something, made by a page of another site with the victim's cookie.

use reqwest::RequestBuilder;
use serde_json::json;

use crate::support::{App, Component, Send, tokens};

const REFUSED: &str = "Cross-site request refused";
const LISTED: &str = "https://app.example.com";

fn cookie() -> String {
    format!("theme=dark; access_token={}", tokens::for_subject("ann"))
}

/// Requests that change something, of the host and of a component.
fn changes(app: &App) -> Vec<RequestBuilder> {
    let task = json!({ "title": "t" });
    vec![
        app.post("/api/tasks").json(&task),
        app.post("/api/ann/tasks").json(&task),
        app.request("PUT", "/api/tasks/1").json(&task),
        app.request("PATCH", "/api/tasks/1").json(&task),
        app.request("PATCH", "/api/tasks/1/complete"),
        app.request("DELETE", "/api/tasks/1"),
        app.post("/auth/logout"),
        app.post("/api/auth/logout"),
    ]
}

#[tokio::test]
async fn another_sites_page_changes_nothing_with_the_cookie() {
    let app = App::with("CORS_ORIGINS", LISTED).start().await;
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example.com"),
        ("origin", "https://app.example.com.evil.com"),
        ("origin", "http://app.example.com"),
        ("origin", "http://localhost"),
        ("origin", "null"),
        ("origin", ""),
    ] {
        for request in changes(&app) {
            let answer = request
                .header("cookie", cookie())
                .header(header, value)
                .answer()
                .await;
            assert_eq!(answer.failure(), (403, REFUSED.to_owned()), "{header}: {value}");
        }
    }
    for origin in [LISTED, &format!("http://{}", app.address)] {
        for request in changes(&app) {
            let said = request
                .header("origin", origin)
                .header("sec-fetch-site", "cross-site");
            let answer = said.header("cookie", cookie()).answer().await;
            assert_eq!(
                answer.failure(),
                (403, REFUSED.to_owned()),
                "the browser says otherwise than {origin}"
            );
        }
    }
    assert!(app.user("ann").titles("/api/tasks").await.is_empty());
}

#[tokio::test]
async fn an_asterisk_lists_no_site() {
    let app = App::with("CORS_ORIGINS", "*").start().await;
    for request in changes(&app) {
        let answer = request
            .header("cookie", cookie())
            .header("origin", "https://evil.example.com")
            .answer()
            .await;
        assert_eq!(answer.failure(), (403, REFUSED.to_owned()));
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("*"),
            "errors can be read as before"
        );
    }
}

#[tokio::test]
async fn this_host_and_listed_sites_may() {
    let app = App::with("CORS_ORIGINS", LISTED).start().await;
    let (here, by_https) = (
        format!("http://{}", app.address),
        format!("https://{}", app.address),
    );
    let add = || {
        app.post("/api/tasks")
            .header("cookie", cookie())
            .json(&json!({ "title": "t" }))
    };
    for request in [
        add(),
        add().header("origin", &here),
        add()
            .header("origin", &here)
            .header("sec-fetch-site", "same-origin"),
        add().header("origin", by_https),
        add()
            .header("origin", "https://todo.example.com")
            .header("host", "todo.example.com"),
        add()
            .header("origin", "https://todo.example.com")
            .header("host", "TODO.example.com:443"),
        add().header("origin", LISTED),
        add()
            .header("origin", LISTED)
            .header("sec-fetch-site", "same-site"),
        add().header("sec-fetch-site", "none"),
        add().header("sec-fetch-site", "same-origin"),
    ] {
        request.answer().await.expect(201);
    }
    let spoken_to_by_http = add()
        .header("origin", &here)
        .header("x-forwarded-proto", "https")
        .answer()
        .await;
    assert_eq!(
        spoken_to_by_http.failure(),
        (403, REFUSED.to_owned()),
        "a page without TLS is another site"
    );
}

#[tokio::test]
async fn reading_and_bearer_tokens_are_not_concerned() {
    let app = App::start().await;
    let evil = |request: RequestBuilder| {
        request
            .header("origin", "https://evil.example.com")
            .header("sec-fetch-site", "cross-site")
    };
    for path in ["/api/tasks", "/auth/me"] {
        evil(app.get(path))
            .header("cookie", cookie())
            .answer()
            .await
            .expect(200);
        evil(app.request("HEAD", path))
            .header("cookie", cookie())
            .answer()
            .await
            .expect(200);
    }
    let add = || app.post("/api/tasks").json(&json!({ "title": "t" }));
    evil(add())
        .bearer_auth(tokens::for_subject("ann"))
        .answer()
        .await
        .expect(201);
    evil(add())
        .bearer_auth(tokens::for_subject("ann"))
        .header("cookie", cookie())
        .answer()
        .await
        .expect(201);
    let basic = evil(add())
        .header("authorization", "Basic YTpi")
        .header("cookie", cookie());
    assert_eq!(
        basic.answer().await.failure(),
        (403, REFUSED.to_owned()),
        "it is by the cookie alone"
    );
}

#[tokio::test]
async fn a_component_for_anybody_is_called_with_nobodys_request_but_not_with_a_cookies() {
    let app = App::serving([Component::new("hello").at("/hello")]).start().await;
    let post = || app.post("/hello").header("origin", "https://evil.example.com");
    post().answer().await.expect(200);
    post().header("cookie", "theme=dark").answer().await.expect(200);
    assert_eq!(
        post().header("cookie", cookie()).answer().await.failure(),
        (403, REFUSED.to_owned())
    );
}

//! Bodies that are not what they should be.

use serde_json::json;

use super::path_of;
use crate::support::{Answer, App, Send, User};

const JSON: &str = "application/json";

async fn post(user: &User<'_>, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    user.request("POST", "/api/tasks")
        .header("content-type", content_type)
        .body(body)
        .answer()
        .await
}

#[tokio::test]
async fn malformed_json_is_refused() {
    let app = App::start().await;
    let ann = app.user("ann");
    for body in [
        "{",
        "{\"title\": \"t\",}",
        "title=t",
        "{\"title\": \"t\"} x",
        "{'title': 't'}",
        "nul",
    ] {
        let faults = post(&ann, JSON, body).await.faults();
        assert!(
            faults.len() == 1 && faults[0].starts_with("json_invalid body."),
            "{body}: {faults:?}"
        );
    }
    for body in [&b"{\"title\": \"\xff\"}"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\0"] {
        let answer = post(&ann, JSON, body).await;
        assert_eq!(answer.status, 422, "{body:?}: {}", answer.text());
    }
    assert!(ann.titles("/api/tasks").await.is_empty());
}

#[tokio::test]
async fn json_that_is_no_object_is_refused() {
    let app = App::start().await;
    let ann = app.user("ann");
    for body in ["[]", "\"title\"", "7", "true"] {
        let answer = post(&ann, JSON, body).await;
        assert_eq!(answer.faults(), ["model_attributes_type body"], "{body}");
    }
    for body in ["", "null"] {
        assert_eq!(
            post(&ann, JSON, body).await.faults(),
            ["missing body"],
            "{body:?}"
        );
    }
}

#[tokio::test]
async fn json_of_any_depth_and_length_is_survived() {
    let app = App::start().await;
    let ann = app.user("ann");
    for (open, close, deepest) in [("[", "]", 400_000), ("{\"a\":", "}", 100_000)] {
        // A depth that is read, the first that is refused, and an absurd depth. The guest's stack has room for the first.
        for (depth, expected) in [(100, 201), (126, 201), (127, 422), (10_000, 422), (deepest, 422)] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let answer = post(&ann, JSON, format!("{{\"title\": \"t\", \"x\": {nested}}}")).await;
            assert_eq!(answer.status, expected, "{depth} × {open}: {}", answer.text());
        }
    }
    let twice = post(&ann, JSON, "{\"title\": \"one\", \"title\": \"two\"}")
        .await
        .expect(201)
        .json();
    assert_eq!(twice["title"], "two", "as Python reads it");
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let app = App::start().await;
    let ann = app.user("ann");
    let path = path_of(&ann.add_titled("t").await);
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "json",
    ] {
        let answer = post(&ann, content_type, "{\"title\": \"t\"}").await;
        assert_eq!(
            answer.failure(),
            (415, "Send the body as application/json".to_owned()),
            "{content_type}"
        );
        for method in ["PUT", "PATCH"] {
            let request = ann
                .request(method, &path)
                .header("content-type", content_type)
                .body("{}");
            assert_eq!(request.answer().await.status, 415, "{method} {content_type}");
        }
    }
    for content_type in [
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/merge-patch+json",
    ] {
        post(&ann, content_type, "{\"title\": \"t\"}").await.expect(201);
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let app = App::start().await;
    let ann = app.user("ann");
    let mebibyte = 1024 * 1024;
    let body = |length: usize| {
        let start = json!({ "title": "t" }).to_string();
        format!("{start}{}", " ".repeat(length - start.len()))
    };
    post(&ann, JSON, body(mebibyte - 1)).await.expect(201);
    post(&ann, JSON, body(mebibyte)).await.expect(201);
    let answer = post(&ann, JSON, body(mebibyte + 1)).await;
    assert_eq!(answer.failure(), (413, "Request body too large".to_owned()));
    // Without a length that is told in advance.
    let chunks = |length: usize| {
        let body = body(length).into_bytes();
        let chunks: Vec<_> = body
            .chunks(10_000)
            .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
            .collect();
        reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
    };
    post(&ann, JSON, chunks(mebibyte)).await.expect(201);
    assert_eq!(post(&ann, JSON, chunks(mebibyte + 1)).await.status, 413);
    assert_eq!(ann.titles("/api/tasks").await.len(), 3);
}

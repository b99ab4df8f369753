//! The messages that a client may send.

use fake_cohere::Turn;
use serde_json::{Value, json};

use super::Chat;
use crate::support::Send;

#[tokio::test]
async fn a_message_has_one_to_four_thousand_characters() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    for length in [1, 3_999, 4_000] {
        chat.cohere.answer(Turn::text("Hm."));
        super::say(&ann, &"ü".repeat(length)).await.expect(200);
    }
    let answer = super::say(&ann, &"ü".repeat(4_001)).await;
    assert_eq!(answer.faults(), ["string_too_long body.message"]);
    for blank in ["", " ", "\n\t\u{a0}"] {
        let answer = super::say(&ann, blank).await;
        assert_eq!(answer.failure(), (400, "Message cannot be empty".to_owned()));
    }
    assert_eq!(chat.cohere.requests().len(), 3, "nothing else was asked");
}

#[tokio::test]
async fn bodies_that_are_wrong_are_refused() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    for (body, faults) in [
        (json!({}), ["missing body.message"]),
        (json!({ "message": null }), ["string_type body.message"]),
        (json!({ "message": 7 }), ["string_type body.message"]),
        (
            json!({ "message": "hi", "conversation_id": "x" }),
            ["int_parsing body.conversation_id"],
        ),
        (
            json!({ "message": "hi", "conversation_id": 1.5 }),
            ["int_from_float body.conversation_id"],
        ),
        (
            json!({ "message": "hi", "conversation_id": {} }),
            ["int_type body.conversation_id"],
        ),
    ] {
        assert_eq!(
            ann.post("/api/chat", body.clone()).await.faults(),
            faults,
            "{body}"
        );
    }
    let broken = ann
        .request("POST", "/api/chat")
        .header("content-type", "application/json")
        .body("{\"mess");
    assert_eq!(broken.answer().await.faults(), ["json_invalid body.6"]);
    let form = ann
        .request("POST", "/api/chat")
        .header("content-type", "text/plain")
        .body("hi");
    assert_eq!(
        form.answer().await.failure(),
        (415, "Send the body as application/json".to_owned())
    );
    assert_eq!(
        ann.get("/api/conversations").await.json(),
        json!([]),
        "and leave nothing behind"
    );
}

#[tokio::test]
async fn both_paths_are_the_same_with_and_without_a_slash() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    for path in ["/api/chat", "/api/chat/", "/api/ann/chat", "/api/ann/chat/"] {
        chat.cohere.answer(Turn::text("Hello."));
        let answer = ann
            .post(path, json!({ "message": "hi", "conversation_id": null }))
            .await
            .expect(200);
        assert_eq!(answer.json()["response"], "Hello.", "{path}");
        assert!(answer.header("x-component").unwrap().starts_with("ai@"));
    }
    let listed = ann.get("/api/ann/conversations/").await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn other_methods_and_paths_are_not_there() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let refused = ann.get("/api/chat").await;
    assert_eq!(refused.failure(), (405, "Method Not Allowed".to_owned()));
    assert_eq!(refused.header("allow"), Some("POST"));
    let allow = async |method: &str, path: &str| {
        let answer = ann.request(method, path).answer().await;
        (answer.status, answer.header("allow").map(str::to_owned))
    };
    assert_eq!(
        allow("PUT", "/api/conversations").await,
        (405, Some("GET, HEAD, POST".to_owned()))
    );
    assert_eq!(
        allow("GET", "/api/conversations/new").await,
        (405, Some("POST".to_owned()))
    );
    assert_eq!(
        allow("DELETE", "/api/conversations/latest").await,
        (405, Some("GET, HEAD".to_owned()))
    );
    assert_eq!(
        allow("PUT", "/api/conversations/1").await,
        (405, Some("GET, HEAD, DELETE".to_owned()))
    );
    assert_eq!(
        ann.get("/api/conversations/1/words").await.failure(),
        (404, "Not Found".to_owned())
    );
    let empty = ann
        .request("HEAD", "/api/conversations")
        .answer()
        .await
        .expect(200);
    assert_eq!((empty.body.len(), empty.header("content-length")), (0, Some("2")));
}

#[tokio::test]
async fn without_a_key_there_is_no_model() {
    let app = crate::support::App::start().await;
    let ann = app.user("ann");
    let answer = super::say(&ann, "hi").await;
    assert_eq!(
        answer.failure(),
        (503, "The language model is not configured".to_owned())
    );
    let kept: Value = ann.get("/api/conversations").await.json();
    assert_eq!(kept[0]["title"], "hi", "what was said is kept");
    let line = app.process.wait_for("a model was asked, and gave no reply");
    assert!(
        line.contains("no key is configured: set COHERE_API_KEY"),
        "{line}"
    );
}

//! Streams as they should be, and as they should not.

use fake_cohere::{Gate, Raw, Turn};
use serde_json::{Value, json};

use super::*;
use crate::{AssistantMessage, FinishReason, Usage};

fn text(text: &str) -> Value {
    json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": text } } } })
}

fn end() -> Value {
    json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE" } })
}

/// The events of an answer that says this and nothing else.
fn heard(texts: &[&str]) -> Vec<Event> {
    let message = AssistantMessage {
        content: Some(texts.concat()),
        ..Default::default()
    };
    let reply = Reply {
        message,
        finish_reason: FinishReason::Complete,
        usage: Usage::default(),
    };
    let texts = texts.iter().map(|text| Event::Text((*text).to_owned()));
    texts.chain([Event::End(reply)]).collect()
}

#[tokio::test]
async fn an_event_is_here_before_the_next_is_made() {
    let gate = Gate::default();
    let (_cohere, client) = fake([Turn::text("one two three").paced(&gate).into()]).await;
    let mut stream = client.stream_hello().await.unwrap();
    for word in ["one ", "two ", "three"] {
        assert_eq!(stream.next().await, Ok(Some(Event::Text(word.to_owned()))));
        gate.open();
    }
    assert!(matches!(stream.next().await, Ok(Some(Event::End(_)))));
    assert_eq!(stream.next().await, Ok(None));
}

#[tokio::test]
async fn a_wait_for_an_event_can_be_given_up_and_taken_up_again() {
    let gate = Gate::default();
    let (_cohere, client) = fake([Turn::text("one two").paced(&gate).into()]).await;
    let mut stream = client.stream_hello().await.unwrap();
    assert_eq!(stream.next().await, Ok(Some(Event::Text("one ".to_owned()))));
    {
        let mut waiting = std::pin::pin!(stream.next());
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    }
    gate.open();
    assert_eq!(stream.next().await, Ok(Some(Event::Text("two".to_owned()))));
}

#[tokio::test]
async fn every_way_to_write_an_event_is_read() {
    let unnamed = |data: &Value| format!("data: {data}\n\n");
    let in_two_lines = text("four ").to_string().replacen(',', ",\ndata:", 1);
    let split = format!("event: content-delta\ndata: {}\n\n", text("fü")).into_bytes();
    let (head, tail) = split.split_at(split.len() - 10);
    let gate = Gate::default();
    gate.open();
    let raw = Raw::events()
        .then(": a comment\n\n")
        .then(format!("event:content-delta\r\ndata:{}\r\n\r\n", text("one ")))
        .then(unnamed(&text("two ")))
        .then(format!(
            "id: 3\nretry: 10\ncolour: red\nevent: content-delta\ndata: {}\n\n",
            text("three ")
        ))
        .then(format!("data: {in_two_lines}\n\n"))
        .then(head.to_vec())
        .wait(&gate)
        .then(tail.to_vec())
        .event(&end());
    let (_cohere, client) = fake([raw.into()]).await;
    let expected = heard(&["one ", "two ", "three ", "four ", "fü"]);
    assert_eq!(
        client.hear().await,
        (expected, None),
        "and there is no need of [DONE]"
    );
}

#[tokio::test]
async fn an_event_of_another_type_is_passed_over() {
    let raw = Raw::events()
        .event(&json!({ "type": "debug", "prompt": "…" }))
        .event(&json!({ "type": "citation-start", "delta": { "message": { "citations": {} } } }))
        .event(&json!({ "type": "something-new", "delta": 1 }))
        .then("event: ping\ndata: not JSON\n\n")
        .then("data: {\"no\": \"type\"}\n\n")
        .then("event: empty\n\n")
        .event(&text("one"))
        .event(&end())
        .then("data: [DONE]\n\n");
    let (_cohere, client) = fake([raw.into()]).await;
    assert_eq!(client.hear().await, (heard(&["one"]), None));
}

#[tokio::test]
async fn nothing_after_the_end_is_heard() {
    let raw = Raw::events()
        .event(&text("one"))
        .event(&end())
        .event(&text("two"))
        .then("data: {garbage\n\n");
    let (_cohere, client) = fake([raw.into()]).await;
    assert_eq!(client.hear().await, (heard(&["one"]), None));
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_after_what_it_said() {
    let said = || Raw::events().event(&text("one"));
    let stray = json!({ "type": "tool-call-end", "index": 3 });
    let broken = [
        ("a closed connection", said().break_off()),
        ("an end without message-end", said()),
        (
            "[DONE] without message-end",
            said().then("data: [DONE]\n\n").event(&end()),
        ),
        (
            "an event cut in the middle",
            said().then("event: message-end\ndata: {\"type\": \"mess"),
        ),
        (
            "data that is not JSON",
            said().then("event: content-delta\ndata: {garbage\n\n"),
        ),
        ("unnamed data that is not JSON", said().then("data: garbage\n\n")),
        (
            "data of another shape",
            said().then("event: content-delta\ndata: {\"delta\": 1}\n\n"),
        ),
        (
            "bytes that are not UTF-8",
            said().then(&b"event: content-delta\ndata: \xff\n\n"[..]),
        ),
        ("a call that never began", said().event(&stray)),
    ];
    for (what, raw) in broken {
        let (_cohere, client) = fake([raw.event(&json!({ "type": "debug" })).into()]).await;
        let said = vec![Event::Text("one".to_owned())];
        assert_eq!(client.hear().await, (said, Some(Error::Broken)), "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_broken() {
    let (_cohere, client) = fake([Raw::json("{\"message\": {}}").into(), Raw::events().into()]).await;
    assert_eq!(client.hear().await, (vec![], Some(Error::Broken)));
    assert_eq!(client.hear().await, (vec![], Some(Error::Broken)));
}

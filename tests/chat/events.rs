//! Answers as server-sent events, as they are made.

use fake_cohere::{Gate, Raw, Refusal, Turn};
use futures_util::StreamExt;
use serde_json::json;

use super::{Chat, asking_for_events, event, hear, names, said};
use crate::support::Send;

#[tokio::test]
async fn each_step_is_an_event_and_the_last_is_the_whole_answer() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere.answer(Turn::calls([
        ("add_task", json!({ "title": "milk" })),
        ("list_tasks", json!({})),
    ]));
    chat.cohere.answer(Turn::text("Milk it is."));
    let events = hear(&ann, "add milk").await;
    assert_eq!(
        names(&events),
        [
            "tool_call",
            "tool_call",
            "tool_result",
            "tool_result",
            "token",
            "token",
            "token",
            "done"
        ]
    );
    assert_eq!(
        events[0].1,
        json!({ "id": "call_1", "name": "add_task", "arguments": { "title": "milk" } })
    );
    assert_eq!(events[2].1["id"], "call_1");
    assert_eq!(events[2].1["result"]["title"], "milk");
    assert_eq!(events[3].1["result"]["count"], 1);
    assert_eq!(events[4].1, json!({ "text": "Milk " }));
    let done = &events[7].1;
    assert_eq!(
        (&done["success"], &done["response"]),
        (&json!(true), &json!("Milk it is."))
    );
    assert_eq!(done["tool_calls"][0]["result"], events[2].1["result"]);
    assert_eq!(done["usage"], json!({ "input_tokens": 40, "output_tokens": 10 }));
    assert_eq!(done["error"], json!(null));
    assert_eq!(done["tool_calls"][0]["args"], json!({ "title": "milk" }));
    let path = format!("/api/conversations/{}/messages", done["conversation_id"]);
    assert_eq!(ann.get(&path).await.json()[1]["id"], done["message_id"]);
    assert_eq!(
        said(&ann, &done["conversation_id"]).await,
        ["user: add milk", "assistant: Milk it is."]
    );
}

#[tokio::test]
async fn the_first_token_is_there_before_the_last_is_sent() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let gate = Gate::default();
    chat.cohere.answer(Turn::text("One two").paced(&gate));
    let response = asking_for_events(&ann, "count").send().await.unwrap();
    let mut pieces = response.bytes_stream();
    let first = pieces.next().await.unwrap().unwrap();
    assert_eq!(first, "event: token\ndata: {\"text\":\"One \"}\n\n");
    gate.open();
    let mut rest = Vec::new();
    while let Some(piece) = pieces.next().await {
        rest.extend_from_slice(&piece.unwrap());
    }
    let rest = String::from_utf8(rest).unwrap();
    let rest: Vec<_> = rest.split_terminator("\n\n").map(event).collect();
    assert_eq!(names(&rest), ["token", "done"]);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call_of_cohere() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere.answer(Turn::text("One two").paced(&Gate::default()));
    let mut response = asking_for_events(&ann, "count").send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    chat.cohere.departed(1).await;
    let conversations = ann.get("/api/conversations").await.json();
    assert_eq!(said(&ann, &conversations[0]["id"]).await, ["user: count"]);
}

#[tokio::test]
async fn what_fails_before_the_first_event_has_its_own_status() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere.answer(Refusal::new(401, "invalid api token"));
    let answer = asking_for_events(&ann, "hi").answer().await;
    assert_eq!(answer.failure(), (502, "The language model failed".to_owned()));
    chat.cohere
        .answer(Refusal::new(429, "slow down").retry_after("600"));
    let answer = asking_for_events(&ann, "hi").answer().await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("600")));
    let answer = asking_for_events(&ann, " ").answer().await;
    assert_eq!(answer.failure(), (400, "Message cannot be empty".to_owned()));
}

#[tokio::test]
async fn what_fails_after_it_is_an_event() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let piece = |text: &str| {
        json!({ "type": "content-delta", "index": 0,
            "delta": { "message": { "content": { "type": "text", "text": text } } } })
    };
    let begun = || {
        Raw::events()
            .event(&json!({ "type": "message-start" }))
            .event(&piece("Hel"))
    };
    for broken in [
        begun().break_off(),
        begun(),
        begun().then("event: content-delta\ndata: {\"type\": \"content-del\n\n"),
    ] {
        chat.cohere.answer(broken);
        let events = hear(&ann, "hi").await;
        assert_eq!(names(&events), ["token", "error"]);
        assert_eq!(events[1].1, json!({ "detail": "The language model failed" }));
    }
}

#[tokio::test]
async fn events_that_nobody_knows_are_passed_over() {
    let chat = Chat::start().await;
    let unknown = json!({ "type": "horoscope", "delta": { "stars": 5 } });
    let piece = json!({ "type": "content-delta", "index": 0,
        "delta": { "message": { "content": { "type": "text", "text": "Hi." } } } });
    let end = json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE" } });
    chat.cohere.answer(
        Raw::events()
            .event(&unknown)
            .event(&piece)
            .event(&unknown)
            .event(&end),
    );
    let events = hear(&chat.user("ann"), "hi").await;
    assert_eq!(names(&events), ["token", "done"]);
    assert_eq!(events[1].1["response"], "Hi.");
}

#[tokio::test]
async fn a_failure_in_a_later_round_leaves_what_was_done() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere
        .answer(Turn::calls([("add_task", json!({ "title": "milk" }))]));
    chat.cohere.answer(Refusal::new(422, "no"));
    let events = hear(&ann, "add milk").await;
    assert_eq!(names(&events), ["tool_call", "tool_result", "error"]);
    assert_eq!(ann.titles("/api/tasks").await, ["milk"]);
    let conversations = ann.get("/api/conversations").await.json();
    assert_eq!(said(&ann, &conversations[0]["id"]).await, ["user: add milk"]);
}

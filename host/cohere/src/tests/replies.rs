//! Parsing of responses.

use fake_cohere::{Raw, Turn};
use serde_json::{Value, json};

use super::*;
use crate::{AssistantMessage, FinishReason, ToolCall, Usage};

/// Turns of every kind, and what each is to be understood as.
fn turns() -> Vec<(Turn, Reply)> {
    let reply = |message: AssistantMessage, finish_reason, usage| {
        let (input_tokens, output_tokens) = usage;
        Reply {
            message,
            finish_reason,
            usage: Usage {
                input_tokens,
                output_tokens,
            },
        }
    };
    let says = |text: &str| AssistantMessage {
        content: Some(text.to_owned()),
        ..Default::default()
    };
    let call = |id: &str, name: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    let calls = AssistantMessage {
        content: None,
        tool_plan: Some("I will add and list.".to_owned()),
        tool_calls: vec![
            call("call_1", "add_task", r#"{"title":"Buy oat milk"}"#),
            call("call_2", "list_tasks", "{}"),
            call("call_3", "list_tasks", "{not JSON"),
        ],
    };
    let calling = Turn::calls([("add_task", json!({ "title": "Buy oat milk" }))])
        .call_written("list_tasks", "")
        .call_written("list_tasks", "{not JSON")
        .planning("I will add and list.");
    let mut turns = vec![
        (
            Turn::text("Grüß dich, Ada."),
            reply(says("Grüß dich, Ada."), FinishReason::Complete, (20, 5)),
        ),
        (
            Turn::text("Well.").thinking("Hm …").costing(7, 3),
            reply(says("Well."), FinishReason::Complete, (7, 3)),
        ),
        (
            Turn::silent("COMPLETE").thinking("Hm …"),
            reply(AssistantMessage::default(), FinishReason::Complete, (20, 5)),
        ),
        (
            Turn::text(""),
            reply(AssistantMessage::default(), FinishReason::Complete, (20, 5)),
        ),
        (calling, reply(calls, FinishReason::ToolCall, (20, 5))),
    ];
    let reasons = [
        ("STOP_SEQUENCE", FinishReason::StopSequence),
        ("MAX_TOKENS", FinishReason::MaxTokens),
        ("ERROR", FinishReason::Error),
        ("TIMEOUT", FinishReason::Timeout),
        ("ENLIGHTENMENT", FinishReason::Other),
    ];
    turns.extend(reasons.map(|(word, reason)| {
        (
            Turn::text("As far as").finishing(word),
            reply(says("As far as"), reason, (20, 5)),
        )
    }));
    turns
}

#[tokio::test]
async fn every_kind_of_turn_is_understood() {
    for (turn, reply) in turns() {
        let (_cohere, client) = fake([turn.clone().into()]).await;
        assert_eq!(client.say_hello().await, Ok(reply), "{turn:?}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_reply_that_chat_would_have_given() {
    for (turn, reply) in turns() {
        let (_cohere, client) = fake([turn.clone().into()]).await;
        let (mut events, error) = client.hear().await;
        assert_eq!(
            (events.pop(), error),
            (Some(Event::End(reply.clone())), None),
            "{turn:?}"
        );

        let mut told = AssistantMessage::default();
        for event in events {
            match event {
                Event::Text(text) => told.content.get_or_insert_default().push_str(&text),
                Event::ToolPlan(text) => told.tool_plan.get_or_insert_default().push_str(&text),
                Event::ToolCall(call) => told.tool_calls.push(call),
                Event::End(reply) => unreachable!("a second end: {reply:?}"),
            }
        }
        assert_eq!(told, reply.message, "the pieces are the reply");
    }
}

#[tokio::test]
async fn what_cohere_leaves_away_is_not_missed() {
    let answer = |message: Value, usage: Value| {
        Raw::json(json!({ "finish_reason": "COMPLETE", "message": message, "usage": usage }).to_string())
            .into()
    };
    let role = json!({ "role": "assistant" });
    let call = json!({ "id": "a", "type": "function", "function": { "name": "list_tasks" } });
    let (_cohere, client) = fake([
        answer(role.clone(), Value::Null),
        answer(
            json!({ "content": null, "tool_plan": null, "tool_calls": null }),
            json!({}),
        ),
        answer(role.clone(), json!({ "billed_units": { "input_tokens": 3 } })),
        answer(
            role,
            json!({ "tokens": { "input_tokens": 1e300, "output_tokens": -1 } }),
        ),
        answer(
            json!({ "tool_calls": [call], "content": [{ "type": "picture" }] }),
            json!({}),
        ),
    ])
    .await;
    let mut usages = Vec::new();
    for _ in 0..4 {
        let reply = client.say_hello().await.unwrap();
        assert_eq!(reply.message, AssistantMessage::default());
        usages.push((reply.usage.input_tokens, reply.usage.output_tokens));
    }
    assert_eq!(usages, [(0, 0), (0, 0), (3, 0), (u64::MAX, 0)]);
    assert_eq!(
        client.say_hello().await.unwrap().message.tool_calls[0].arguments,
        "{}"
    );
}

#[tokio::test]
async fn tokens_are_counted_for_the_caller() {
    let cut = Raw::events().break_off();
    let (_cohere, client) = fake([
        Turn::text("One").costing(3, 1).into(),
        Turn::text("Two").costing(4, 2).into(),
        cut.into(),
    ])
    .await;
    client.say_hello().await.unwrap();
    assert_eq!(client.hear().await.1, None);
    assert_eq!(client.hear().await.1, Some(Error::Broken));
    let tallies = client.tallies();
    assert_eq!(
        tallies,
        [(
            caller(),
            crate::Tally {
                calls: 2,
                input_tokens: 7,
                output_tokens: 3
            }
        )]
    );
}

//! The requests to Cohere.

use fake_cohere::Turn;
use serde_json::{Value, json};

use super::{Chat, KEY, go_on, say};

/// Today, as the host's clock and the prompt have it.
fn today() -> String {
    jiff::Timestamp::now().strftime("%A, %Y-%m-%d").to_string()
}

#[tokio::test]
async fn a_request_has_the_prompt_the_history_and_the_tools_in_every_round() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere.answer(Turn::text("Hello."));
    let before = today();
    let conversation = say(&ann, "Hi").await.json()["conversation_id"].clone();
    let calls = Turn::calls([
        ("delete_task", json!({ "task_id": 4_000 })),
        ("list_tasks", json!({})),
    ]);
    chat.cohere.answer(calls.planning("I will look."));
    chat.cohere.answer(Turn::text("There are none."));
    go_on(&ann, &conversation, "List my tasks").await.expect(200);

    let request = chat.cohere.requests()[2].clone();
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    let mut body = request.body;
    let prompt = body["messages"][0]["content"].as_str().unwrap().to_owned();
    // It may have become another day meanwhile.
    let date = [before, today()]
        .into_iter()
        .find(|date| prompt.contains(date.as_str()))
        .unwrap();
    body["messages"][0]["content"] = prompt.replace(&date, "<today>").into();
    insta::assert_json_snapshot!(body);
    assert_eq!(chat.sent(1)["tools"], body["tools"]);
    assert_eq!(chat.sent(1)["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_last_twenty_messages_are_the_history() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let mut id = Value::Null;
    for number in 0..12 {
        chat.cohere.answer(Turn::text(format!("answer {number}")));
        id = go_on(&ann, &id, &format!("question {number}"))
            .await
            .expect(200)
            .json()["conversation_id"]
            .clone();
    }
    let messages = chat.sent(11)["messages"].as_array().unwrap().clone();
    assert_eq!(messages.len(), 21, "the prompt comes on top");
    assert_eq!(messages[0]["role"], "system");
    assert_eq!(messages[1], json!({ "role": "assistant", "content": "answer 1" }));
    assert_eq!(messages[20], json!({ "role": "user", "content": "question 11" }));
}

#[tokio::test]
async fn each_conversation_has_its_own_history() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere.answer(Turn::text("I will not tell."));
    say(&ann, "a secret").await.expect(200);
    chat.cohere.answer(Turn::text("Nothing."));
    say(&ann, "what did I say?").await.expect(200);
    let messages = chat.sent(1)["messages"].as_array().unwrap().clone();
    assert_eq!(
        messages[1..],
        [json!({ "role": "user", "content": "what did I say?" })]
    );
}

//! Turns of a chat: messages, tool calls, and the response.

use fake_cohere::Turn;
use serde_json::{Value, json};

use super::{Chat, go_on, say};

#[tokio::test]
async fn a_word_is_answered_with_a_word() {
    let chat = Chat::start().await;
    chat.cohere.answer(Turn::text("Hello, Ann.").costing(31, 7));
    let answer = say(&chat.user("ann"), "Hi").await.expect(200).json();
    let expected = json!({
        "success": true,
        "conversation_id": answer["conversation_id"],
        "response": "Hello, Ann.",
        "message_id": answer["message_id"],
        "tool_calls": [],
        "usage": { "input_tokens": 31, "output_tokens": 7 },
        "error": null,
    });
    assert_eq!(answer, expected);
    assert!(answer["conversation_id"].is_u64());
    assert!(answer["message_id"].is_u64());
}

#[tokio::test]
async fn a_task_is_added_and_the_api_has_it() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let arguments = json!({
        "title": "Buy milk", "description": "2 l", "priority": "high", "category": "home", "tags": ["shop"],
        "due_date": "2026-12-01T09:00:00+01:00",
    });
    chat.cohere.answer(Turn::calls([("add_task", arguments.clone())]));
    chat.cohere.answer(Turn::text("Added."));
    let answer = say(&ann, "Buy milk on Tuesday").await.expect(200).json();
    let call = &answer["tool_calls"][0];
    for name in ["name", "tool_name", "tool"] {
        assert_eq!(call[name], "add_task");
    }
    assert_eq!(
        (&call["id"], &call["arguments"], &call["args"]),
        (&json!("call_1"), &arguments, &arguments)
    );
    let task = ann.get("/api/tasks").await.json()[0].clone();
    for field in [
        "id",
        "title",
        "description",
        "priority",
        "category",
        "tags",
        "due_date",
        "completed",
    ] {
        assert_eq!(call["result"][field], task[field], "{field}");
    }
    assert_eq!(task["due_date"], "2026-12-01T08:00:00Z");
    assert_eq!(
        answer["usage"],
        json!({ "input_tokens": 40, "output_tokens": 10 })
    );
}

#[tokio::test]
async fn every_tool_does_what_it_says() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let (milk, tea) = (ann.add_titled("milk").await, ann.add_titled("tea").await);
    let (milk, tea) = (&milk["id"], &tea["id"]);
    chat.cohere.answer(Turn::calls([
        ("list_tasks", json!({ "search": "MIL" })),
        ("complete_task", json!({ "task_id": milk })),
        ("complete_task", json!({ "task_id": milk })),
        (
            "update_task",
            json!({ "task_id": tea, "title": "green tea", "description": "loose" }),
        ),
        ("update_task", json!({ "task_id": tea, "description": null })),
        ("list_tasks", json!({ "status": "completed" })),
        ("delete_task", json!({ "task_id": milk })),
        ("list_tasks", json!({})),
    ]));
    chat.cohere.answer(Turn::text("Done."));
    let answer = say(&ann, "tidy up").await.expect(200).json();
    let results: Vec<&Value> = answer["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["result"])
        .collect();
    let titles = |result: &Value| -> Vec<String> {
        result["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["title"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(titles(results[0]), ["milk"]);
    assert_eq!(
        (&results[1]["completed"], &results[2]["completed"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        (&results[3]["title"], &results[3]["description"]),
        (&json!("green tea"), &json!("loose"))
    );
    assert_eq!(
        (&results[4]["title"], &results[4]["description"]),
        (&json!("green tea"), &Value::Null)
    );
    assert_eq!(titles(results[5]), ["milk"]);
    assert_eq!(results[6], &json!({ "id": milk, "deleted": true }));
    assert_eq!(titles(results[7]), ["green tea"]);
    assert_eq!(ann.titles("/api/tasks").await, ["green tea"]);
}

#[tokio::test]
async fn list_then_delete_is_two_rounds_of_one_message() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let id = ann.add_titled("milk").await["id"].clone();
    chat.cohere
        .answer(Turn::calls([("list_tasks", json!({ "search": "milk" }))]));
    chat.cohere
        .answer(Turn::calls([("delete_task", json!({ "task_id": id }))]));
    chat.cohere.answer(Turn::text("Gone."));
    let answer = say(&ann, "delete the milk task").await.expect(200).json();
    assert_eq!(answer["response"], "Gone.");
    assert_eq!(answer["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(ann.titles("/api/tasks").await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_tool_that_fails_is_one_that_the_model_can_recover_from() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere
        .answer(Turn::calls([("complete_task", json!({ "task_id": 4_000 }))]));
    chat.cohere
        .answer(Turn::calls([("add_task", json!({ "title": "x".repeat(256) }))]));
    chat.cohere
        .answer(Turn::calls([("add_task", json!({ "title": "milk" }))]));
    chat.cohere.answer(Turn::text("Added it."));
    let answer = say(&ann, "milk is done").await.expect(200).json();
    let error = |index: usize| answer["tool_calls"][index]["result"]["error"].clone();
    assert_eq!(
        error(0),
        "the user has no task with this id; list_tasks shows those there are"
    );
    assert_eq!(
        error(1),
        "the arguments are wrong: title: String should have at most 255 characters"
    );
    assert_eq!(error(2), Value::Null);
    assert_eq!(answer["response"], "Added it.");
}

#[tokio::test]
async fn arguments_that_are_no_arguments_are_told_to_the_model_and_shown_as_an_object() {
    let chat = Chat::start().await;
    let turn = Turn::silent("TOOL_CALL").call_written("add_task", r#"{"title": "mil"#);
    let turn = turn.call_written("add_task", "[]").call_written("list_tasks", "");
    chat.cohere.answer(
        turn.call_written("drop_tables", "{}")
            .call_written("add_task", r#"{"title": ["a"]}"#),
    );
    chat.cohere.answer(Turn::text("Sorry."));
    let answer = say(&chat.user("ann"), "add milk").await.expect(200).json();
    let calls = answer["tool_calls"].as_array().unwrap();
    assert!(
        calls.iter().all(|call| call["arguments"].is_object()),
        "{calls:?}"
    );
    let failed: Vec<bool> = calls
        .iter()
        .map(|call| call["result"]["error"].is_string())
        .collect();
    assert_eq!(failed, [true, true, false, true, true]);
}

#[tokio::test]
async fn eight_rounds_are_the_most() {
    let chat = Chat::start().await;
    for _ in 0..9 {
        chat.cohere.answer(Turn::calls([("list_tasks", json!({}))]));
    }
    let answer = say(&chat.user("ann"), "go on for ever").await.expect(200).json();
    assert_eq!(answer["tool_calls"].as_array().unwrap().len(), 8);
    assert!(
        answer["response"]
            .as_str()
            .unwrap()
            .starts_with("This takes more steps than I can make at once.")
    );
    assert_eq!(chat.cohere.requests().len(), 9);
    assert_eq!(chat.sent(8)["tool_choice"], "NONE");
}

#[tokio::test]
async fn a_model_that_says_nothing_gets_words_from_what_its_tools_did() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere
        .answer(Turn::calls([("add_task", json!({ "title": "milk" }))]));
    chat.cohere.answer(Turn::silent("COMPLETE"));
    let answer = say(&ann, "add milk").await.expect(200).json();
    let id = &answer["tool_calls"][0]["result"]["id"];
    assert_eq!(answer["response"], format!("Added task {id}: milk."));

    chat.cohere
        .answer(Turn::silent("COMPLETE").thinking("They want tea, and I want none."));
    let answer = say(&ann, "tea?").await.expect(200).json();
    assert_eq!(
        answer["response"],
        "I have no answer to that. I can add, list, complete, change and delete tasks."
    );
}

#[tokio::test]
async fn thoughts_are_not_told_and_a_cut_answer_is_an_answer() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere
        .answer(Turn::text("Hello.").thinking("A human. Careful."));
    assert_eq!(say(&ann, "hi").await.expect(200).json()["response"], "Hello.");
    chat.cohere
        .answer(Turn::text("Once upon a").finishing("MAX_TOKENS"));
    assert_eq!(
        say(&ann, "a story").await.expect(200).json()["response"],
        "Once upon a"
    );
    chat.cohere
        .answer(Turn::text("Well").finishing("SOME_NEW_REASON"));
    assert_eq!(say(&ann, "well?").await.expect(200).json()["response"], "Well");
}

#[tokio::test]
async fn a_conversation_goes_on_over_several_turns() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere.answer(Turn::text("Hello."));
    let conversation = say(&ann, "Hi").await.expect(200).json()["conversation_id"].clone();
    chat.cohere.answer(Turn::text("Ann."));
    let second = go_on(&ann, &conversation, "Who am I?").await.expect(200).json();
    chat.cohere.answer(Turn::text("Bye."));
    let third = go_on(&ann, &conversation.to_string().into(), "Bye")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&second["conversation_id"], &third["conversation_id"]),
        (&conversation, &conversation)
    );
    assert_eq!(super::said(&ann, &conversation).await.len(), 6);
}

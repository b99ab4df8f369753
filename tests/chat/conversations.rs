//! The stored conversations.

use fake_cohere::Turn;
use serde_json::{Value, json};

use super::{Chat, go_on, say};
use crate::support::Send;

const NOT_FOUND: &str = "Conversation not found";

#[tokio::test]
async fn conversations_are_listed_the_latest_first() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    assert_eq!(ann.get("/api/conversations").await.expect(200).json(), json!([]));
    let mut ids = Vec::new();
    for message in ["  One\n thing ", &"x".repeat(61)] {
        chat.cohere.answer(Turn::text("Hm."));
        ids.push(say(&ann, message).await.json()["conversation_id"].clone());
    }
    let ids_listed = |list: &Value| -> Vec<Value> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|conversation| conversation["id"].clone())
            .collect()
    };
    let list = ann.get("/api/ann/conversations").await.expect(200).json();
    assert_eq!(ids_listed(&list), [ids[1].clone(), ids[0].clone()]);
    assert_eq!(
        (&list[1]["title"], &list[1]["user_id"]),
        (&json!("One thing"), &json!("ann"))
    );
    assert_eq!(list[0]["title"], format!("{}…", "x".repeat(59)));
    for time in ["created_at", "updated_at"] {
        let time: jiff::Timestamp = list[0][time].as_str().unwrap().parse().unwrap();
        assert!(time <= jiff::Timestamp::now());
    }

    chat.cohere.answer(Turn::text("Hm."));
    go_on(&ann, &ids[0], "more").await.expect(200);
    let list = ann.get("/api/conversations").await.json();
    assert_eq!(ids_listed(&list), [ids[0].clone(), ids[1].clone()]);
}

#[tokio::test]
async fn a_conversation_has_its_messages_in_order() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere.answer(Turn::calls([("list_tasks", json!({}))]));
    chat.cohere.answer(Turn::text("None."));
    let answer = say(&ann, "list").await.json();
    let id = &answer["conversation_id"];
    let whole = ann
        .get(&format!("/api/conversations/{id}"))
        .await
        .expect(200)
        .json();
    let messages = ann
        .get(&format!("/api/conversations/{id}/messages"))
        .await
        .expect(200)
        .json();
    assert_eq!(whole["messages"], messages);
    assert_eq!((&whole["id"], &whole["title"]), (id, &json!("list")));
    let [question, reply] = &messages.as_array().unwrap()[..] else {
        panic!("{messages}")
    };
    assert_eq!(
        (&question["role"], &question["tool_calls"]),
        (&json!("user"), &json!([]))
    );
    assert_eq!(
        (&reply["role"], &reply["content"]),
        (&json!("assistant"), &json!("None."))
    );
    assert_eq!(
        (&reply["tool_calls"], &reply["id"]),
        (&answer["tool_calls"], &answer["message_id"])
    );
    assert_eq!(
        (&reply["conversation_id"], question["created_at"].is_string()),
        (id, true)
    );
}

#[tokio::test]
async fn a_conversation_can_be_made_before_anything_is_said() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    for path in [
        "/api/conversations",
        "/api/ann/conversations/",
        "/api/conversations/new",
    ] {
        let made = ann.request("POST", path).answer().await.expect(201).json();
        let id = &made["conversation_id"];
        assert!(id.is_u64() && made["id"] == *id, "{made}");
        assert_eq!((&made["user_id"], &made["title"]), (&json!("ann"), &json!("")));
        assert!(
            made["created_at"].is_string() && made["updated_at"].is_string(),
            "{made}"
        );
        assert_eq!(
            ann.get("/api/conversations/latest").await.json(),
            json!({ "conversation_id": id })
        );
        assert_eq!(
            ann.get(&format!("/api/conversations/{id}/messages"))
                .await
                .expect(200)
                .json(),
            json!([])
        );
        let whole = ann
            .get(&format!("/api/conversations/{id}"))
            .await
            .expect(200)
            .json();
        assert_eq!(whole["messages"], json!([]));

        chat.cohere.answer(Turn::text("Hm."));
        go_on(&ann, id, "Plan my day").await.expect(200);
        assert_eq!(
            super::said(&ann, id).await,
            ["user: Plan my day", "assistant: Hm."]
        );
        let whole = ann.get(&format!("/api/conversations/{id}")).await.json();
        assert_eq!(whole["title"], "Plan my day", "the first message is its title");
    }
}

#[tokio::test]
async fn a_conversation_keeps_the_title_that_it_is_given() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let made = ann
        .post("/api/conversations", json!({ "title": " Holidays " }))
        .await
        .expect(201)
        .json();
    assert_eq!(made["title"], "Holidays");
    chat.cohere.answer(Turn::text("Hm."));
    go_on(&ann, &made["id"].to_string().into(), "Plan my day")
        .await
        .expect(200);
    assert_eq!(ann.get("/api/conversations").await.json()[0]["title"], "Holidays");

    for body in [json!({}), json!(null), json!({ "title": null, "unknown": 1 })] {
        let made = ann
            .post("/api/conversations", body.clone())
            .await
            .expect(201)
            .json();
        assert_eq!(made["title"], "", "{body}");
    }
    for (title, fault) in [
        (json!(7), "string_type"),
        (json!("t".repeat(256)), "string_too_long"),
    ] {
        let refused = ann
            .post("/api/conversations/new", json!({ "title": title }))
            .await;
        assert_eq!(refused.faults(), [format!("{fault} body.title")]);
    }
    let text = ann
        .request("POST", "/api/conversations")
        .header("content-type", "text/plain")
        .body("hi");
    assert_eq!(
        text.answer().await.failure(),
        (415, "Send the body as application/json".to_owned())
    );
}

#[tokio::test]
async fn the_latest_conversation_is_the_one_that_was_used_last() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let latest = async || ann.get("/api/conversations/latest").await.expect(200).json();
    assert_eq!(latest().await, json!({ "conversation_id": null }));
    let mut ids = Vec::new();
    for _ in 0..2 {
        chat.cohere.answer(Turn::text("Hm."));
        ids.push(say(&ann, "hi").await.json()["conversation_id"].clone());
    }
    assert_eq!(latest().await, json!({ "conversation_id": ids[1] }));
    chat.cohere.answer(Turn::text("Hm."));
    go_on(&ann, &ids[0], "more").await.expect(200);
    assert_eq!(latest().await, json!({ "conversation_id": ids[0] }));
    ann.delete(&format!("/api/conversations/{}", ids[0]))
        .await
        .expect(200);
    assert_eq!(latest().await, json!({ "conversation_id": ids[1] }));
}

#[tokio::test]
async fn a_long_conversation_is_read_to_its_end() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    let mut id = Value::Null;
    for number in 0..51 {
        chat.cohere.answer(Turn::text(format!("answer {number}")));
        id = go_on(&ann, &id, &format!("question {number}"))
            .await
            .expect(200)
            .json()["conversation_id"]
            .clone();
        if number == 49 {
            assert_eq!(super::said(&ann, &id).await.len(), 100, "exactly a page");
        }
    }
    let messages = super::said(&ann, &id).await;
    let expected: Vec<_> = (0..51)
        .flat_map(|number| {
            [
                format!("user: question {number}"),
                format!("assistant: answer {number}"),
            ]
        })
        .collect();
    assert_eq!(messages, expected);
    let whole = ann
        .get(&format!("/api/conversations/{id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(whole["messages"].as_array().map(Vec::len), Some(102));
}

#[tokio::test]
async fn a_conversation_that_is_deleted_is_gone() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere.answer(Turn::text("Hm."));
    let id = say(&ann, "hi").await.json()["conversation_id"].clone();
    let path = format!("/api/conversations/{id}");
    let deleted = ann.delete(&path).await.expect(200).json();
    assert_eq!(
        deleted,
        json!({ "success": true, "message": format!("Conversation {id} deleted") })
    );
    for answer in [
        ann.delete(&path).await,
        ann.get(&path).await,
        ann.get(&format!("{path}/messages")).await,
        go_on(&ann, &id, "hi").await,
    ] {
        assert_eq!(answer.failure(), (404, NOT_FOUND.to_owned()));
    }
    assert_eq!(ann.get("/api/conversations").await.json(), json!([]));
}

#[tokio::test]
async fn ids_that_are_none_are_refused() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    for path in [
        "/api/conversations/x",
        "/api/conversations/1.5/messages",
        "/api/ann/conversations/x",
    ] {
        assert_eq!(ann.get(path).await.status, 422, "{path}");
    }
    assert_eq!(
        ann.delete("/api/conversations/x").await.faults(),
        ["int_parsing path.id"]
    );
    for id in ["0", "-1", "9223372036854775807"] {
        assert_eq!(
            ann.get(&format!("/api/conversations/{id}")).await.failure(),
            (404, NOT_FOUND.to_owned())
        );
    }
    assert_eq!(
        go_on(&ann, &json!(4_000), "hi").await.failure(),
        (404, NOT_FOUND.to_owned())
    );
}

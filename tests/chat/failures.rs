//! Failures of Cohere: the client gets a status and never the cause, and loses no message.

use fake_cohere::{Raw, Refusal, Reply, Turn};
use serde_json::json;

use super::{Chat, KEY, say};
use crate::support::{Answer, User};

const FAILED: &str = "The language model failed";

/// A status, and the sentence; and the user's message is there on the next read.
async fn failure(user: &User<'_>) -> (u16, String) {
    kept(user, say(user, "remember this").await).await.failure()
}

async fn kept(user: &User<'_>, answer: Answer) -> Answer {
    let conversations = user.get("/api/conversations").await.json();
    assert_eq!(
        super::said(user, &conversations[0]["id"]).await,
        ["user: remember this"]
    );
    answer
}

#[tokio::test]
async fn a_refusal_of_cohere_is_a_failure_of_the_model() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    for status in [400, 401, 402, 403, 404, 422, 498, 501] {
        chat.cohere.answer(Refusal::new(status, format!("no, {KEY}, no")));
        if status == 501 {
            chat.cohere.answer(Refusal::new(status, "no"));
            chat.cohere.answer(Refusal::new(status, "no"));
        }
        assert_eq!(failure(&ann).await, (502, FAILED.to_owned()), "{status}");
    }
    assert!(!chat.app.process.log().contains(KEY));
}

#[tokio::test]
async fn a_server_that_keeps_failing_has_failed_and_one_that_recovers_has_not() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    for status in [500, 503, 504] {
        chat.cohere.answer(Refusal::new(status, "later"));
    }
    assert_eq!(failure(&ann).await.0 / 100, 5);
    assert_eq!(chat.cohere.requests().len(), 3);
    chat.cohere.answer(Refusal::new(500, "later"));
    chat.cohere.answer(Turn::text("Here I am."));
    assert_eq!(say(&ann, "hi").await.expect(200).json()["response"], "Here I am.");
}

#[tokio::test]
async fn a_rate_limit_is_passed_on_with_the_pause_that_cohere_asks_for() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere
        .answer(Refusal::new(429, "trial key").retry_after("600"));
    let answer = kept(&ann, say(&ann, "remember this").await).await;
    assert_eq!(answer.header("retry-after"), Some("600"));
    assert_eq!(
        answer.failure(),
        (
            429,
            "The language model is rate-limited, try again later".to_owned()
        )
    );

    for _ in 0..3 {
        chat.cohere.answer(Refusal::new(429, "trial key"));
    }
    let answer = say(&ann, "hi").await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, None));
}

#[tokio::test]
async fn answers_that_are_none_are_failures() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    for raw in [
        Raw::json("{\"id\":"),
        Raw::json("[]"),
        Raw::json("").status(200),
        Raw::json("{}").break_off(),
    ] {
        chat.cohere.answer(raw);
        assert_eq!(failure(&ann).await, (502, FAILED.to_owned()));
    }
    chat.cohere.answer(Turn::text("Half a").finishing("ERROR"));
    assert_eq!(failure(&ann).await, (502, FAILED.to_owned()));
    chat.cohere.answer(Turn::text("Half a").finishing("TIMEOUT"));
    assert_eq!(failure(&ann).await.0, 504);
}

#[tokio::test]
async fn a_cohere_that_hangs_is_a_time_out() {
    let chat = Chat::within("2s").await;
    let ann = chat.user("ann");
    chat.cohere.answer(Reply::Hang);
    assert_eq!(
        failure(&ann).await,
        (504, "The language model did not answer in time".to_owned())
    );
}

#[tokio::test]
async fn a_failure_in_a_later_round_leaves_what_was_done() {
    let chat = Chat::start().await;
    let ann = chat.user("ann");
    chat.cohere
        .answer(Turn::calls([("add_task", json!({ "title": "milk" }))]));
    chat.cohere.answer(Refusal::new(422, "no"));
    assert_eq!(failure(&ann).await, (502, FAILED.to_owned()));
    assert_eq!(ann.titles("/api/tasks").await, ["milk"]);
}

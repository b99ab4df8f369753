//! Everything that Cohere can answer instead of a reply.

use fake_cohere::{Raw, Refusal, Turn};
use tokio::net::TcpSocket;

use super::*;

/// A status, what it means to a caller, and how often a call that gets it is made.
fn statuses() -> Vec<(u16, Error, usize)> {
    let reason = || "Out of cheese.".to_owned();
    vec![
        (302, Error::Broken, 1),
        (400, Error::InvalidRequest(reason()), 1),
        (401, Error::Unauthorized, 1),
        (402, Error::Unauthorized, 1),
        (403, Error::Unauthorized, 1),
        (404, Error::ModelUnavailable("command-a-03-2025".to_owned()), 1),
        (408, Error::Timeout, 3),
        (418, Error::Broken, 1),
        (422, Error::InvalidRequest(reason()), 1),
        (429, Error::RateLimited(None), 3),
        (498, Error::ContentRefused, 1),
        (499, Error::Unavailable, 1),
        (500, Error::Unavailable, 3),
        (501, Error::Unavailable, 3),
        (503, Error::Unavailable, 3),
        (504, Error::Timeout, 3),
    ]
}

#[tokio::test]
async fn every_status_has_a_meaning() {
    for (status, error, times) in statuses() {
        let refusals = || (0..times).map(|_| Refusal::new(status, "Out of cheese.").into());
        let (cohere, client) = fake(refusals().chain(refusals())).await;
        assert_eq!(client.say_hello().await, Err(error.clone()), "{status}");
        assert_eq!(cohere.requests().len(), times, "{status}");
        assert_eq!(client.hear().await, (vec![], Some(error)), "{status}, streamed");
        assert_eq!(cohere.requests().len(), 2 * times, "{status}, streamed");
    }
}

#[tokio::test]
async fn a_call_that_succeeds_at_last_has_succeeded() {
    let script = || {
        [
            Refusal::new(503, "").into(),
            Refusal::new(429, "").retry_after("0").into(),
        ]
    };
    let (cohere, client) = fake(script()).await;
    cohere.answer(Turn::text("Here I am."));
    assert_eq!(
        client.say_hello().await.unwrap().message.content.as_deref(),
        Some("Here I am.")
    );
    for reply in script() {
        cohere.answer(reply);
    }
    assert_eq!(client.hear().await.1, None);
    assert_eq!(cohere.requests().len(), 6);
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_left_to_the_caller() {
    let (cohere, client) = fake([Refusal::new(429, "").retry_after("30").into()]).await;
    assert_eq!(
        client.say_hello().await,
        Err(Error::RateLimited(Some(Duration::from_secs(30))))
    );
    assert_eq!(cohere.requests().len(), 1);
}

#[tokio::test]
async fn an_error_without_coheres_shape_is_an_error_all_the_same() {
    let page = Raw::json("<h1>Bad\r\nrequest</h1>").status(400);
    let cut = Raw::json("{\"message\": \"").status(400).break_off();
    let long = Raw::json("x".repeat(100_000)).status(422);
    let (_cohere, client) = fake([page.into(), cut.into(), long.into()]).await;
    for reason in ["<h1>Badrequest</h1>", "", ""] {
        assert_eq!(
            client.say_hello().await,
            Err(Error::InvalidRequest(reason.to_owned()))
        );
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_understood_is_broken() {
    let answers = [
        "",
        "null",
        "[]",
        "{\"finish_reason\": \"COMPLETE\"}",
        "<html>",
        "{\"finish_reason\": \"COM",
    ];
    for answer in answers {
        let (cohere, client) = fake([Raw::json(answer).into()]).await;
        assert_eq!(client.say_hello().await, Err(Error::Broken), "{answer:?}");
        assert_eq!(cohere.requests().len(), 1, "{answer:?}");
    }
    let (_cohere, client) = fake([Raw::json("{\"finish_reason\": ").break_off().into()]).await;
    assert_eq!(client.say_hello().await, Err(Error::Broken));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = FakeCohere::start(0).await.unwrap();
    let redirect = Raw::json("")
        .status(307)
        .header("location", &format!("{}/v2/chat", elsewhere.base_url()));
    let (_cohere, client) = fake([redirect.into()]).await;
    assert_eq!(client.say_hello().await, Err(Error::Broken));
    assert!(
        elsewhere.requests().is_empty(),
        "the key goes to one address alone"
    );
}

#[tokio::test]
async fn a_cohere_that_is_not_there_is_unavailable() {
    let cohere = FakeCohere::start(0).await.unwrap();
    // No server listens there, and none can while this socket is bound.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let mut settings = settings(&cohere);
    settings.base_url = format!("http://{address}").parse().unwrap();
    let client = client(settings);
    assert_eq!(client.say_hello().await, Err(Error::Unavailable));
    assert_eq!(client.hear().await, (vec![], Some(Error::Unavailable)));
}

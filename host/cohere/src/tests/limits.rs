//! Limits of requests and responses.

use fake_cohere::{Gate, Raw, Reply::Hang, Turn};

use super::*;

#[tokio::test]
async fn what_may_not_be_sent_is_not_sent() {
    let cohere = FakeCohere::start(0).await.unwrap();
    let mut settings = settings(&cohere);
    settings.max_request = 1000;
    settings.models = vec!["command-r7b-12-2024".to_owned()];
    let allowed = client(settings.clone());
    settings.api_key = None;
    let without_key = client(settings);

    assert_eq!(without_key.say_hello().await, Err(Error::NotConfigured));
    let other = Request {
        model: Some("command-r-08-2024".to_owned()),
        ..hello()
    };
    let long = Request {
        messages: vec![Message::User("x".repeat(1000))],
        ..hello()
    };
    let empty = Request::default();
    let errors = [
        (other, Error::ModelUnavailable("command-r-08-2024".to_owned())),
        (long, Error::RequestTooLarge(1000)),
        (
            empty,
            Error::InvalidRequest("`messages` is empty: there must be at least one".to_owned()),
        ),
    ];
    for (request, error) in errors {
        assert_eq!(
            allowed.chat(&request, caller(), in_a_minute()).await,
            Err(error.clone())
        );
        assert_eq!(
            allowed.stream(&request, caller(), in_a_minute()).await.err(),
            Some(error)
        );
    }
    assert!(cohere.requests().is_empty());

    for model in ["command-a-03-2025", "command-r7b-12-2024"] {
        let request = Request {
            model: Some(model.to_owned()),
            ..hello()
        };
        assert!(
            allowed.chat(&request, caller(), in_a_minute()).await.is_ok(),
            "{model}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let endless = |raw: Raw| {
        (0..40)
            .fold(raw, |raw, _| raw.then(format!(": {}\n", "x".repeat(98))))
            .wait(&Gate::default())
    };
    let (cohere, _) = fake([]).await;
    let mut settings = settings(&cohere);
    settings.max_reply = 3000;
    let client = client(settings);
    cohere.answer(endless(Raw::json("")));
    assert_eq!(client.say_hello().await, Err(Error::ReplyTooLarge(3000)));
    cohere.answer(endless(Raw::events()));
    assert_eq!(client.hear().await, (vec![], Some(Error::ReplyTooLarge(3000))));
    cohere.departed(2).await;
}

#[tokio::test]
async fn calls_in_flight_are_bounded() {
    let cohere = FakeCohere::start(0).await.unwrap();
    let mut settings = settings(&cohere);
    settings.max_in_flight = 1;
    settings.queue_timeout = Duration::ZERO;
    let client = client(settings);

    cohere.answer(Hang);
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.say_hello().await }
    });
    cohere.arrived(1).await;
    assert_eq!(client.say_hello().await, Err(Error::Busy));
    first.abort();
    assert!(first.await.is_err());

    let gate = Gate::default();
    cohere.answer(Turn::text("one two").paced(&gate));
    let mut stream = client.stream_hello().await.unwrap();
    assert_eq!(
        client.say_hello().await,
        Err(Error::Busy),
        "a stream is in flight until its end"
    );
    gate.open();
    while stream.next().await.unwrap().is_some() {}
    assert!(client.say_hello().await.is_ok());
}

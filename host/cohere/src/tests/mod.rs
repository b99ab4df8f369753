//! The client against the fake, over a real socket. No test waits for a clock.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cancelled;
mod failures;
mod limits;
mod replies;
mod requests;
mod secrets;
mod streams;
mod times;

use std::time::Duration;

use fake_cohere::{FakeCohere, Reply as Scripted};
use tokio::time::Instant;

use crate::{Caller, ChatStream, Client, Error, Event, Message, Reply, Request, Settings};

const KEY: &str = "key-to-be-hidden";

/// Settings for the fake. Calls are repeated without a pause.
fn settings(cohere: &FakeCohere) -> Settings {
    let mut settings = Settings::new(cohere.base_url().parse().unwrap());
    settings.api_key = Some(KEY.parse().unwrap());
    settings.backoff.first = Duration::ZERO;
    settings
}

fn client(settings: Settings) -> Client {
    secrets::Log::begin();
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(settings).unwrap()
}

fn caller() -> Caller {
    Caller {
        component: "ai".to_owned(),
        user: Some("ada".to_owned()),
    }
}

fn hello() -> Request {
    Request {
        messages: vec![Message::User("Hello".to_owned())],
        ..Request::default()
    }
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// A fake with a script, and a client of it.
async fn fake(script: impl IntoIterator<Item = Scripted>) -> (FakeCohere, Client) {
    let cohere = FakeCohere::start(0).await.unwrap();
    for reply in script {
        cohere.answer(reply);
    }
    let client = client(settings(&cohere));
    (cohere, client)
}

impl Client {
    async fn say_hello(&self) -> Result<Reply, Error> {
        self.chat(&hello(), caller(), in_a_minute()).await
    }

    async fn stream_hello(&self) -> Result<ChatStream, Error> {
        self.stream(&hello(), caller(), in_a_minute()).await
    }

    /// Every event of a streamed answer, and the error that ended it.
    async fn hear(&self) -> (Vec<Event>, Option<Error>) {
        let mut stream = match self.stream_hello().await {
            Ok(stream) => stream,
            Err(error) => return (Vec::new(), Some(error)),
        };
        let mut events = Vec::new();
        loop {
            match stream.next().await {
                Ok(Some(event)) => events.push(event),
                Ok(None) => return (events, None),
                Err(error) => {
                    assert_eq!(
                        stream.next().await,
                        Ok(None),
                        "an error is the last that a stream says"
                    );
                    return (events, Some(error));
                }
            }
        }
    }
}

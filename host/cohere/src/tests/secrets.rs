//! The key is in the request, and nowhere else.

use std::io;
use std::sync::{Mutex, PoisonError};

use fake_cohere::{Raw, Refusal, Turn};
use serde_json::json;
use tracing::Level;

use super::*;

/// The log of all tests of this crate: tracing has one subscriber for all threads.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

pub(super) struct Log;

impl Log {
    /// Begins to write the log, if no other test has.
    pub(super) fn begin() {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(Level::TRACE)
            .with_writer(|| Self);
        let _ = tracing::subscriber::set_global_default(subscriber.finish());
    }

    fn read() -> String {
        String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_key_is_in_no_log_and_no_error() {
    let echo = format!("invalid key: {KEY}");
    let (cohere, client) = fake([
        Refusal::new(400, &echo).into(),
        Refusal::new(401, &echo).into(),
        Raw::json(echo.clone()).status(503).into(),
        Turn::text("Hello.").costing(4711, 42).into(),
        Raw::events()
            .then(format!(
                "event: message-end\ndata: {{\"delta\": {{\"usage\": \"{KEY}\"}}}}\n\n"
            ))
            .into(),
        Raw::events()
            .event(&json!({ "type": "message-end", "delta": { "error": echo } }))
            .into(),
        Refusal::new(400, format!("{}{KEY}", "x".repeat(490))).into(),
    ])
    .await;
    let replies = [
        client.say_hello().await,
        client.say_hello().await,
        client.say_hello().await,
    ];
    assert_eq!(client.hear().await.1, Some(Error::Broken));
    assert_eq!(client.hear().await.1, None);
    let cut = client.say_hello().await;
    assert_eq!(cut, Err(Error::InvalidRequest("x".repeat(490) + "…")));
    assert_eq!(cohere.requests().len(), 7);

    assert_eq!(
        replies[0],
        Err(Error::InvalidRequest("invalid key: …".to_owned()))
    );
    assert!(!format!("{replies:?} {client:?}").contains(KEY));
    let log = Log::read();
    for line in [
        "an event cannot be understood: invalid type: string \\\"…\\\"",
        "finish_reason=Other error=\"invalid key: …\"",
        "error=\"401 Unauthorized: invalid key: …\"",
        "a call to Cohere is repeated error=\"503 Service Unavailable: invalid key: …\"",
        "component=\"ai\" user=\"ada\" model=\"command-a-03-2025\" stream=false attempts=2",
        "input_tokens=4711 output_tokens=42 finish_reason=Complete",
    ] {
        assert!(log.contains(line), "{line}");
    }
    assert!(!log.contains(KEY));
}

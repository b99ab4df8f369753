//! Talking to the assistant, with a Cohere that the test scripts.
//!
//! - `turns`: what is said, what the tools do, and what the client gets
//! - `events`: the same, event by event
//! - `questions`: what a client may send
//! - `conversations`: what is kept
//! - `callers`: the owner of each conversation
//! - `upstream`: what Cohere is sent
//! - `failures`: what a client sees when Cohere fails

mod callers;
mod conversations;
mod events;
mod failures;
mod questions;
mod turns;
mod upstream;

use std::path::Path;

use fake_cohere::FakeCohere;
use serde_json::{Value, json};

use crate::support::app::{AppBuilder, ROOT};
use crate::support::{Answer, App, Component, Send, User};

/// The key that the host has. It must show nowhere.
const KEY: &str = "a-key-that-nobody-sees";

/// A host, and the Cohere that it knows.
struct Chat {
    app: App,
    cohere: FakeCohere,
}

impl Chat {
    /// As the project's own `berth.toml` describes it.
    async fn start() -> Self {
        Self::with(App::here()).await
    }

    /// The same, where a message may take only so long.
    async fn within(time: &str) -> Self {
        let built = |name: &str| {
            let file = format!("components/{name}.wasm");
            Component::from_file(name, &Path::new(ROOT).join(file))
        };
        let todo = built("todo")
            .route("/api/tasks/{*rest}")
            .granted(&["postgres", "identity", "logging"]);
        let ai = built("ai")
            .route("/api/chat")
            .route("/api/conversations/{*rest}")
            .limited("time", time);
        let ai = ai.granted(&["postgres", "identity", "logging", "cohere"]);
        Self::with(App::serving([
            todo,
            ai.saying(r#"imports = { "todo:tasks/tasks" = "todo" }"#),
        ]))
        .await
    }

    async fn with(app: AppBuilder) -> Self {
        let cohere = FakeCohere::start(0).await.unwrap();
        let app = app
            .with("COHERE_API_KEY", KEY)
            .with("COHERE_BASE_URL", cohere.base_url());
        Self {
            app: app.start().await,
            cohere,
        }
    }

    fn user(&self, subject: &str) -> User<'_> {
        self.app.user(subject)
    }

    /// The body of the request that Cohere got as number `index`, counted from 0.
    fn sent(&self, index: usize) -> Value {
        self.cohere.requests()[index].body.clone()
    }
}

/// Says something in a new conversation.
async fn say(user: &User<'_>, message: &str) -> Answer {
    user.post("/api/chat", json!({ "message": message })).await
}

/// Goes on with a conversation.
async fn go_on(user: &User<'_>, conversation: &Value, message: &str) -> Answer {
    user.post(
        "/api/chat",
        json!({ "message": message, "conversation_id": conversation }),
    )
    .await
}

/// Says something and gets events: name and data of each.
async fn hear(user: &User<'_>, message: &str) -> Vec<(String, Value)> {
    let answer = asking_for_events(user, message).answer().await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    answer.text().split_terminator("\n\n").map(event).collect()
}

fn asking_for_events(user: &User<'_>, message: &str) -> reqwest::RequestBuilder {
    let request = user
        .request("POST", "/api/chat")
        .header("accept", "text/event-stream");
    request.json(&json!({ "message": message }))
}

/// `event: <name>` and `data: <JSON>`
fn event(text: &str) -> (String, Value) {
    let (name, data) = text.split_once('\n').unwrap();
    let name = name.strip_prefix("event: ").unwrap().to_owned();
    (
        name,
        serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap(),
    )
}

/// The names of events, in order.
fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| &**name).collect()
}

/// The messages of a conversation, as `role: content`.
async fn said(user: &User<'_>, conversation: &Value) -> Vec<String> {
    let messages = user
        .get(&format!("/api/conversations/{conversation}/messages"))
        .await
        .expect(200)
        .json();
    let line = |message: &Value| {
        format!(
            "{}: {}",
            message["role"].as_str().unwrap(),
            message["content"].as_str().unwrap()
        )
    };
    messages.as_array().unwrap().iter().map(line).collect()
}

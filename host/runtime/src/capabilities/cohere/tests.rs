//! The host functions against a fake Cohere, without a component.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::time::Duration;

use berth_cohere::Settings;
use fake_cohere::{FakeCohere, Gate, Refusal, Reply::Hang, Turn};
use serde_json::json;

use super::*;
use crate::capabilities::Services;
use crate::limits::Limits;
use crate::principal::Principal;
use crate::settings::Settings as Config;

/// The time limit of the guest's request.
const REQUEST_TIME: Duration = Duration::from_mins(1);

/// A guest that serves a request of Ada's.
struct Guest {
    fake: FakeCohere,
    client: Client,
    context: Context,
    table: ResourceTable,
}

/// The result type of the interface's functions.
type Answer<T> = Result<T, bindings::Error>;

impl Guest {
    async fn start() -> Self {
        // Another test may have installed the provider first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fake = FakeCohere::start(0).await.unwrap();
        let mut settings = Settings::new(fake.base_url().parse().unwrap());
        settings.api_key = Some("key".parse().unwrap());
        settings.backoff.first = Duration::ZERO;
        let client = Client::new(settings).unwrap();
        let context = context(&client);
        Self {
            fake,
            client,
            context,
            table: ResourceTable::new(),
        }
    }

    async fn chat(&mut self, request: Request) -> Answer<Reply> {
        let mut view = self.context.view(&mut self.table);
        let reply = view.chat(request).await;
        reply.map_err(|error| view.convert_error(error).unwrap())
    }

    async fn stream(&mut self) -> Answer<Resource<ChatStream>> {
        let mut view = self.context.view(&mut self.table);
        let stream = view.stream(hello()).await;
        stream.map_err(|error| view.convert_error(error).unwrap())
    }

    async fn next(&mut self, stream: &Resource<ChatStream>) -> Answer<Option<Event>> {
        let mut view = self.context.view(&mut self.table);
        let event = view.next(Resource::new_borrow(stream.rep())).await;
        event.map_err(|error| view.convert_error(error).unwrap())
    }
}

/// The context of a request of Ada's.
fn context(client: &Client) -> Context {
    let ada = Principal {
        subject: "ada".to_owned(),
        email: None,
        name: None,
        anonymous: false,
    };
    let services = Services {
        cohere: Some(client.clone()),
        ..Services::default()
    };
    let limits = Limits {
        time: REQUEST_TIME,
        ..Limits::default()
    };
    Context::new(&Scope {
        request: &RequestContext::for_tests("ai", Some(ada)),
        limits: &limits,
        config: &Config::default(),
        services: &services,
    })
}

fn hello() -> Request {
    Request {
        model: None,
        messages: vec![bindings::Message::User("Hello".to_owned())],
        tools: vec![],
        tool_choice: bindings::ToolChoice::Auto,
        max_tokens: None,
        temperature: None,
        seed: None,
        stop_sequences: vec![],
    }
}

#[tokio::test]
async fn everything_that_a_guest_says_is_sent() {
    let call = |id: &str| bindings::ToolCall {
        id: id.to_owned(),
        name: "list_tasks".to_owned(),
        arguments: "{}".to_owned(),
    };
    let request = Request {
        model: Some("command-a-03-2025".to_owned()),
        messages: vec![
            bindings::Message::System("Be brief.".to_owned()),
            bindings::Message::User("List".to_owned()),
            bindings::Message::Assistant(bindings::AssistantMessage {
                content: Some("Well.".to_owned()),
                tool_plan: Some("I will list.".to_owned()),
                tool_calls: vec![call("a")],
            }),
            bindings::Message::Tool(bindings::ToolResult {
                tool_call_id: "a".to_owned(),
                content: "[]".to_owned(),
            }),
        ],
        tools: vec![bindings::Tool {
            name: "list_tasks".to_owned(),
            description: Some("Lists.".to_owned()),
            parameters: "{\"type\":\"object\"}".to_owned(),
        }],
        tool_choice: bindings::ToolChoice::Required,
        max_tokens: Some(9),
        temperature: Some(0.5),
        seed: Some(7),
        stop_sequences: vec!["END".to_owned()],
    };
    let mut guest = Guest::start().await;
    guest.chat(request).await.unwrap();
    let function = json!({ "name": "list_tasks", "arguments": "{}" });
    let body = json!({
        "model": "command-a-03-2025",
        "stream": false,
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "List" },
            { "role": "assistant", "content": "Well.", "tool_plan": "I will list.",
              "tool_calls": [{ "id": "a", "type": "function", "function": function }] },
            { "role": "tool", "tool_call_id": "a", "content": "[]" },
        ],
        "tools": [{ "type": "function", "function":
            { "name": "list_tasks", "description": "Lists.", "parameters": { "type": "object" } } }],
        "tool_choice": "REQUIRED",
        "max_tokens": 9,
        "temperature": 0.5,
        "seed": 7,
        "stop_sequences": ["END"],
    });
    assert_eq!(guest.fake.requests()[0].body, body);
}

#[tokio::test]
async fn a_stream_tells_piece_by_piece_what_chat_tells_at_once() {
    let turn = Turn::calls([("list_tasks", json!({}))])
        .planning("I will list.")
        .costing(3, 1);
    let mut guest = Guest::start().await;
    guest.fake.answer(turn.clone());
    guest.fake.answer(turn);
    let reply = guest.chat(hello()).await.unwrap();

    let stream = guest.stream().await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = guest.next(&stream).await.unwrap() {
        events.push(event);
    }
    insta::assert_debug_snapshot!((reply, events));
    assert!(matches!(guest.next(&stream).await, Ok(None)));
    let ada = Caller {
        component: "ai".to_owned(),
        user: Some("ada".to_owned()),
    };
    let tally = berth_cohere::Tally {
        calls: 2,
        input_tokens: 6,
        output_tokens: 2,
    };
    assert_eq!(guest.client.tallies(), [(ada, tally)]);
}

#[tokio::test]
async fn a_pause_is_given_in_whole_seconds() {
    let mut guest = Guest::start().await;
    for _ in 0..2 {
        guest.fake.answer(Refusal::new(429, "").retry_after("29.2"));
    }
    assert!(matches!(
        guest.chat(hello()).await,
        Err(bindings::Error::RateLimited(Some(30)))
    ));
    assert!(matches!(
        guest.stream().await,
        Err(bindings::Error::RateLimited(Some(30)))
    ));
}

#[tokio::test]
async fn a_stream_that_is_dropped_ends_the_call() {
    let mut guest = Guest::start().await;
    guest.fake.answer(Turn::text("one two").paced(&Gate::default()));
    let stream = guest.stream().await.unwrap();
    assert!(matches!(guest.next(&stream).await, Ok(Some(Event::Text(text))) if text == "one "));
    guest.context.view(&mut guest.table).drop(stream).await.unwrap();
    guest.fake.departed(1).await;
}

#[tokio::test]
async fn an_instance_that_ends_ends_its_calls() {
    let mut guest = Guest::start().await;
    guest.fake.answer(Turn::text("one two").paced(&Gate::default()));
    guest.stream().await.unwrap();
    drop(guest.table);
    guest.fake.departed(1).await;
}

#[tokio::test]
async fn a_request_has_few_answers_under_way() {
    let mut guest = Guest::start().await;
    let mut streams = Vec::new();
    for _ in 0..MAX_OPEN {
        streams.push(guest.stream().await.unwrap());
    }
    assert!(matches!(guest.stream().await, Err(bindings::Error::Busy)));
    let first = streams.pop().unwrap();
    guest.context.view(&mut guest.table).drop(first).await.unwrap();
    assert!(guest.stream().await.is_ok());
}

#[tokio::test]
async fn a_component_whose_call_takes_too_long_is_there_to_say_so() {
    let mut guest = Guest::start().await;
    guest.context = context(&guest.client);
    guest.fake.answer(Hang);
    let started = Instant::now();
    let (reply, ()) = futures_util::future::join(
        async {
            let mut view = guest.context.view(&mut guest.table);
            view.chat(hello()).await
        },
        async {
            guest.fake.arrived(1).await;
            // The test only waits from here on, so Tokio advances the clock at once.
            tokio::time::pause();
        },
    )
    .await;
    assert!(matches!(reply, Err(Error::Call(client::Error::Timeout))));
    assert!(started.elapsed() < REQUEST_TIME);
}

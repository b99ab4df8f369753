//! The client of a host's admin API.
//!
//! Answers are JSON values, so that `--json` can print what the host has said; who wants types decodes them. A host that
//! says what it is doing says so in server-sent events, of which the crate `sse-stream` does the framing.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderValue, header};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sse_stream::SseByteStream;

use super::failure::Failure;
use crate::config::Secret;
use crate::delivery::report::Progress;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For an answer that needs no work. A swap and a watch take as long as the host lets them.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a host may say nothing before its machine is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A client of one host.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: Option<HeaderValue>,
}

/// A swap that is about to be asked for.
pub(super) struct Swap<'a> {
    client: &'a Client,
    request: RequestBuilder,
}

/// What a host says is going on.
pub(super) struct Events(SseByteStream<Chunks>);

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// One thing that goes on.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    /// As the host has said it.
    pub(super) json: Value,
    /// The same.
    pub(super) progress: Progress,
}

/// Where an admin API is, as `--admin` says it.
pub(super) fn admin_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| {
        let plain = url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && nobody
    });
    url.ok_or_else(|| "it is not a host's URL: write it as in http://127.0.0.1:8001".to_owned())
}

impl Client {
    /// A client of the admin API at `base`. It connects to nothing yet. rustls must have its default provider by then.
    pub(super) fn new(base: Url, token: Option<&Secret>) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(KEEPALIVE)
            // The token goes to one address and to no other, whatever an answer or the environment says.
            .redirect(Policy::none())
            .no_proxy();
        if base.scheme() == "http" {
            // A container may have no CA certificates, and needs none to ask its own host.
            builder = builder.tls_certs_only([]);
        }
        let authorization = token.map(|token| bearer(token).ok_or(Failure::Token)).transpose()?;
        Ok(Self { http: builder.build().map_err(Failure::Client)?, base, authorization })
    }

    /// What is at `/admin/components` and below.
    pub(super) async fn get(&self, below: &[&str]) -> Result<Value, Failure> {
        let request = self.request(Method::GET, &[&["components"], below].concat());
        body(self.send(request.timeout(READ_TIMEOUT)).await?).await
    }

    /// Every swap on the host, as it happens, without end.
    pub(super) async fn watch(&self) -> Result<Events, Failure> {
        let request = self.request(Method::GET, &["events"]);
        events(self.send(request.header(header::ACCEPT, "text/event-stream")).await?)
    }

    /// Swaps `wasm` in as the new version of a component, pushed by somebody.
    pub(super) fn push(&self, component: &str, wasm: Vec<u8>, by: Option<&str>, dry_run: bool) -> Swap<'_> {
        let mut request = self.request(Method::PUT, &["components", component]);
        if dry_run {
            request = request.query(&[("dry_run", true)]);
        }
        if let Some(by) = by {
            request = request.header("x-pushed-by", by);
        }
        let request = request.header(header::CONTENT_TYPE, "application/wasm").body(wasm);
        Swap { client: self, request }
    }

    /// Swaps a version from before in again: that of the number `to`, or the one that was live before.
    pub(super) fn rollback(&self, component: &str, to: Option<u32>, dry_run: bool) -> Swap<'_> {
        let request = self.request(Method::POST, &["components", component, "rollback"]);
        let mut body = json!({ "dry_run": dry_run });
        if let Some(to) = to {
            body["to"] = to.into();
        }
        Swap { client: self, request: request.json(&body) }
    }

    fn request(&self, method: Method, below: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // It has segments: `admin_url` lets no other URL pass.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("admin").extend(below);
        }
        let request = self.http.request(method, url);
        match &self.authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization),
            None => request,
        }
    }

    /// Sends it, and waits for an answer that is not a failure. A report of a refusal is none.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                Failure::Unreachable { url: self.base.clone(), reason: reason(&error) }
            } else {
                Failure::BrokenOff(reason(&error))
            }
        })?;
        let status = response.status();
        if status.is_success() || status == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(response);
        }
        Err(Failure::of_status(status, detail(response).await))
    }
}

impl Swap<'_> {
    /// Asks for it and waits for the report.
    pub(super) async fn report(self) -> Result<Value, Failure> {
        body(self.client.send(self.request).await?).await
    }

    /// Asks for it; what happens then comes as events, the report last.
    pub(super) async fn events(self) -> Result<Events, Failure> {
        events(self.client.send(self.request.header(header::ACCEPT, "text/event-stream")).await?)
    }
}

impl Events {
    /// Waits for the next. None when the host has nothing more to say.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        while let Some(event) = self.0.next().await {
            let event = event.map_err(|error| Failure::BrokenOff(reason(&error)))?;
            // Others may come with later versions of the host.
            if let (Some("step" | "report"), Some(data)) = (event.event.as_deref(), event.data) {
                let json: Value = serde_json::from_str(&data).map_err(|error| misunderstood(&error))?;
                return Ok(Some(Event { progress: decode(&json)?, json }));
            }
        }
        Ok(None)
    }
}

/// The value as the type that it must be.
pub(super) fn decode<T: DeserializeOwned>(json: &Value) -> Result<T, Failure> {
    T::deserialize(json).map_err(|error| misunderstood(&error))
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn body(response: Response) -> Result<Value, Failure> {
    let body = response.bytes().await.map_err(|error| Failure::BrokenOff(reason(&error)))?;
    serde_json::from_slice(&body).map_err(|error| misunderstood(&error))
}

fn events(response: Response) -> Result<Events, Failure> {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    if !media_type.is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/event-stream")) {
        return Err(Failure::Misunderstood("there are no events in it".to_owned()));
    }
    Ok(Events(SseByteStream::new(Box::pin(response.bytes_stream()))))
}

/// What the host says is wrong, or the status in words.
async fn detail(response: Response) -> String {
    let status = response.status();
    let body = response.json::<Value>().await;
    let detail = body.ok().and_then(|body| body["detail"].as_str().map(str::to_owned));
    detail.unwrap_or_else(|| format!("it answers {status}"))
}

fn misunderstood(error: &serde_json::Error) -> Failure {
    Failure::Misunderstood(error.to_string())
}

/// The innermost cause: what a system says, rather than each library on the way.
fn reason(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use axum::Router;
    use axum::routing::any;
    use tokio::net::TcpListener;

    use super::*;

    /// A client of a host that answers everything with `answer`.
    async fn client_of(status: StatusCode, media_type: &'static str, body: &str) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = (status, [(header::CONTENT_TYPE, media_type)], body.to_owned());
        let router = Router::new().fallback(any(answer));
        tokio::spawn(async { axum::serve(listener, router).await });
        client(&url, None).unwrap()
    }

    fn client(url: &str, token: Option<&Secret>) -> Result<Client, Failure> {
        drop(rustls::crypto::ring::default_provider().install_default());
        Client::new(admin_url(url).unwrap(), token)
    }

    /// Everything that a swap's events say, and how they end.
    async fn told(stream: &str) -> (Vec<String>, Result<(), Failure>) {
        let client = client_of(StatusCode::OK, "text/event-stream", stream).await;
        let mut events = client.rollback("todo", None, false).events().await.unwrap();
        let mut told = Vec::new();
        loop {
            match events.next().await {
                Ok(Some(event)) => told.push(event.json["step"].to_string()),
                Ok(None) => return (told, Ok(())),
                Err(failure) => return (told, Err(failure)),
            }
        }
    }

    const STEP: &str = concat!(
        "event: step\n",
        r#"data: {"event":"step","component":"todo","step":"size","state":"passed","milliseconds":1,"detail":null}"#,
        "\n\n",
    );

    #[tokio::test]
    async fn comments_and_events_of_later_versions_are_passed_over() {
        let later = "event: weather\ndata: fine\n\n";
        let stream = format!(": still here\n\n{later}{STEP}{later}");
        let (told, end) = told(&stream).await;
        assert_eq!(told, [r#""size""#]);
        assert!(end.is_ok());
    }

    #[tokio::test]
    async fn an_event_that_is_not_of_this_api_is_a_failure() {
        let stream = format!("{STEP}event: step\ndata: {{\"step\": \"jump\"}}\n\n");
        let (told, end) = told(&stream).await;
        assert_eq!(told.len(), 1);
        assert!(matches!(end, Err(Failure::Misunderstood(_))), "{end:?}");
    }

    #[tokio::test]
    async fn an_answer_without_events_where_they_must_be_is_a_failure() {
        let client = client_of(StatusCode::OK, "application/json", "{}").await;
        let failure = client.watch().await.err().unwrap();
        assert!(matches!(failure, Failure::Misunderstood(_)), "{failure}");
    }

    #[tokio::test]
    async fn what_the_host_says_is_wrong_is_passed_on() {
        let client = client_of(StatusCode::CONFLICT, "application/json", r#"{"detail": "Wait."}"#).await;
        assert_eq!(client.get(&[]).await.unwrap_err().to_string(), "Wait.");
        let client = client_of(StatusCode::BAD_GATEWAY, "text/html", "<h1>Sorry</h1>").await;
        let failure = client.get(&[]).await.unwrap_err().to_string();
        assert!(failure.contains("502 Bad Gateway") && !failure.contains("Sorry"), "{failure}");
    }

    #[test]
    fn a_component_is_below_whatever_path_the_admin_api_has() {
        for (base, url) in [
            ("http://127.0.0.1:8001", "http://127.0.0.1:8001/admin/components/todo"),
            ("http://ops.example.com/berth/", "http://ops.example.com/berth/admin/components/todo"),
        ] {
            let client = client(base, None).unwrap();
            let request = client.request(Method::GET, &["components", "todo"]).build().unwrap();
            assert_eq!(request.url().as_str(), url);
        }
    }

    #[test]
    fn what_is_not_a_hosts_url_is_refused() {
        for text in
            ["127.0.0.1:8001", "localhost:8001", "ftp://a", "http://me:secret@a", "http://a?b", "http://"]
        {
            assert!(admin_url(text).unwrap_err().contains("http://127.0.0.1:8001"), "{text}");
        }
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_named_and_not_shown() {
        let token = Secret::from("hunter2\n".to_owned());
        let failure = client("http://127.0.0.1:8001", Some(&token)).err().unwrap().to_string();
        assert!(failure.contains("ADMIN_TOKEN") && !failure.contains("hunter2"), "{failure}");
    }
}

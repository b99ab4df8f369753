//! The client of a host's admin API.
//!
//! Responses are JSON values, so that `--json` can print them unchanged; other commands decode them. Progress comes as
//! server-sent events, which the crate `sse-stream` parses.

use std::error::Error;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::time::Duration;

use berth_rollout::report::Progress;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http::{HeaderValue, header};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sse_stream::SseByteStream;

use super::failure::Failure;
use crate::config::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout of a response that needs no work. A swap and a watch have none.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest line of the log that is read, in bytes.
const MAX_LINE_BYTES: usize = 1024 * 1024;

/// How long a host may be silent before TCP checks whether its machine is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A client of a host.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: Option<HeaderValue>,
}

/// The request of a swap, before it is sent.
pub(super) struct Swap<'a> {
    client: &'a Client,
    request: RequestBuilder,
}

/// The stream of a host's progress events.
pub(super) struct Events(SseByteStream<Chunks>);

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// The stream of a host's log lines.
pub(super) struct Lines {
    chunks: Chunks,
    received: BytesMut,
    has_ended: bool,
}

/// A progress event.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    /// The event as the host sent it.
    pub(super) json: Value,
    /// The decoded event.
    pub(super) progress: Progress,
}

/// Parses the address of an admin API, from `--admin`.
pub(super) fn admin_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| {
        let plain = url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && nobody
    });
    url.ok_or_else(|| "it is not a host's URL: write it as in http://127.0.0.1:8001".to_owned())
}

impl Client {
    /// Makes a client of the admin API at `base`, without connecting. rustls must have its default provider already.
    pub(super) fn new(base: Url, token: Option<&Secret>) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(KEEPALIVE)
            // The token is sent to this address only, whatever a redirect or the environment says.
            .redirect(Policy::none())
            .no_proxy();
        if base.scheme() == "http" {
            // A container may have no CA certificates, and needs none for a request to its own host.
            builder = builder.tls_certs_only([]);
        }
        let authorization = token
            .map(|token| bearer(token).ok_or(Failure::Token))
            .transpose()?;
        Ok(Self {
            http: builder.build().map_err(Failure::Client)?,
            base,
            authorization,
        })
    }

    /// Gets a path at or below `/admin/components`.
    pub(super) async fn get(&self, below: &[&str]) -> Result<Value, Failure> {
        let request = self.request(Method::GET, &[&["components"], below].concat());
        body(self.send(request.timeout(READ_TIMEOUT)).await?).await
    }

    /// Streams every swap on the host, without end.
    pub(super) async fn watch(&self) -> Result<Events, Failure> {
        let request = self.request(Method::GET, &["events"]);
        events(
            self.send(request.header(header::ACCEPT, "text/event-stream"))
                .await?,
        )
    }

    /// Gets the filter of the log.
    pub(super) async fn log_level(&self) -> Result<Value, Failure> {
        let request = self.request(Method::GET, &["log-level"]);
        body(self.send(request.timeout(READ_TIMEOUT)).await?).await
    }

    /// Sets the filter of the log, and returns it.
    pub(super) async fn set_log_level(&self, filter: &str) -> Result<Value, Failure> {
        let request = self.request(Method::PUT, &["log-level"]);
        let request = request.json(&json!({ "filter": filter })).timeout(READ_TIMEOUT);
        body(self.send_valid(request).await?).await
    }

    /// Reads lines of the log, as `query` selects them.
    pub(super) async fn logs(&self, query: &[(&str, String)]) -> Result<Lines, Failure> {
        let request = self.request(Method::GET, &["logs"]).query(query);
        let response = self.send_valid(request).await?;
        Ok(Lines {
            chunks: Box::pin(response.bytes_stream()),
            received: BytesMut::new(),
            has_ended: false,
        })
    }

    /// Requests a swap to `wasm` as the new version of a component. `by` is the name of the operator.
    pub(super) fn push(&self, component: &str, wasm: Vec<u8>, by: Option<&str>, dry_run: bool) -> Swap<'_> {
        let mut request = self.request(Method::PUT, &["components", component]);
        if dry_run {
            request = request.query(&[("dry_run", true)]);
        }
        if let Some(by) = by {
            request = request.header("x-pushed-by", by);
        }
        let request = request
            .header(header::CONTENT_TYPE, "application/wasm")
            .body(wasm);
        Swap {
            client: self,
            request,
        }
    }

    /// Requests a rollback to version `to`, or else to the version that was live before.
    pub(super) fn rollback(&self, component: &str, to: Option<NonZeroU32>, dry_run: bool) -> Swap<'_> {
        let request = self.request(Method::POST, &["components", component, "rollback"]);
        let mut body = json!({ "dry_run": dry_run });
        if let Some(to) = to {
            body["to"] = to.get().into();
        }
        Swap {
            client: self,
            request: request.json(&body),
        }
    }

    fn request(&self, method: Method, below: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // The URL has segments, because `admin_url` accepts no other.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("admin").extend(below);
        }
        let request = self.http.request(method, url);
        match &self.authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization),
            None => request,
        }
    }

    /// Sends a request, and fails if the response is an error. The report of a refusal is no error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                Failure::Unreachable {
                    url: self.base.clone(),
                    reason: reason(&error),
                }
            } else {
                Failure::BrokenOff(reason(&error))
            }
        })?;
        let status = response.status();
        if status.is_success() || status == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(response);
        }
        Err(Failure::from_status(status, detail(response).await))
    }

    /// Sends a request for which 422 is an error, too.
    async fn send_valid(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = self.send(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(Failure::from_status(status, detail(response).await))
    }
}

impl Lines {
    /// Waits for the next line. None at the end of the stream. Empty lines keep the connection alive and are passed over.
    pub(super) async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line = self.received.split_to(end + 1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|error| misunderstood(&error));
            }
            if self.received.len() > MAX_LINE_BYTES {
                return Err(Failure::Misunderstood("a line has no end".to_owned()));
            }
            match self.chunks.next().await {
                Some(Ok(chunk)) => self.received.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(Failure::BrokenOff(reason(&error))),
                None if self.has_ended || self.received.is_empty() => return Ok(None),
                None => {
                    self.has_ended = true;
                    self.received.extend_from_slice(b"\n");
                }
            }
        }
    }
}

impl Swap<'_> {
    /// Runs the swap and returns its report.
    pub(super) async fn report(self) -> Result<Value, Failure> {
        body(self.client.send(self.request).await?).await
    }

    /// Runs the swap and returns its events, of which the last is the report.
    pub(super) async fn events(self) -> Result<Events, Failure> {
        events(
            self.client
                .send(self.request.header(header::ACCEPT, "text/event-stream"))
                .await?,
        )
    }
}

impl Events {
    /// Waits for the next event. None at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        while let Some(event) = self.0.next().await {
            let event = event.map_err(|error| Failure::BrokenOff(reason(&error)))?;
            // Later versions of the host may send further events.
            if let (Some("step" | "report"), Some(data)) = (event.event.as_deref(), event.data) {
                let json: Value = serde_json::from_str(&data).map_err(|error| misunderstood(&error))?;
                return Ok(Some(Event {
                    progress: decode(&json)?,
                    json,
                }));
            }
        }
        Ok(None)
    }
}

/// Decodes the value.
pub(super) fn decode<T: DeserializeOwned>(json: &Value) -> Result<T, Failure> {
    T::deserialize(json).map_err(|error| misunderstood(&error))
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn body(response: Response) -> Result<Value, Failure> {
    let body = response
        .bytes()
        .await
        .map_err(|error| Failure::BrokenOff(reason(&error)))?;
    serde_json::from_slice(&body).map_err(|error| misunderstood(&error))
}

fn events(response: Response) -> Result<Events, Failure> {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    if !media_type.is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/event-stream")) {
        return Err(Failure::Misunderstood("there are no events in it".to_owned()));
    }
    Ok(Events(SseByteStream::new(Box::pin(response.bytes_stream()))))
}

/// The error's sentence from the host, or the status in words.
async fn detail(response: Response) -> String {
    let status = response.status();
    let body = response.json::<Value>().await;
    let detail = body
        .ok()
        .and_then(|body| body["detail"].as_str().map(str::to_owned));
    detail.unwrap_or_else(|| format!("it answers {status}"))
}

fn misunderstood(error: &serde_json::Error) -> Failure {
    Failure::Misunderstood(error.to_string())
}

/// The innermost cause, which is the system's error without the layers of libraries.
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

    /// A client of a host that answers every request with `answer`.
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

    /// All events of a swap, and how the stream ends.
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
        assert!(
            failure.contains("502 Bad Gateway") && !failure.contains("Sorry"),
            "{failure}"
        );
    }

    #[test]
    fn a_component_is_below_whatever_path_the_admin_api_has() {
        for (base, url) in [
            (
                "http://127.0.0.1:8001",
                "http://127.0.0.1:8001/admin/components/todo",
            ),
            (
                "http://ops.example.com/berth/",
                "http://ops.example.com/berth/admin/components/todo",
            ),
        ] {
            let client = client(base, None).unwrap();
            let request = client
                .request(Method::GET, &["components", "todo"])
                .build()
                .unwrap();
            assert_eq!(request.url().as_str(), url);
        }
    }

    #[test]
    fn what_is_not_a_hosts_url_is_refused() {
        for text in [
            "127.0.0.1:8001",
            "localhost:8001",
            "ftp://a",
            "http://me:secret@a",
            "http://a?b",
            "http://",
        ] {
            assert!(
                admin_url(text).unwrap_err().contains("http://127.0.0.1:8001"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_named_and_not_shown() {
        let token = Secret::from("hunter2\n".to_owned());
        let failure = client("http://127.0.0.1:8001", Some(&token))
            .err()
            .unwrap()
            .to_string();
        assert!(
            failure.contains("ADMIN_TOKEN") && !failure.contains("hunter2"),
            "{failure}"
        );
    }
}

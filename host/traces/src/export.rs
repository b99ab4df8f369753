//! Sends batches of spans with the HTTP client that the rest of the host uses.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;

/// The longest answer of a collector that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How long connecting to the collector may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The client of the collector. The exporter calls it on a thread without a runtime, so it works in tasks of the host's.
#[derive(Debug)]
pub(crate) struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    /// Whether the last batch failed: only changes are logged.
    is_failing: AtomicBool,
}

impl Collector {
    /// A client whose requests run in the current runtime.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // The headers may have a credential, which is for the configured address only.
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            runtime: Handle::current(),
            is_failing: AtomicBool::new(false),
        })
    }

    /// Logs that batches begin to fail, or succeed again.
    fn note(&self, failure: Option<&str>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(reason) if !was_failing => tracing::warn!(
                "traces cannot be sent to OTEL_EXPORTER_OTLP_ENDPOINT, and are dropped until they can: {reason}"
            ),
            None if was_failing => tracing::info!("traces are sent again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.runtime.spawn(send(self.http.clone(), request)).await;
        let answer = answer.map_err(HttpError::from).and_then(|answer| answer);
        match &answer {
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(&format!("the collector answered {}", answer.status()))),
            Err(error) => self.note(Some(&reasons(&**error))),
        }
        answer
    }
}

async fn send(http: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = http.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER_BYTES {
            return Err("the collector's answer is longer than 64 KiB".into());
        }
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    Ok(response)
}

/// An error with its causes.
fn reasons(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

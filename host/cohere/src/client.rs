//! The client, which all callers of a host share.

use std::fmt;
use std::sync::Arc;

use berth_traces::Span;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use reqwest::redirect::Policy;
use reqwest::{Response, Url};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::call::{Call, LogGate, Records};
use crate::error::Error;
use crate::events::Events;
use crate::failure::{Failure, message};
use crate::ledger::{Caller, Ledger, Tally};
use crate::metrics::Metrics;
use crate::reply::Reply;
use crate::request::Request;
use crate::retry::retry;
use crate::settings::{ApiKey, Settings};
use crate::stream::{ChatStream, Source};
use crate::wire::{Answer, Body};

/// The longest error response that is read, in bytes. The rest is not read.
const MAX_ERROR: u64 = 64 * 1024;

/// The line of the log about a call without a key. It names the variable, because the operator has to set it.
const NO_KEY: &str =
    "no key is configured: set COHERE_API_KEY, or COHERE_API_KEY_FILE to the path of a file with the key";

/// A client of Cohere. Clones share their state.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    log: LogGate,
    /// The operation that calls are a part of.
    span: Span,
    metrics: Arc<Metrics>,
}

struct Shared {
    settings: Settings,
    /// `None` without a key: nothing can be sent, and TLS is not set up.
    account: Option<Account>,
    permits: Arc<Semaphore>,
    ledger: Arc<Ledger>,
}

/// The connection pool and the credentials of calls.
struct Account {
    key: ApiKey,
    url: Url,
    http: reqwest::Client,
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for Cohere does not start: {0}; TLS needs the system's CA certificates")]
pub struct ClientError(#[from] reqwest::Error);

impl Client {
    /// Creates a client, without connecting. rustls must have its default provider before.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        let account = settings
            .api_key
            .clone()
            .map(|key| Account::new(key, &settings))
            .transpose()?;
        let shared = Shared {
            account,
            permits: Arc::new(Semaphore::new(settings.max_in_flight)),
            ledger: Arc::default(),
            settings,
        };
        Ok(Self {
            shared: Arc::new(shared),
            log: LogGate::default(),
            span: Span::none(),
            metrics: Arc::default(),
        })
    }

    /// Returns the client with log lines limited by `admit`, which gets the bytes of each line.
    #[must_use]
    pub fn logging_if(self, admit: impl Fn(usize) -> bool + Send + Sync + 'static) -> Self {
        Self {
            log: LogGate::new(admit),
            ..self
        }
    }

    /// Returns the client with calls that are a part of the operation `span`.
    #[must_use]
    pub fn within(&self, span: &Span) -> Self {
        Self {
            span: span.clone(),
            ..self.clone()
        }
    }

    /// Returns the client with its calls counted in `metrics`.
    #[must_use]
    pub fn counting(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// Sends a request to a model and waits for the whole response, until `deadline` at most.
    pub async fn chat(&self, request: &Request, caller: Caller, deadline: Instant) -> Result<Reply, Error> {
        let deadline = self.shared.deadline(deadline);
        let mut call = self.call(request, caller, false);
        let answer = async {
            let response = self.shared.begin(request, &mut call, deadline).await?;
            let body = read(response, self.shared.settings.max_reply).await?;
            serde_json::from_slice::<Answer>(&body)
                .map_err(|error| Failure::broken(format_args!("the answer cannot be understood: {error}")))
        };
        match timeout_at(deadline, answer)
            .await
            .unwrap_or_else(|_| Err(Failure::timeout("answer")))
        {
            Ok(answer) => {
                let reply = Reply::from(answer);
                call.replied(reply.usage, reply.finish_reason, None);
                Ok(reply)
            }
            Err(failure) => Err(call.failed(failure)),
        }
    }

    /// Sends a request to a model and returns when the response begins. The whole response must arrive before
    /// `deadline`.
    pub async fn stream(
        &self,
        request: &Request,
        caller: Caller,
        deadline: Instant,
    ) -> Result<ChatStream, Error> {
        let deadline = self.shared.deadline(deadline);
        let mut call = self.call(request, caller, true);
        let response = timeout_at(deadline, self.shared.begin(request, &mut call, deadline));
        match response.await.unwrap_or_else(|_| Err(Failure::timeout("answer"))) {
            Ok(response) => {
                let events = Events::new(response.bytes_stream(), self.shared.settings.max_reply);
                let silence = self.shared.settings.silence_timeout;
                Ok(ChatStream::new(Source {
                    events,
                    call,
                    silence,
                    deadline,
                }))
            }
            Err(failure) => Err(call.failed(failure)),
        }
    }

    /// The tokens used since the client was created, by component and user.
    #[must_use]
    pub fn tallies(&self) -> Vec<(Caller, Tally)> {
        self.shared.ledger.read()
    }

    fn call(&self, request: &Request, caller: Caller, streamed: bool) -> Call {
        let Shared { settings, ledger, .. } = &*self.shared;
        let model = request.model.as_deref().unwrap_or(&settings.default_model);
        let records = Records {
            ledger: Arc::clone(ledger),
            log: self.log.clone(),
            metrics: Arc::clone(&self.metrics),
        };
        let key = settings.api_key.clone();
        Call::new(caller, model, streamed, key, records, &self.span)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Client")
            .field(&self.shared.settings)
            .finish()
    }
}

impl Shared {
    fn deadline(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.settings.total_timeout)
    }

    /// Checks the request, waits for a permit, and sends the request until a response begins.
    async fn begin(
        &self,
        request: &Request,
        call: &mut Call,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let refuse = |error: Error| Failure::new(error.clone(), error.to_string());
        let account = self
            .account
            .as_ref()
            .ok_or_else(|| Failure::new(Error::NotConfigured, NO_KEY))?;
        let body = self.body(request, call).map_err(refuse)?;
        let permit = timeout(
            self.settings.queue_timeout,
            Arc::clone(&self.permits).acquire_owned(),
        )
        .await;
        call.permit = Some(
            permit
                .ok()
                .and_then(Result::ok)
                .ok_or_else(|| refuse(Error::Busy))?,
        );
        let Call {
            attempts,
            model,
            span,
            ..
        } = call;
        let response = retry(self.settings.backoff, deadline, || {
            *attempts += 1;
            let attempt = timeout(
                self.settings.silence_timeout,
                account.send(body.clone(), model, span),
            );
            async {
                attempt
                    .await
                    .unwrap_or_else(|_| Err(Failure::timeout("beginning of an answer")))
            }
        });
        response.await
    }

    fn body(&self, request: &Request, call: &Call) -> Result<Bytes, Error> {
        let settings = &self.settings;
        if call.model != settings.default_model && !settings.models.contains(&call.model) {
            return Err(Error::ModelUnavailable(call.model.clone()));
        }
        request.check()?;
        let body = Body::new(request, &call.model, call.streamed)
            .and_then(|body| serde_json::to_vec(&body))
            .map_err(|error| Error::InvalidRequest(error.to_string()))?;
        if body.len() as u64 > settings.max_request {
            return Err(Error::RequestTooLarge(settings.max_request));
        }
        Ok(body.into())
    }
}

impl Account {
    fn new(key: ApiKey, settings: &Settings) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            // The key goes to a single address, whatever a response or the environment says.
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            key,
            url: settings.base_url.chat(),
            http,
        })
    }

    /// One attempt, until a successful response begins.
    async fn send(&self, body: Bytes, model: &str, span: &Span) -> Result<Response, Failure> {
        let mut trace = HeaderMap::new();
        span.write_on(&mut trace);
        let request = self
            .http
            .post(self.url.clone())
            .header(header::AUTHORIZATION, self.key.authorization())
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-client-name", "berth")
            .headers(trace)
            .body(body);
        let response = request.send().await.map_err(Failure::from_sending)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let headers = response.headers().clone();
        // An unreadable body is ignored, because the status is enough.
        let body = read(response, MAX_ERROR).await.unwrap_or_default();
        Err(Failure::from_status(
            status,
            &headers,
            &message(&body, &self.key),
            model,
        ))
    }
}

/// Reads a body of at most `limit` bytes.
async fn read(mut response: Response, limit: u64) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    loop {
        let chunk = response.chunk().await.map_err(Failure::from_sending)?;
        let Some(chunk) = chunk else {
            return Ok(body.freeze());
        };
        if body.len() as u64 + chunk.len() as u64 > limit {
            return Err(Failure::too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
}

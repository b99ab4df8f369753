//! The server, its script, and what it has seen.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::check::check;
use crate::reply::{Raw, Refusal, Reply, Step};
use crate::{rules, wire};

/// A server on a port of this machine, until it is dropped.
pub struct FakeCohere {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: AbortOnDropHandle<()>,
}

/// A request that came, whatever was answered.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null if it was not JSON.
    pub body: Value,
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Reply>>,
    received: Mutex<Vec<Received>>,
    /// How many requests have come.
    arrivals: watch::Sender<usize>,
    /// How many clients left before their answer was complete.
    departures: watch::Sender<usize>,
}

impl FakeCohere {
    /// Starts one on a port of 127.0.0.1; 0 lets the system choose.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/v2/chat", post(chat))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // Ends with an error never: a failed `accept` is tried again.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            shared,
            _server: AbortOnDropHandle::new(server),
        })
    }

    /// The value for `COHERE_BASE_URL`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Appends to the script. Requests are answered in its order, and by the rules when it is at its end; what
    /// Cohere itself would refuse is refused and takes nothing from the script.
    pub fn answer(&self, reply: impl Into<Reply>) {
        lock(&self.shared.script).push_back(reply.into());
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// Waits until this many requests have come.
    pub async fn arrived(&self, count: usize) {
        // The sender is in `self`, so it is not gone.
        let _ = self
            .shared
            .arrivals
            .subscribe()
            .wait_for(|seen| *seen >= count)
            .await;
    }

    /// Waits until this many clients have left before their answer was complete.
    pub async fn departed(&self, count: usize) {
        let _ = self
            .shared
            .departures
            .subscribe()
            .wait_for(|seen| *seen >= count)
            .await;
    }
}

async fn chat(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let checked = check(&headers, &body);
    lock(&shared.received).push(Received {
        headers,
        body: body.clone(),
    });
    shared.arrivals.send_modify(|count| *count += 1);
    let reply = match checked {
        Ok(()) => lock(&shared.script)
            .pop_front()
            .unwrap_or_else(|| rules::answer(&body).into()),
        Err(refusal) => refusal.into(),
    };
    let departure = Departure {
        shared,
        complete: false,
    };
    match reply {
        Reply::Turn(turn) if body["stream"] == true => respond(wire::streamed(&turn), departure),
        Reply::Turn(turn) => respond(wire::plain(&turn), departure),
        Reply::Refusal(refusal) => respond(refuse(&refusal), departure),
        Reply::Raw(raw) => respond(raw, departure),
        Reply::Hang => std::future::pending().await,
    }
}

fn refuse(refusal: &Refusal) -> Raw {
    let raw = Raw::json(json!({ "message": refusal.message }).to_string()).status(refusal.status);
    match &refusal.retry_after {
        Some(value) => raw.header("retry-after", value),
        None => raw,
    }
}

fn respond(raw: Raw, departure: Departure) -> Response {
    let status = StatusCode::from_u16(raw.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = stream::unfold(
        (raw.steps.into_iter(), departure),
        |(mut steps, mut departure)| async move {
            loop {
                match steps.next() {
                    Some(Step::Send(bytes)) => return Some((Ok(bytes), (steps, departure))),
                    Some(Step::Wait(gate)) => gate.pass().await,
                    Some(Step::BreakOff) => {
                        // hyper sends what it has when a body makes it wait, and drops it when the body fails.
                        tokio::task::yield_now().await;
                        departure.is_complete();
                        let error = io::Error::from(io::ErrorKind::ConnectionAborted);
                        return Some((Err(error), (steps, departure)));
                    }
                    None => {
                        departure.is_complete();
                        return None;
                    }
                }
            }
        },
    );
    let mut response = (status, Body::from_stream(body)).into_response();
    for (name, value) in raw.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<axum::http::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Notices that an answer is dropped: hyper does so when the client closes the connection.
struct Departure {
    shared: Arc<Shared>,
    complete: bool,
}

impl Departure {
    fn is_complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        if !self.complete {
            self.shared.departures.send_modify(|count| *count += 1);
        }
    }
}

/// A test that panicked while it held the lock has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

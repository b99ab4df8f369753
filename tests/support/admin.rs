//! A fake admin API over real HTTP: it answers as a test says and records the requests. Tests run the command line
//! against it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use berth_rollout::report::{Outcome, Progress};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The server. It ends when it is dropped.
pub(crate) struct FakeAdmin {
    /// The address on which the server listens.
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

/// A recorded request.
#[derive(Clone)]
pub(crate) struct Asked {
    /// The request's method, path and query: `GET /admin/components`.
    pub(crate) line: String,
    /// The request's headers.
    pub(crate) headers: HeaderMap,
    /// The request's body.
    pub(crate) body: Bytes,
}

impl FakeAdmin {
    /// Starts a server that answers each request by `answer`.
    pub(crate) async fn start(
        answer: impl Fn(&Asked) -> Response + std::marker::Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (memory, answer) = (Arc::clone(&asked), Arc::new(answer));
        let router = Router::new().fallback(async move |request: Request| {
            let request = Asked::read(request).await;
            memory.lock().unwrap().push(request.clone());
            answer(&request)
        });
        let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            asked,
            server,
        }
    }

    /// Starts a server whose swaps go like this. It answers with events if the client accepts them, and otherwise with
    /// the report at the end.
    pub(crate) async fn swapping(progress: Vec<Progress>) -> Self {
        Self::start(move |asked| {
            if asked.header("accept") == Some("text/event-stream") {
                return events(&progress, false);
            }
            let Some(Progress::Report { report }) = progress.last() else {
                panic!("there is no report")
            };
            let refused = report.outcome == Outcome::Refused;
            json(
                if refused {
                    StatusCode::UNPROCESSABLE_ENTITY
                } else {
                    StatusCode::OK
                },
                report,
            )
        })
        .await
    }

    /// The only request that the server got.
    pub(crate) fn asked(&self) -> Asked {
        let asked = self.asked.lock().unwrap();
        assert_eq!(asked.len(), 1);
        asked[0].clone()
    }
}

impl Drop for FakeAdmin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Asked {
    async fn read(request: Request) -> Self {
        let (head, body) = request.into_parts();
        let line = format!("{} {}", head.method, head.uri);
        Self {
            line,
            headers: head.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    (status, axum::Json(body)).into_response()
}

/// A response of server-sent events, which may stay open after the last event.
pub(crate) fn events(progress: &[Progress], stays_open: bool) -> Response {
    let chunks: Vec<_> = progress.iter().map(event).collect();
    let open = stream::pending().take(usize::from(stays_open));
    let body = Body::from_stream(stream::iter(chunks).map(Ok::<_, Infallible>).chain(open));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn event(progress: &Progress) -> String {
    let name = match progress {
        Progress::Step { .. } => "step",
        Progress::Report { .. } => "report",
    };
    format!(
        "event: {name}\ndata: {}\n\n",
        serde_json::to_string(progress).unwrap()
    )
}

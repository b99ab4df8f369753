//! Tries versions before they go live: their probes are real requests through all routes, with a token, but without a
//! socket.

use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use berth_rollout::{ProbeResponse, Prober, Trial};
use berth_runtime::{Probe, Registry};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::uri::InvalidUri;
use http::{HeaderValue, Request, header};
use http_body_util::BodyExt as _;

use crate::app::App;
use crate::routes::{Probe as ProbeMark, Routes};

/// The `sub` of the probes' token, which no account has.
const CALLER: &str = "berth-probe";

/// How many bytes of a response's body are kept.
const MAX_BEGINNING_BYTES: usize = 500;

/// Makes trials of a host's routes.
pub(crate) struct RouteProber {
    app: App,
}

/// Routes that lead to versions on trial, and the token that requests to them need.
struct RouteTrial {
    routes: Routes,
    token: HeaderValue,
}

/// The host cannot sign the token of the probes.
#[derive(Debug, thiserror::Error)]
#[error("no token can be made for the probes' caller")]
struct NoToken;

impl RouteProber {
    /// Makes trials with the routes of `app`.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

impl Prober for RouteProber {
    fn begin(&self, registry: Arc<Registry>) -> Result<Box<dyn Trial>, Box<dyn Error + Send + Sync>> {
        let token = self.app.auth().token_for(CALLER);
        let token = token
            .ok()
            .and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
        Ok(Box::new(RouteTrial {
            routes: Routes::new(&self.app.on_trial(registry)),
            token: token.ok_or(NoToken)?,
        }))
    }
}

impl Trial for RouteTrial {
    fn answer<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Result<ProbeResponse, InvalidUri>> {
        async {
            let mut request = Request::new(Body::empty());
            *request.method_mut() = probe.method.clone();
            *request.uri_mut() = probe.path.parse()?;
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, self.token.clone());
            headers.insert(header::HOST, HeaderValue::from_static("localhost"));
            request.extensions_mut().insert(ProbeMark);
            let response = self.routes.answer(request).await;
            let status = response.status();
            let (beginning, is_whole) = read(response.into_body()).await;
            Ok(ProbeResponse {
                status,
                beginning,
                is_whole,
            })
        }
        .boxed()
    }
}

/// Reads a whole body. Returns its beginning, and whether the body ended well.
async fn read(mut body: Body) -> (String, bool) {
    let (mut beginning, mut is_whole) = (Vec::new(), true);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            is_whole = false;
            break;
        };
        if let Some(data) = frame.data_ref() {
            let room = MAX_BEGINNING_BYTES - beginning.len();
            beginning.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    (String::from_utf8_lossy(&beginning).into_owned(), is_whole)
}

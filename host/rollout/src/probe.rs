//! The manifest's probes: requests that a version must answer before other requests reach it. They pass all layers of a
//! request, including the token, except for the socket.

use std::time::{Duration, Instant};

use axum::body::Body;
use berth_runtime::Probe;
use http::{HeaderValue, Request, header};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::recorder::milliseconds;
use super::report::{Failure, ProbeAnswer, Step};
use crate::routes::{Probe as ProbeMark, Routes};

/// The `sub` of the probes' token, which no account has.
pub(super) const CALLER: &str = "berth-probe";

/// How often each request is made: the second request shows faults in what the first has set up.
const ROUNDS: usize = 3;

/// How long an answer may take, in which tables that a migration has altered are locked.
pub(super) const TIME: Duration = Duration::from_secs(2);

/// How many bytes of a bad answer are shown.
const SHOWN: usize = 500;

/// Makes each request several times, as the caller that `token` stands for, and adds the answers to `answers`. The
/// first bad answer ends the probes.
pub(super) async fn probe(
    routes: &Routes,
    token: &HeaderValue,
    probes: &[Probe],
    answers: &mut Vec<ProbeAnswer>,
) -> Result<(), Failure> {
    for probe in std::iter::repeat_n(probes, ROUNDS).flatten() {
        let began = Instant::now();
        let (status, outcome) = match timeout(TIME, answer(routes, token.clone(), probe)).await {
            Ok(answered) => answered,
            Err(_) => (None, Err(format!("it was not answered in {} s", TIME.as_secs()))),
        };
        let request = format!("{} {}", probe.method, probe.path);
        answers.push(ProbeAnswer {
            request: request.clone(),
            status,
            milliseconds: milliseconds(began),
        });
        outcome.map_err(|why| {
            let reason = format!("the probe `{request}` failed: {why}");
            Failure {
                step: Step::Probe,
                reason,
                temporary: false,
            }
        })?;
    }
    Ok(())
}

/// The status, and the fault of the answer, if it has any.
async fn answer(routes: &Routes, token: HeaderValue, probe: &Probe) -> (Option<u16>, Result<(), String>) {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = probe.method.clone();
    match probe.path.parse() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(error) => return (None, Err(format!("its path is none: {error}"))),
    }
    request.headers_mut().insert(header::AUTHORIZATION, token);
    request
        .headers_mut()
        .insert(header::HOST, HeaderValue::from_static("localhost"));
    request.extensions_mut().insert(ProbeMark);
    let response = routes.answer(request).await;
    let (status, mut body) = (response.status(), response.into_body());
    let mut beginning = Vec::new();
    while let Some(frame) = body.frame().await {
        // A guest that fails midway breaks off its answer.
        let Ok(frame) = frame else {
            return (Some(status.as_u16()), Err("its answer broke off".to_owned()));
        };
        if let Some(data) = frame.data_ref() {
            beginning.extend_from_slice(&data[..data.len().min(SHOWN - beginning.len())]);
        }
    }
    let good = status.is_success() || status.is_redirection();
    let outcome = if good {
        Ok(())
    } else {
        Err(format!(
            "it was answered with {status}: {}",
            String::from_utf8_lossy(&beginning)
        ))
    };
    (Some(status.as_u16()), outcome)
}

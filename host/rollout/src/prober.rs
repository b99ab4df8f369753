//! The manifest's probes: requests that a version must answer before other requests reach it. The binary hands in a
//! prober that makes the requests; the rounds, the timeout and the verdict are decided here.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_runtime::{Probe, Registry};
use futures_util::future::BoxFuture;
use http::StatusCode;
use http::uri::InvalidUri;
use tokio::time::timeout;

use crate::recorder::milliseconds;
use crate::report::{Failure, ProbeAnswer, Step};

/// How often each request is made: the second request shows faults in what the first has set up.
const ROUNDS: usize = 3;

/// How long an answer may take, in which tables that a migration has altered are locked.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Tries versions before they go live.
pub trait Prober: Send + Sync {
    /// Begins a trial of the versions in `registry`, which no other request reaches.
    ///
    /// # Errors
    ///
    /// If no request can be made.
    fn begin(&self, registry: Arc<Registry>) -> Result<Box<dyn Trial>, Box<dyn Error + Send + Sync>>;
}

/// Makes requests to the versions of one trial. They pass all layers of a client's request except for the socket.
pub trait Trial: Send + Sync {
    /// Makes the request of a probe, and reads the whole response.
    ///
    /// # Errors
    ///
    /// If the path of `probe` is invalid.
    fn answer<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Result<ProbeResponse, InvalidUri>>;
}

/// The response to a probe.
#[derive(Debug)]
pub struct ProbeResponse {
    /// The status.
    pub status: StatusCode,
    /// The beginning of the body, for the report of a bad response.
    pub beginning: String,
    /// Whether the body ended well. A guest that fails midway breaks off its response.
    pub is_whole: bool,
}

/// Makes each request several times, and adds the answers to `answers`. The first bad answer ends the probes.
pub(crate) async fn probe(
    trial: &dyn Trial,
    probes: &[Probe],
    answers: &mut Vec<ProbeAnswer>,
) -> Result<(), Failure> {
    for probe in std::iter::repeat_n(probes, ROUNDS).flatten() {
        let began = Instant::now();
        let (status, outcome) = match timeout(PROBE_TIMEOUT, trial.answer(probe)).await {
            Ok(Ok(response)) => (Some(response.status.as_u16()), verdict(&response)),
            Ok(Err(error)) => (None, Err(format!("its path is none: {error}"))),
            Err(_) => (
                None,
                Err(format!("it was not answered in {} s", PROBE_TIMEOUT.as_secs())),
            ),
        };
        let request = format!("{} {}", probe.method, probe.path);
        answers.push(ProbeAnswer {
            request: request.clone(),
            status,
            milliseconds: milliseconds(began),
        });
        outcome.map_err(|why| Failure {
            step: Step::Probe,
            reason: format!("the probe `{request}` failed: {why}"),
            temporary: false,
        })?;
    }
    Ok(())
}

/// The fault of a response, if it has any.
fn verdict(response: &ProbeResponse) -> Result<(), String> {
    let ProbeResponse {
        status,
        beginning,
        is_whole,
    } = response;
    if !is_whole {
        return Err("its answer broke off".to_owned());
    }
    if status.is_success() || status.is_redirection() {
        return Ok(());
    }
    Err(format!("it was answered with {status}: {beginning}"))
}

#[cfg(test)]
mod tests;

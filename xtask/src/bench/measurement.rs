//! One measurement: a server does a workload for some seconds, at one concurrency, in one round.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::load::Load;
use super::server::{Kind, Server};
use super::usage;
use super::users::Users;
use super::workload::Work;

/// A row of `--json`, one line of JSON.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) work: Work,
    pub(crate) server: Kind,
    pub(crate) concurrency: u32,
    pub(crate) round: u32,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    /// Processor time of the server's whole process tree, without PostgreSQL.
    pub(crate) cpu_us_per_request: f64,
    /// Resident memory at the end.
    pub(crate) rss_mib: f64,
    pub(crate) failed: u64,
}

/// The parameters of a measurement.
pub(crate) struct Task {
    pub(crate) work: Work,
    pub(crate) concurrency: u32,
    pub(crate) round: u32,
    pub(crate) seconds: u32,
}

/// Measures `task` on `server`.
pub(crate) fn measure(server: &Server, load: &Load, users: &Users, task: &Task) -> Result<Row> {
    let Task {
        work,
        concurrency,
        round,
        seconds,
    } = *task;
    let before = usage::processor_time(server.process())?;
    let outcome = load.run(server.address, &work.request(users), concurrency, seconds)?;
    let used = usage::processor_time(server.process())?.saturating_sub(before);
    ensure!(
        outcome.requests > 0,
        "{} answers no request for {work}",
        server.kind
    );
    Ok(Row {
        work,
        server: server.kind,
        concurrency,
        round,
        requests_per_second: count(outcome.requests) / outcome.seconds,
        p50_ms: outcome.p50_ms,
        p99_ms: outcome.p99_ms,
        p999_ms: outcome.p999_ms,
        cpu_us_per_request: microseconds(used) / count(outcome.requests),
        rss_mib: usage::resident_mib(server.process())?,
        failed: outcome.failed,
    })
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "nobody sends so many requests")]
fn count(requests: u64) -> f64 {
    requests as f64
}

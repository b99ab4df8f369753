//! The last lines of the log, and the lines that follow, as JSON lines.
//!
//! A follower reads at its own speed: the host holds no lines for it, and tells it how many it has missed. A follower that
//! reads nothing for `BERTH_WRITE_TIMEOUT` loses its connection.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use berth_rollout::{Rollout, overview};
use futures_util::stream;
use http::{HeaderValue, header};
use humantime_serde::re::humantime;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;
use tracing::Level;

use super::error::AdminError;
use super::openapi::ErrorBody;
use crate::logging::{Batch, Follower, Recent, RecentLine, Wanted};

/// How many of the last lines are sent by default.
const DEFAULT_LINES: usize = 200;

/// The most lines that may be asked for.
const MAX_LINES: usize = 50_000;

/// How often a silent stream sends an empty line, to keep the connection alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The filters, from the query.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filters {
    component: Option<String>,
    host: bool,
    request_id: Option<String>,
    level: Option<String>,
    since: Option<String>,
    lines: Option<usize>,
    follow: bool,
}

/// The last lines of the log
///
/// JSON lines, the oldest first, each as docs/log.schema.json describes it. The lines of requests are not among them. With
/// `follow=true` the response goes on with every further line; a line with the field `lines` says how many were missed, and an
/// empty line keeps the connection alive.
#[utoipa::path(
    get,
    path = "/admin/logs",
    operation_id = "readLogs",
    tag = "operators",
    params(
        ("component" = Option<String>, Query, description = "Lines of this component only"),
        ("host" = Option<bool>, Query, description = "Lines of the host itself only; not together with `component`"),
        ("request_id" = Option<String>, Query, description = "Lines of this request only"),
        ("level" = Option<String>, Query, description = "Lines of this level and of more severe ones: `error`, `warn`, `info`, `debug` or `trace`"),
        ("since" = Option<String>, Query, description = "Lines since this time, such as `10m`, or since this moment in RFC 3339"),
        ("lines" = Option<usize>, Query, description = "The most lines of the past; 200 by default"),
        ("follow" = Option<bool>, Query, description = "Whether to go on with further lines"),
    ),
    responses(
        (status = 200, description = "The lines", content((String = "application/x-ndjson"))),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
        (status = 404, description = "There is no such component", body = ErrorBody),
        (status = 422, description = "A filter is not valid: the sentence names it", body = ErrorBody),
        (status = 503, description = "Too many programs follow the log already", body = ErrorBody),
    ),
)]
pub(super) async fn lines(
    State(rollout): State<Arc<Rollout>>,
    State(recent): State<Recent>,
    filters: Result<Query<Filters>, QueryRejection>,
) -> Result<Response, AdminError> {
    let Query(filters) = filters.map_err(|rejection| AdminError::Invalid(rejection.body_text()))?;
    let most = filters.lines.unwrap_or(DEFAULT_LINES).min(MAX_LINES);
    let wanted = filters.wanted()?;
    if let Some(component) = wanted.component.as_ref().filter(|_| !wanted.is_of_host()) {
        overview::check_component(&rollout, component)?;
    }
    let body = if filters.follow {
        follow(recent.follow(wanted, most).ok_or(AdminError::TooManyFollowers)?)
    } else {
        Body::from(join(&recent.read(&wanted, most)))
    };
    let json_lines = HeaderValue::from_static("application/x-ndjson");
    Ok(([(header::CONTENT_TYPE, json_lines)], body).into_response())
}

impl Filters {
    fn wanted(&self) -> Result<Wanted, AdminError> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let component = match (filled(&self.component), self.host) {
            (Some(_), true) => {
                return Err(AdminError::Invalid(
                    "host: lines belong to the host or to a component, not to both".to_owned(),
                ));
            }
            (None, true) => Some(String::new()),
            (component, false) => component,
        };
        Ok(Wanted {
            component,
            request_id: filled(&self.request_id),
            level: filled(&self.level).map(|text| level(&text)).transpose()?,
            since: filled(&self.since)
                .map(|text| since(&text, Timestamp::now()))
                .transpose()?,
        })
    }
}

fn level(text: &str) -> Result<Level, AdminError> {
    let word = text.to_ascii_lowercase();
    let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    let level = levels
        .into_iter()
        .find(|level| level.as_str().eq_ignore_ascii_case(&word));
    level.ok_or_else(|| AdminError::Invalid("level: write error, warn, info, debug or trace".to_owned()))
}

/// A moment in RFC 3339, or a time with a unit before `now`.
fn since(text: &str, now: Timestamp) -> Result<Timestamp, AdminError> {
    let before = || {
        let time = humantime::parse_duration(text).ok()?;
        now.checked_sub(time).ok()
    };
    text.parse().ok().or_else(before).ok_or_else(|| {
        AdminError::Invalid(
            "since: write a time with a unit such as 10m, or a moment such as 2026-11-28T12:00:00Z"
                .to_owned(),
        )
    })
}

/// Streams the lines of a follower without end.
fn follow(follower: Follower) -> Body {
    Body::from_stream(stream::unfold(follower, async |mut follower| {
        let piece = match timeout(KEEP_ALIVE, follower.next()).await {
            Ok(batch) => told(&batch),
            Err(_) => "\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Bytes::from(piece)), follower))
    }))
}

/// The lines of a batch, behind a line about those that were missed.
fn told(batch: &Batch) -> String {
    let missed = (batch.missed > 0).then(|| {
        let line = json!({
            "timestamp": format!("{:.6}", Timestamp::now()),
            "level": "WARN",
            "message": "lines were missed: this reader is slower than the log",
            "lines": batch.missed,
            "target": module_path!(),
        });
        format!("{line}\n")
    });
    missed.unwrap_or_default() + &join(&batch.lines)
}

fn join(lines: &[Arc<RecentLine>]) -> String {
    let mut text = String::with_capacity(lines.iter().map(|line| line.json.len() + 1).sum());
    for line in lines {
        text.push_str(&line.json);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn a_level_and_those_above_are_named_in_any_case() {
        assert_eq!(level("warn").unwrap(), Level::WARN);
        assert_eq!(level("ERROR").unwrap(), Level::ERROR);
        for wrong in ["warning", "5", "info "] {
            assert!(level(wrong).unwrap_err().to_string().contains("level"), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_absolute_or_before_now() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let moment = |text| since(text, now).map(|moment| moment.to_string());
        assert_eq!(moment("10m").unwrap(), "2026-11-28T11:50:00Z");
        assert_eq!(moment("1h 30m").unwrap(), "2026-11-28T10:30:00Z");
        assert_eq!(
            moment("2026-11-28T13:00:00+02:00").unwrap(),
            "2026-11-28T11:00:00Z"
        );
        for wrong in ["yesterday", "10", "-5m", "9999999999y"] {
            assert!(
                moment(wrong).unwrap_err().to_string().contains("since"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_reader_is_told_what_it_missed_in_a_line_of_the_same_form() {
        let text = told(&Batch {
            lines: Vec::new(),
            missed: 7,
        });
        let line: serde_json::Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!((&line["lines"], &line["level"]), (&7.into(), &"WARN".into()));
    }
}

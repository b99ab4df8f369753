//! The lines that explain why a command failed: for people, or JSON where the log is JSON.

use jiff::Timestamp;
use serde::Serialize;

use crate::config::{ConfigError, LogFormat};
use crate::escape::escape;

/// A JSON line of the log, with the fields of every other line.
#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    message: &'a str,
    target: &'static str,
}

/// A line for each fault, without the last line end.
pub(super) fn complaint(error: &anyhow::Error, format: LogFormat) -> String {
    let lines = reasons(error).into_iter().map(|reason| match format {
        LogFormat::Pretty => format!("berth: {reason}"),
        LogFormat::Json => json(&reason),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn reasons(error: &anyhow::Error) -> Vec<String> {
    match error.downcast_ref::<ConfigError>() {
        Some(ConfigError::Manifest(faults)) => faults.iter().map(ToString::to_string).collect(),
        _ => vec![escape(&format!("{error:#}"))],
    }
}

fn json(message: &str) -> String {
    let timestamp = format!("{:.6}", Timestamp::now());
    let line = Line {
        timestamp,
        level: "ERROR",
        message,
        target: "berth",
    };
    serde_json::to_string(&line).unwrap_or_default()
}

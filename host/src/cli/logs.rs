//! `berth logs`: the last lines of a running host's log, and the lines that follow.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::admin::AdminOptions;
use super::client::Client;
use super::components::{component_name, one_line};
use super::failure::Failure;
use super::output::{Reader, print};
use super::text::NONE;
use crate::config::Variables;
use crate::escape::escape;
use crate::shutdown;

/// The whole command.
#[derive(Args)]
pub(super) struct Logs {
    /// Only lines of this component, and not the host's own
    #[arg(value_parser = component_name)]
    component: Option<String>,
    /// Only the host's own lines
    #[arg(long, conflicts_with = "component")]
    host: bool,
    /// Print further lines as they are logged, until ctrl-C or SIGTERM
    #[arg(long, short)]
    follow: bool,
    /// Only lines of this request, by its `x-request-id`
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Only lines of this level, and of more severe ones
    #[arg(long)]
    level: Option<LogLevelName>,
    /// Only lines since this time, such as 10m, or this moment, such as 2026-11-28T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// How many of the last lines to print
    #[arg(long, value_name = "N", default_value_t = 200)]
    lines: usize,
    #[command(flatten)]
    options: AdminOptions,
}

/// The levels of the log, the most severe first.
#[derive(Clone, Copy, ValueEnum)]
enum LogLevelName {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Logs {
    /// Runs the command.
    pub(super) async fn run(&self, variables: &Variables) -> Result<(), Failure> {
        let client = self.options.client(variables)?;
        let interrupted = shutdown::interrupted().map_err(Failure::Signals)?;
        tokio::select! {
            result = self.print_lines(&client) => result,
            () = interrupted, if self.follow => Ok(()),
        }
    }

    async fn print_lines(&self, client: &Client) -> Result<(), Failure> {
        let mut lines = client.logs(&self.query()).await?;
        while let Some(line) = lines.next().await? {
            let text = if self.options.json {
                one_line(&line)
            } else {
                show(&line)
            };
            if print(&text)? == Reader::HasGone {
                return Ok(());
            }
        }
        if self.follow {
            return Err(Failure::BrokenOff("it has ended".to_owned()));
        }
        Ok(())
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let level = self.level.and_then(|level| level.to_possible_value());
        let level = level.map(|level| level.get_name().to_owned());
        let optional = [
            ("component", self.component.clone()),
            ("host", self.host.then(|| self.host.to_string())),
            ("request_id", self.request.clone()),
            ("level", level),
            ("since", self.since.clone()),
        ];
        let given = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let always = [
            ("lines", self.lines.to_string()),
            ("follow", self.follow.to_string()),
        ];
        given.chain(always).collect()
    }
}

/// The fields that have a place of their own in a line for people.
const PLACED: [&str; 10] = [
    "backtrace",
    "component",
    "context",
    "level",
    "message",
    "request_id",
    "sequence",
    "target",
    "timestamp",
    "version",
];

/// A line for people: time, level, component and version, request, message, further fields; and a backtrace in indented
/// lines.
fn show(line: &Value) -> String {
    let field = |name: &str| line.get(name).map(plain);
    let component = match (field("component"), field("version")) {
        (Some(component), Some(version)) => format!("{component}@{version}"),
        (Some(component), None) => component,
        (None, _) => NONE.to_owned(),
    };
    let mut text = format!(
        "{} {:5} {component} {} {}",
        field("timestamp").unwrap_or_default(),
        field("level").unwrap_or_default(),
        field("request_id").unwrap_or_else(|| NONE.to_owned()),
        field("message").unwrap_or_default(),
    );
    let empty = Map::new();
    for (name, value) in line.as_object().unwrap_or(&empty) {
        if !PLACED.contains(&name.as_str()) {
            // Writing to a string cannot fail.
            let _ = write!(text, " {}={}", escape(name), plain(value));
        }
    }
    for function in line
        .get("backtrace")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .lines()
    {
        let function = escape(function.trim());
        if !function.is_empty() {
            let _ = write!(text, "\n    {function}");
        }
    }
    text.push('\n');
    text
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_for_people_has_its_backtrace_below() {
        let line = json!({
            "timestamp": "2026-11-28T12:00:00.123456Z",
            "level": "ERROR",
            "message": "the component failed",
            "component": "todo",
            "version": 3,
            "request_id": "r-1",
            "error": "unreachable\u{1b}[31m",
            "backtrace": "\n    at todo::list (src/tasks.rs:7)\n    at main",
            "target": "berth_runtime::run::backtrace",
            "sequence": 7,
        });
        let expected = "2026-11-28T12:00:00.123456Z ERROR todo@3 r-1 the component failed error=unreachable\\u{1b}[31m\n    \
                        at todo::list (src/tasks.rs:7)\n    at main\n";
        assert_eq!(show(&line), expected);
    }

    #[test]
    fn a_line_of_the_host_has_no_component_and_any_line_is_shown() {
        let line = json!({ "timestamp": "T", "level": "WARN", "message": "a\nb", "lines": 3 });
        assert_eq!(show(&line), "T WARN  - - a\\nb lines=3\n");
        assert_eq!(show(&json!("odd")), "       - - \n");
    }
}

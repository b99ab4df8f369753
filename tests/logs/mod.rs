//! The log and the admin API's view of it: lines of requests, the last lines, traps, the filter, and the times of requests.

mod access_lines;
mod command_line;
mod following;
mod level;
mod openapi;
mod recent;
mod schema;
mod server_timing;
mod traps;

use serde_json::Value;

use crate::support::app::Host;
use crate::support::operator::Operator;
use crate::support::patience::eventually;
use crate::support::{Component, Send as _};

/// A component that logs and prints as it is told.
fn shouts() -> Component {
    Component::new("shouts").at("/shouts").granted(&["logging"])
}

/// A component that logs a line on request.
pub(crate) fn shows() -> Component {
    Component::new("shows")
        .at("/shows")
        .granted(&["config", "identity", "logging"])
}

/// The lines of requests with this identifier.
fn access_lines(host: &Host, request_id: &str) -> Vec<Value> {
    let log = host.process.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| {
            line["target"] == "berth::routes::access_log" && line["request_id"] == request_id
        })
        .collect()
}

/// The line of the only request with this identifier.
async fn access_line(host: &Host, request_id: &str) -> Value {
    eventually(1, async || access_lines(host, request_id).len()).await;
    access_lines(host, request_id).remove(0)
}

/// The recent lines that `query` selects.
async fn recent(operator: &Operator, query: &str) -> Vec<Value> {
    let answer = operator
        .request("GET", &format!("/logs?{query}"))
        .answer()
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let text = String::from_utf8(answer.body).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The messages of lines, without those about versions that went live.
fn messages(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .filter(|line| line["message"] != "live")
        .map(|line| line["message"].as_str().unwrap())
        .collect()
}

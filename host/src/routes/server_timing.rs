//! `Server-Timing` (W3C Server Timing): how long the parts of a request to a component took, in milliseconds, for the
//! clients that `SERVER_TIMING` names.
//!
//! The times are those of the moment at which the head of the response is sent. A component cannot set the header: see
//! `response_headers`.

use std::fmt::Write;
use std::time::Duration;

use axum::response::Response;
use berth_runtime::Used;
use http::{HeaderName, HeaderValue};

use crate::client::Client;
use crate::config::ServerTiming;
use crate::request_record::RequestRecord;

/// The header.
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Adds the header to the response of a component, if the client is one of `told`.
pub(super) fn tell(told: &ServerTiming, client: &Client, record: &RequestRecord, response: &mut Response) {
    if told.includes(client.address)
        && record.has_component()
        && let Ok(value) = HeaderValue::try_from(value(&record.usage().read()))
    {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
}

/// The metrics of the header. The database and the model are left out of a request that did not use them.
fn value(used: &Used) -> String {
    let mut text = String::with_capacity(96);
    let mut add = |name: &str, time: Duration| {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{name};dur={:.3}", time.as_secs_f64() * 1e3);
    };
    add("queue", used.queue);
    add("instance", used.instance);
    add("cpu", used.cpu);
    if used.statements > 0 {
        add("database", used.database);
    }
    if !used.model.is_zero() {
        add("model", used.model);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_that_a_request_has_used_are_listed_in_milliseconds() {
        let used = Used {
            queue: Duration::from_nanos(900),
            instance: Duration::from_micros(61),
            cpu: Duration::from_millis(2),
            ..Used::default()
        };
        assert_eq!(value(&used), "queue;dur=0.001, instance;dur=0.061, cpu;dur=2.000");
        let used = Used {
            database: Duration::from_millis(3),
            statements: 1,
            model: Duration::from_secs(4),
            ..used
        };
        assert_eq!(
            value(&used),
            "queue;dur=0.001, instance;dur=0.061, cpu;dur=2.000, database;dur=3.000, model;dur=4000.000"
        );
    }
}

//! A layer of the subscriber that keeps the log's lines among the recent ones, as JSON whatever the log's format is.
//!
//! The lines of requests are left out. A line that is logged in the course of a request has the request's identifier,
//! also if only its span has it.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{DefaultFields, JsonFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::ACCESS_TARGET;
use super::recent::{Recent, RecentLine};
use crate::escape::escape_json;

/// The longest text of a field, in bytes; longer texts are cut.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Keeps each event as a line.
pub(super) struct Capture(Recent);

impl Capture {
    pub(super) fn new(recent: Recent) -> Self {
        Self(recent)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == ACCESS_TARGET {
            return;
        }
        let time = Timestamp::now();
        let mut fields = Fields::default();
        fields
            .0
            .insert("timestamp".to_owned(), format!("{time:.6}").into());
        fields
            .0
            .insert("level".to_owned(), metadata.level().as_str().into());
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        fields.insert("target".to_owned(), metadata.target().into());
        if !fields.contains_key("request_id")
            && let Some(request_id) = request_id_of_span(event, &context)
        {
            fields.insert("request_id".to_owned(), request_id.into());
        }
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let (component, request_id) = (text("component").unwrap_or_default(), text("request_id"));
        self.0.add(|sequence| {
            fields.insert("sequence".to_owned(), sequence.into());
            RecentLine {
                sequence,
                time,
                level: *metadata.level(),
                component,
                request_id,
                json: escape_json(&Value::Object(fields).to_string()),
            }
        });
    }
}

/// The request identifier in the span `request`, which the log's own layer has formatted as `request_id=…` or
/// `"request_id":"…"`. An identifier has none of the characters that end it here.
fn request_id_of_span<S: Subscriber + for<'a> LookupSpan<'a>>(
    event: &Event<'_>,
    context: &Context<'_, S>,
) -> Option<String> {
    let span = context
        .event_scope(event)?
        .find(|span| span.name() == "request")?;
    let extensions = span.extensions();
    let fields = extensions
        .get::<FormattedFields<JsonFields>>()
        .map(|formatted| &formatted.fields)
        .or_else(|| {
            let formatted = extensions.get::<FormattedFields<DefaultFields>>();
            formatted.map(|formatted| &formatted.fields)
        })?;
    request_id_in(fields)
}

fn request_id_in(fields: &str) -> Option<String> {
    let is_part = |one: &char| one.is_ascii_alphanumeric() || "._-".contains(*one);
    let (_, rest) = fields.split_once("request_id")?;
    let id: String = rest
        .chars()
        .skip_while(|one| !is_part(one))
        .take_while(is_part)
        .collect();
    Some(id).filter(|id| !id.is_empty())
}

/// The fields of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        // Lines of libraries that use `log` have fields about their place.
        if !field.name().starts_with("log.") {
            self.0.insert(field.name().to_owned(), value.into());
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Text(String::new());
        if write!(text, "{value:?}").is_err() {
            text.0.push('…');
        }
        self.insert(field, text.0);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let end = value.floor_char_boundary(MAX_TEXT_BYTES);
        let mut text = value[..end].to_owned();
        if end < value.len() {
            text.push('…');
        }
        self.insert(field, text);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}

/// Text of at most [`MAX_TEXT_BYTES`]: the rest is not even formatted.
struct Text(String);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_TEXT_BYTES - self.0.len();
        let end = text.floor_char_boundary(room);
        self.0.push_str(&text[..end]);
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry;

    use super::*;
    use crate::logging::Wanted;

    /// The lines that `log` writes, with a log of this format beside.
    fn captured(is_json: bool, log: impl FnOnce()) -> Vec<Value> {
        let recent = Recent::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(std::io::sink);
        let layer = if is_json {
            layer.json().boxed()
        } else {
            layer.boxed()
        };
        let subscriber = registry().with(layer).with(Capture::new(recent.clone()));
        tracing::subscriber::with_default(subscriber, log);
        let lines = recent.read(&Wanted::default(), usize::MAX);
        let parse = |line: &std::sync::Arc<RecentLine>| serde_json::from_str(&line.json).unwrap();
        lines.iter().map(parse).collect()
    }

    #[test]
    fn a_line_has_its_fields_and_the_request_of_its_span() {
        for is_json in [true, false] {
            let lines = captured(is_json, || {
                let span = tracing::error_span!("request", request_id = %"a.b_c-1", probe = true);
                let _entered = span.enter();
                tracing::warn!(component = "todo", version = 3, error = %"no\u{1b}", "it {}", "failed");
                tracing::info!(request_id = "own", "mine");
                tracing::info!(target: ACCESS_TARGET, "request");
            });
            assert_eq!(lines.len(), 2, "the request's own line is left out");
            let line = &lines[0];
            for (field, value) in [
                ("level", Value::from("WARN")),
                ("component", "todo".into()),
                ("version", 3.into()),
                ("error", "no\u{1b}".into()),
                ("message", "it failed".into()),
                ("request_id", "a.b_c-1".into()),
                ("sequence", 1.into()),
                ("target", module_path!().into()),
            ] {
                assert_eq!(line[field], value, "{field} in {line}");
            }
            assert!(line["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
            assert_eq!(lines[1]["request_id"], "own");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let lines = captured(true, || {
            let long = "é".repeat(MAX_TEXT_BYTES);
            tracing::info!(error = %long, context = long, "{long}");
        });
        for field in ["error", "context", "message"] {
            let text = lines[0][field].as_str().unwrap();
            assert_eq!(text.len(), MAX_TEXT_BYTES + '…'.len_utf8(), "{field}");
        }
    }
}

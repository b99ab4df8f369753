//! A component's own lines in the host's log, each with the component, its version and the request.

use tracing::Level;

use super::RequestContext;
use super::incident::{MAX_LINE, one_line};

impl RequestContext {
    /// Writes one line of the component, if the log budget allows it. A refused line costs almost nothing.
    pub(crate) fn component_line(&self, level: Level, context: &str, message: &str) {
        // tracing needs the level at compile time.
        macro_rules! line {
            ($level:ident) => {
                if tracing::event_enabled!(target: "component", Level::$level)
                    && let Some((context, message)) = self.admit(context, message)
                {
                    let Self { component, version, request_id, span, .. } = self;
                    let trace_id = span.trace_id().map(tracing::field::display);
                    tracing::event!(
                        target: "component",
                        Level::$level,
                        component,
                        version,
                        request_id,
                        trace_id,
                        context,
                        "{message}"
                    );
                }
            };
        }
        match level {
            Level::TRACE => line!(TRACE),
            Level::DEBUG => line!(DEBUG),
            Level::INFO => line!(INFO),
            Level::WARN => line!(WARN),
            Level::ERROR => line!(ERROR),
        }
    }

    /// Both texts as they are logged, if the component's log budget allows them.
    fn admit(&self, context: &str, message: &str) -> Option<(String, String)> {
        let bytes = context.len().min(MAX_LINE) + message.len().min(MAX_LINE);
        if !self.log.admit(bytes) {
            return None;
        }
        let (context, message) = (one_line(context), one_line(message));
        self.log
            .charge((context.len() + message.len()).saturating_sub(bytes));
        Some((context, message))
    }
}

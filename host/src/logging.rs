//! The log: a line for each event, on standard error, for people or as JSON. In the log for people, the functions of a
//! backtrace follow in indented lines.
//!
//! - `lines`: escapes events, so that their text can neither pass for another event nor control the operator's terminal
//! - `queue`: holds lines in bounded memory for a thread that writes them, so that a full disk or pipe stops no request

mod lines;
mod queue;

use std::io;
use std::panic;

use tracing_subscriber::EnvFilter;

pub use self::queue::Queue;
use crate::config::{Log, LogFormat};

/// The log of this process. Dropping it writes the waiting lines, for a second at most.
pub struct Logging(Queue);

/// Starts logging, once for each process: a second start has no effect.
pub fn start(log: &Log) -> io::Result<Logging> {
    let queue = Queue::start(io::stderr())?;
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines::Lines(queue.clone()))
        .with_ansi(false)
        // An internal error would be reported on standard error, with a panic if that cannot be written.
        .log_internal_errors(false);
    let started = match log.format {
        LogFormat::Json => subscriber
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
        LogFormat::Pretty => subscriber.with_target(false).try_init(),
    };
    drop(started);
    // The default hook writes to standard error itself, and would wait for a reader that does not read.
    panic::set_hook(Box::new(|panicked| tracing::error!("a bug: {panicked}")));
    Ok(Logging(queue))
}

impl Logging {
    /// The queue of lines to be written.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.0
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.flush();
    }
}

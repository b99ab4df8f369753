//! The log: a line for each event, on standard error, for people or as JSON. In the log for people, the functions of a
//! backtrace follow in indented lines.
//!
//! - `lines`: escapes events, so that their text can neither pass for another event nor control the operator's terminal
//! - `queue`: holds lines in bounded memory for a thread that writes them, so that a full disk or pipe stops no request
//! - `recent`: holds the last lines of each component, and of the host itself, for the admin API
//! - `capture`: makes these lines of the subscriber's events
//! - `sparse`: bounds the lines that strangers can cause
//! - `level`: the filter of the log, which operators can change

mod capture;
mod level;
mod lines;
mod queue;
mod recent;
mod sparse;

use std::io;
use std::panic;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry, reload};

pub use self::level::{Level, SetLevelError};
pub use self::queue::Queue;
pub use self::recent::{
    Batch, Follower, MAX_COMPONENT_BYTES, MAX_COMPONENT_LINES, MAX_TOTAL_BYTES, Recent, RecentLine, Wanted,
};
pub(crate) use self::sparse::Sparse;
use crate::config::{Log, LogFormat};

/// The target of the lines of requests. They are not among the recent lines, because a busy host writes thousands of them
/// a second.
pub(crate) const ACCESS_TARGET: &str = "berth::routes::access_log";

/// The log of this process. Dropping it writes the waiting lines, for a second at most.
pub struct Logging {
    queue: Queue,
    recent: Recent,
    level: Level,
}

/// Starts logging, once for each process: a second start has no effect.
pub fn start(log: &Log) -> io::Result<Logging> {
    let queue = Queue::start(io::stderr())?;
    let recent = Recent::default();
    let (filter, handle) = reload::Layer::new(log.filter.to_env_filter());
    let lines = lines::Lines::new(queue.clone(), log.format);
    let layer = fmt::layer()
        .with_writer(lines)
        .with_ansi(false)
        // An internal error would be reported on standard error, with a panic if that cannot be written.
        .log_internal_errors(false);
    let layer = match log.format {
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
        LogFormat::Pretty => layer.with_target(false).boxed(),
    };
    let subscriber = registry()
        .with(filter)
        .with(layer)
        .with(capture::Capture::new(recent.clone()));
    drop(subscriber.try_init());
    // The default hook writes to standard error itself, and would wait for a reader that does not read.
    panic::set_hook(Box::new(|panicked| tracing::error!("a bug: {panicked}")));
    Ok(Logging {
        queue,
        recent,
        level: Level::new(handle, log.filter.clone()),
    })
}

impl Logging {
    /// The queue of lines to be written.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The last lines.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The filter, which can be changed.
    #[must_use]
    pub fn level(&self) -> &Level {
        &self.level
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.queue.flush();
    }
}

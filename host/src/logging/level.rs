//! The filter of the log while the host runs. A restart goes back to `RUST_LOG`.

use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::LogFilter;

/// The filter of the log. Clones share it.
#[derive(Clone)]
pub struct Level {
    handle: reload::Handle<EnvFilter, Registry>,
    at_start: LogFilter,
    /// The filter in force. The lock is held for a change, so that the filter and this value agree.
    current: Arc<Mutex<LogFilter>>,
}

/// The filter cannot be changed, because another subscriber was set before the host's.
#[derive(Debug, thiserror::Error)]
#[error("the host's log is not in use")]
pub struct SetLevelError(#[from] reload::Error);

impl Level {
    pub(super) fn new(handle: reload::Handle<EnvFilter, Registry>, at_start: LogFilter) -> Self {
        Self {
            handle,
            current: Arc::new(Mutex::new(at_start.clone())),
            at_start,
        }
    }

    /// The filter of `RUST_LOG`, which applies at the start.
    #[must_use]
    pub fn at_start(&self) -> &LogFilter {
        &self.at_start
    }

    /// The filter in force.
    #[must_use]
    pub fn current(&self) -> LogFilter {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the filter, and logs the change if the old or the new filter lets the line pass.
    ///
    /// # Errors
    ///
    /// If the host's subscriber is not the process's.
    pub fn set(&self, filter: LogFilter) -> Result<(), SetLevelError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let is_said = tracing::event_enabled!(tracing::Level::INFO);
        if is_said {
            log_change(&current, &filter);
        }
        self.handle.reload(filter.to_env_filter())?;
        if !is_said {
            log_change(&current, &filter);
        }
        *current = filter;
        Ok(())
    }
}

fn log_change(before: &LogFilter, after: &LogFilter) {
    tracing::info!(filter = %after, filter_before = %before, "the filter of the log was changed");
}

//! Programs that xtask starts get the default action of SIGINT, SIGQUIT and SIGTERM.
//!
//! A process that is started in the background of a script ignores SIGINT, and its children inherit that: a program that waits
//! for SIGINT would never end. A handled signal is reset to its default in a child (execve(2)), so xtask handles these three
//! with the default's effect. SIGHUP is not handled, for `nohup`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_default;

/// The signals that are handled.
pub(crate) const SIGNALS: [i32; 3] = [SIGINT, SIGQUIT, SIGTERM];

/// The effect of a signal on xtask itself.
#[derive(Clone)]
pub(crate) struct Signals {
    ends_xtask: Arc<AtomicBool>,
}

impl Signals {
    /// Handles the signals. Each of them ends xtask, as by default.
    pub(crate) fn handle() -> Result<Self> {
        let ends_xtask = Arc::new(AtomicBool::new(true));
        for signal in SIGNALS {
            register_conditional_default(signal, Arc::clone(&ends_xtask))
                .context("signals cannot be handled")?;
        }
        Ok(Self { ends_xtask })
    }

    /// From now on, a signal has no effect on xtask.
    pub(crate) fn keep_xtask(&self) {
        self.ends_xtask.store(false, Ordering::SeqCst);
    }
}

//! The last statement of a request that PostgreSQL refused, which is the most frequent reason of a failed
//! request.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use berth_postgres::ServerMessage;

use super::RequestContext;
use super::incident::one_line;

/// The last refusal of a request, including those in called components. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastRefusal(Arc<Mutex<Option<Refusal>>>);

#[derive(Clone, Debug)]
struct Refusal {
    component: String,
    version: Option<NonZeroU32>,
    sqlstate: String,
    /// The place in the statement, in characters from 1.
    position: Option<usize>,
    message: String,
}

/// Logs `refusal`, a statement's, for a request. tracing wants its levels at compile time.
macro_rules! log_refusal {
    ($level:ident, $request:expr, $refusal:expr, $message:literal) => {{
        let Refusal {
            component,
            version,
            sqlstate,
            position,
            message,
        } = $refusal;
        if tracing::event_enabled!(tracing::Level::$level) && $request.log.admit(message.len()) {
            let request_id = &$request.request_id;
            let error = message;
            tracing::event!(
                tracing::Level::$level,
                component,
                version,
                request_id,
                sqlstate,
                position,
                error,
                $message
            );
        }
    }};
}

impl RequestContext {
    /// Records that PostgreSQL refused a statement. The component may expect the refusal, so it is no warning yet.
    pub(crate) fn note_refusal(&self, refusal: &ServerMessage) {
        let refusal = Refusal {
            component: self.component.clone(),
            version: self.version,
            sqlstate: one_line(&refusal.code),
            position: refusal.position,
            message: one_line(&refusal.message),
        };
        log_refusal!(DEBUG, self, &refusal, "PostgreSQL refused a statement");
        *self.last_refusal.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }

    /// Logs the last refusal, if any, because the request has failed.
    pub(crate) fn warn_of_refusal(&self) {
        let refusal = self
            .last_refusal
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(refusal) = refusal {
            log_refusal!(
                WARN,
                self,
                &refusal,
                "PostgreSQL refused a statement of a request that failed"
            );
        }
    }
}

//! The body of a response to an outgoing request, for the guest.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

use super::destination::Origin;
use super::failure::Failure;
use super::log_failure;
use crate::request::RequestContext;

/// A body that fails when the next piece does not arrive in time.
pub(super) struct ResponseBody {
    pub(super) inner: Incoming,
    /// The guest's between-bytes-timeout.
    pub(super) limit: Option<Duration>,
    /// The timer of the next piece.
    pub(super) waiting: Option<Pin<Box<Sleep>>>,
    pub(super) origin: Origin,
    pub(super) context: Arc<RequestContext>,
}

impl ResponseBody {
    fn fail(&self, failure: Failure) -> Error {
        log_failure(&self.context, &self.origin, &failure);
        failure.into()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            self.waiting = None;
            let failed = |error| self.fail(Failure::answering(&error, true));
            return Poll::Ready(frame.map(|frame| frame.map_err(failed)));
        }
        let Some(limit) = self.limit else {
            return Poll::Pending;
        };
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Some(Err(self.fail(Failure::Stalled))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

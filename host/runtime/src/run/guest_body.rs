//! The body of a guest's response, and the end of the guest.
//!
//! The body owns the guest that writes it: a client that disconnects drops the body, which ends the guest. The body
//! completes only if the guest completes, because a guest that traps half-way must not look successful.
//!
//! Whether a guest completed its body is known when the guest has ended. Most guests have ended before the head of
//! their response is sent, so an incomplete body can be reported as an error instead of a broken connection.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::handle_error::HandleError;
use crate::metrics::Failure;
use crate::request::RequestContext;

/// Why a body ended early after its response had begun.
#[derive(Debug, thiserror::Error)]
pub enum GuestBodyError {
    /// The guest failed before it completed.
    #[error("the component failed before its response was complete: {0}")]
    Guest(#[from] HandleError),
    /// The guest dropped its response, or wrote another number of bytes than it announced.
    #[error("the component did not complete its response")]
    Incomplete,
}

pub(crate) type Guest = AbortOnDropHandle<Result<(), HandleError>>;

/// The body of a component's response. Dropping the body before its end ends the guest.
pub struct GuestBody {
    inner: HyperOutgoingBody,
    /// Frames that were received before the response was sent.
    came: VecDeque<Frame<Bytes>>,
    guest: Option<Guest>,
    /// The `content-length` that the guest announced, in bytes.
    announced: Option<u64>,
    /// The number of bytes that the guest has written.
    written: u64,
    /// Whether the response has no body, even if the guest writes one.
    is_discarded: bool,
    /// Whether hyper has asked for a frame, which it does after writing the response's head.
    is_begun: bool,
    /// Why the body failed before its first frame.
    failed: Option<GuestBodyError>,
    request: Arc<RequestContext>,
}

impl GuestBody {
    /// `guest` is `None` if the guest has completed.
    pub(crate) fn new(
        inner: HyperOutgoingBody,
        guest: Option<Guest>,
        announced: Option<u64>,
        request: Arc<RequestContext>,
    ) -> Self {
        Self {
            inner,
            came: VecDeque::new(),
            guest,
            announced,
            written: 0,
            is_discarded: false,
            is_begun: false,
            failed: None,
            request,
        }
    }

    /// The body of a response that has none. The guest may write a body, and runs to its end.
    pub(crate) fn discarded(mut self) -> Self {
        self.is_discarded = true;
        self
    }

    /// Returns the body, unless it is known to be incomplete: if its guest has ended, all of the body must have
    /// arrived.
    pub(crate) fn complete(mut self) -> Result<Self, HandleError> {
        if self.guest.is_some() {
            return Ok(self);
        }
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(&mut context) {
            match self.receive(frame) {
                Some(Ok(frame)) => self.came.push_back(frame),
                Some(Err(_)) => return Err(HandleError::Failed),
                None => break,
            }
        }
        Ok(self)
    }

    /// Counts a frame. Logs any difference from the announced length.
    fn receive(
        &mut self,
        frame: Option<Result<Frame<Bytes>, wasmtime_wasi_http::Error>>,
    ) -> Option<Result<Frame<Bytes>, GuestBodyError>> {
        let Self {
            announced,
            written,
            request,
            ..
        } = self;
        match (frame, *announced) {
            (Some(Ok(frame)), _) => {
                let left = announced.map_or(u64::MAX, |announced| announced.saturating_sub(*written));
                *written += frame.data_ref().map_or(0, |data| data.len() as u64);
                // hyper accepts no more than the announced length.
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                Some(Ok(frame.map_data(|data| data.slice(..data.len().min(left)))))
            }
            (None, None) => None,
            (None, Some(announced)) if announced == *written => None,
            (_, Some(announced)) if announced <= *written => {
                excess(request, announced);
                None
            }
            (_, Some(announced)) => {
                request.metrics.failures.increment(Failure::IncompleteResponse);
                request.warn(format_args!(
                    "the component did not complete its response: its content-length is {announced}, but only {written} \
                     bytes of the body came"
                ));
                Some(Err(GuestBodyError::Incomplete))
            }
            (Some(Err(_)), None) => {
                request.metrics.failures.increment(Failure::IncompleteResponse);
                request.warn(
                    "the component did not complete its response: it dropped the body without calling \
                     `outgoing-body.finish`",
                );
                Some(Err(GuestBodyError::Incomplete))
            }
        }
    }

    /// Whether all announced bytes have arrived, so that hyper does not ask for the rest of the body.
    fn is_sent(&self) -> bool {
        self.is_discarded || self.announced.is_some_and(|announced| announced <= self.written)
    }

    fn next_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GuestBodyError>>> {
        if let Some(frame) = self.came.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match self.receive(frame) {
            None => self.poll_guest(context),
            frame => Poll::Ready(frame),
        }
    }

    fn poll_guest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GuestBodyError>>> {
        let Some(guest) = &mut self.guest else {
            return Poll::Ready(None);
        };
        let result = ready!(Pin::new(guest).poll(context));
        self.guest = None;
        match result {
            Ok(Ok(())) => Poll::Ready(None),
            Ok(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            Err(_) => Poll::Ready(Some(Err(HandleError::Failed.into()))),
        }
    }
}

fn excess(request: &RequestContext, announced: u64) {
    request.warn(format_args!(
        "the component's response has a content-length of {announced}, and no more bytes were sent; it wrote more, or did \
         not call `outgoing-body.finish`"
    ));
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = GuestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GuestBodyError>>> {
        if self.is_discarded {
            return Poll::Ready(None);
        }
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let is_first = !mem::replace(&mut self.is_begun, true);
        match self.next_frame(context) {
            // hyper would close the connection without sending a byte; this way, hyper sends the head first.
            Poll::Ready(Some(Err(error))) if is_first => {
                self.failed = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_discarded
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_discarded {
            // Not even a length of 0 may be sent.
            return SizeHint::default();
        }
        let Some(announced) = self.announced else {
            return self.inner.size_hint();
        };
        let came: u64 = self
            .came
            .iter()
            .filter_map(Frame::data_ref)
            .map(|data| data.len() as u64)
            .sum();
        SizeHint::with_exact(announced.saturating_sub(self.written) + came)
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        // All announced bytes have been sent, and hyper does not poll again: the guest may finish its work,
        // within its limits.
        if self.is_sent()
            && let Some(guest) = self.guest.take()
            && let Ok(runtime) = Handle::try_current()
        {
            let nothing = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let rest = mem::replace(&mut self.inner, nothing);
            let announced = self.announced.filter(|_| !self.is_discarded);
            runtime.spawn(finish(guest, rest, announced, Arc::clone(&self.request)));
        }
    }
}

/// Waits for a guest that still runs after its response was sent.
async fn finish(
    guest: Guest,
    mut rest: HyperOutgoingBody,
    announced: Option<u64>,
    request: Arc<RequestContext>,
) {
    while let Some(frame) = rest.frame().await {
        if let (Err(_), Some(announced)) = (frame, announced) {
            excess(&request, announced);
            break;
        }
    }
    // A failure of the guest is already logged.
    drop(guest.await);
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_that_fails_at_once_fails_when_its_head_is_sent() {
        let nothing = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let guest = AbortOnDropHandle::new(tokio::spawn(async { Err(HandleError::Failed) }));
        tokio::task::yield_now().await;
        let mut body = GuestBody::new(
            nothing,
            Some(guest),
            None,
            RequestContext::for_tests("tested", None),
        );
        assert!(body.frame().now_or_never().is_none(), "hyper sends the head now");
        let frame = body.frame().now_or_never().flatten();
        assert!(matches!(
            frame,
            Some(Err(GuestBodyError::Guest(HandleError::Failed)))
        ));
    }
}

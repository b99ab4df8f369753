//! A request's body on its way into a guest: streamed, and cut at the component's limit.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::Error;

/// What went wrong with a body that a client sends. The guest sees an I/O error, the log sees the reason.
pub type RequestBodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that ends in an error when it is longer than it may be.
pub(crate) struct LimitedBody<B> {
    inner: B,
    limit: u64,
    remaining: u64,
    exceeded: Arc<AtomicBool>,
}

impl<B> LimitedBody<B> {
    /// Lets `limit` bytes of `inner` pass, and sets `exceeded` at the next.
    pub(crate) fn new(inner: B, limit: u64, exceeded: Arc<AtomicBool>) -> Self {
        Self { inner, limit, remaining: limit, exceeded }
    }
}

impl<B> Body for LimitedBody<B>
where
    B: Body<Data = Bytes, Error: Into<RequestBodyError>> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(context)) else {
            return Poll::Ready(None);
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                tracing::debug!(error = %error.into(), "the request's body broke off");
                return Poll::Ready(Some(Err(Error::ConnectionTerminated)));
            }
        };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        if let Some(remaining) = self.remaining.checked_sub(length) {
            self.remaining = remaining;
            Poll::Ready(Some(Ok(frame)))
        } else {
            self.exceeded.store(true, Ordering::Relaxed);
            Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.limit)))))
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

//! A response's body on its way out of a guest, and the guest's end.
//!
//! The body holds the guest that writes it: a client that goes away drops the body, which ends the guest. And it ends
//! well only when the guest has: a guest that traps half-way must not look like one that was done.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::instance::HandleError;

/// Why a body broke off after its response had begun.
#[derive(Debug, thiserror::Error)]
pub enum GuestBodyError {
    /// The guest failed before it was done.
    #[error("the component failed before its response was complete: {0}")]
    Guest(#[from] HandleError),
    /// The guest gave its response up, or wrote another number of bytes than it said.
    #[error("the component did not complete its response: {0:?}")]
    Incomplete(wasmtime_wasi_http::Error),
}

pub(crate) type Guest = AbortOnDropHandle<Result<(), HandleError>>;

/// The body of a component's response. Dropping it before its end ends the guest.
pub struct GuestBody {
    inner: HyperOutgoingBody,
    guest: Option<Guest>,
    /// Bytes that are still to come, where the guest has said how many.
    remaining: Option<u64>,
}

impl GuestBody {
    /// `guest` is none if it has ended well.
    pub(crate) fn new(inner: HyperOutgoingBody, guest: Option<Guest>, content_length: Option<u64>) -> Self {
        Self { inner, guest, remaining: content_length }
    }

    fn poll_guest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GuestBodyError>>> {
        let Some(guest) = &mut self.guest else { return Poll::Ready(None) };
        let result = ready!(Pin::new(guest).poll(context));
        self.guest = None;
        match result {
            Ok(Ok(())) => Poll::Ready(None),
            Ok(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            Err(_) => Poll::Ready(Some(Err(HandleError::Failed.into()))),
        }
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = GuestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GuestBodyError>>> {
        match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            Some(Ok(frame)) => {
                if let (Some(remaining), Some(data)) = (&mut self.remaining, frame.data_ref()) {
                    *remaining = remaining.saturating_sub(data.len() as u64);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(GuestBodyError::Incomplete(error)))),
            None => self.poll_guest(context),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining.map_or_else(|| self.inner.size_hint(), SizeHint::with_exact)
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        // All that was promised has been sent, and hyper asks no further: the guest may finish what it is at,
        // within its limits.
        if self.remaining == Some(0)
            && let Some(guest) = self.guest.take()
        {
            drop(guest.detach());
        }
    }
}

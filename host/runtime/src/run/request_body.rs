//! The body of a request for a guest: streamed, limited to the component's maximum, and checked for completeness.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use wasmtime_wasi_http::Error;

use super::handle_error::HandleError;

/// An error of a client's body. The guest sees an I/O error; the log has the reason.
pub type RequestBodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that reports its faults to the host, which then responds instead of the guest; the guest waits for the next
/// bytes until the host drops it. A guest that has begun its response sees an error.
///
/// wasi:http lets a guest read on after an error, and then reports the end of the body, which many guests take for
/// success.
pub(crate) struct LimitedBody<B> {
    inner: B,
    limit: u64,
    received: u64,
    /// The length that the client announced, if any, in bytes.
    expected: Option<u64>,
    fault: Option<oneshot::Sender<HandleError>>,
    /// Whether a fault was reported to the host.
    is_told: bool,
}

impl<B: Body> LimitedBody<B> {
    /// Passes on at most `limit` bytes of `inner`. If there are more, or fewer than announced, `fault` gets the
    /// error.
    pub(crate) fn new(inner: B, limit: u64, fault: oneshot::Sender<HandleError>) -> Self {
        let expected = inner.size_hint().exact();
        Self {
            inner,
            limit,
            received: 0,
            expected,
            fault: Some(fault),
            is_told: false,
        }
    }

    fn fail(&mut self, fault: HandleError, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.is_told = self.fault.take().is_some_and(|host| host.send(fault).is_ok());
        if self.is_told {
            Poll::Pending
        } else {
            Poll::Ready(Some(Err(error)))
        }
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
        if self.is_told {
            return Poll::Pending;
        }
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                tracing::debug!(error = %error.into(), "the request's body broke off");
                return self.fail(HandleError::BodyBroken, Error::ConnectionTerminated);
            }
            None if self.expected.is_some_and(|expected| self.received < expected) => {
                tracing::debug!("the request's body ended too soon");
                return self.fail(HandleError::BodyBroken, Error::ConnectionTerminated);
            }
            None => return Poll::Ready(None),
        };
        self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
        let limit = self.limit;
        if self.received > limit {
            return self.fail(
                HandleError::BodyTooLarge(limit),
                Error::HttpRequestBodySize(Some(limit)),
            );
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        !self.is_told && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http_body_util::{BodyExt as _, Full, StreamBody};

    use super::*;

    /// A body of two pieces, of which the second may be an error.
    fn body(
        first: &'static str,
        second: Result<&'static str, &'static str>,
    ) -> impl Body<Data = Bytes, Error = RequestBodyError> + Unpin {
        let pieces = [Ok(first), second];
        let pieces = pieces.map(|piece| {
            piece
                .map(|text| Frame::data(Bytes::from(text)))
                .map_err(Into::into)
        });
        StreamBody::new(futures_util::stream::iter(pieces))
    }

    /// A body that a client said would be longer.
    struct Short(Full<Bytes>);

    impl Body for Short {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Pin::new(&mut self.0).poll_frame(context)
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(10)
        }
    }

    /// Reads to the end; returns the error for the host, and whether the guest still waits.
    fn read<B>(body: B, is_listening: bool) -> (Option<HandleError>, bool)
    where
        B: Body<Data = Bytes, Error: Into<RequestBodyError>> + Unpin,
    {
        let (fault, mut faults) = oneshot::channel();
        if !is_listening {
            faults.close();
        }
        let mut body = LimitedBody::new(body, 10, fault);
        loop {
            match body.frame().now_or_never() {
                Some(Some(Ok(_))) => {}
                Some(Some(Err(_)) | None) => return (faults.try_recv().ok(), false),
                None => {
                    assert!(
                        body.frame().now_or_never().is_none(),
                        "it does not end later, either"
                    );
                    return (faults.try_recv().ok(), true);
                }
            }
        }
    }

    #[test]
    fn a_guest_never_sees_the_end_of_a_body_with_a_fault() {
        let broken = || body("hello", Err("cut off"));
        assert_eq!(read(broken(), true), (Some(HandleError::BodyBroken), true));
        assert_eq!(
            read(body("hello", Ok("world!")), true),
            (Some(HandleError::BodyTooLarge(10)), true)
        );
        assert_eq!(
            read(Short(Full::from("hello")), true),
            (Some(HandleError::BodyBroken), true)
        );
        assert_eq!(read(body("hello", Ok("world")), true), (None, false));
        assert_eq!(read(broken(), false), (None, false), "its response has begun");
    }
}

//! Reads and discards the rest of a request's body that no handler reads, for a limited time.
//!
//! A connection that is closed while bytes arrive is reset, and the reset can overtake the response: a client that
//! sends too much would see a broken connection instead of a 413.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The most bytes that are discarded.
const MAX_DRAINED_BYTES: usize = 64 * 1024 * 1024;

/// How long the discarding may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A request's body. If it is dropped before its end, a task of its own reads the rest.
pub(crate) struct DrainedBody<B: Unread> {
    body: Option<B>,
    /// Whether the client waits for `100 Continue` and has not got it: then there is nothing to read.
    waits: bool,
}

/// The bounds of a body that a separate task can read.
pub(crate) trait Unread: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static {}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static> Unread for B {}

impl<B: Unread> DrainedBody<B> {
    /// Wraps the body of `request`.
    pub(crate) fn wrap(request: http::Request<B>) -> http::Request<Self> {
        let waits = request.headers().contains_key(EXPECT);
        request.map(|body| Self {
            body: Some(body),
            waits,
        })
    }
}

impl<B: Unread> Body for DrainedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.waits = false;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Unread> Drop for DrainedBody<B> {
    fn drop(&mut self) {
        let Some(body) = self
            .body
            .take()
            .filter(|body| !self.waits && !body.is_end_stream())
        else {
            return;
        };
        // Without a runtime the process is about to end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(DRAIN_TIMEOUT, discard(body)));
        }
    }
}

/// Reads until the body ends, breaks off or exceeds its limits.
async fn discard(body: impl Unread) {
    let mut body = Limited::new(body, MAX_DRAINED_BYTES);
    while let Some(Ok(_)) = body.frame().await {}
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use http::Request;
    use http_body_util::channel::Channel;

    use super::*;

    /// A body whose sender waits until each piece is read.
    fn body() -> (http_body_util::channel::Sender<Bytes>, Channel<Bytes>) {
        Channel::new(1)
    }

    #[tokio::test]
    async fn a_body_that_nobody_reads_is_taken_in() {
        let (mut sender, body) = body();
        drop(DrainedBody::wrap(Request::new(body)));
        for _ in 0..100 {
            sender.send_data(Bytes::from_static(&[0; 1000])).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_body_is_taken_in_up_to_a_bound() {
        let (mut sender, body) = body();
        drop(DrainedBody::wrap(Request::new(body)));
        let mebibyte = Bytes::from(vec![0; 1 << 20]);
        let sent = async { while sender.send_data(mebibyte.clone()).await.is_ok() {} };
        timeout(DRAIN_TIMEOUT * 2, sent).await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_waits_to_be_asked_is_not() {
        let (mut sender, body) = body();
        let request = Request::builder()
            .header(EXPECT, "100-continue")
            .body(body)
            .unwrap();
        drop(DrainedBody::wrap(request));
        assert!(sender.send_data(Bytes::new()).await.is_err());
    }

    #[tokio::test]
    async fn a_body_that_was_asked_for_is_read_as_it_is() {
        let (mut sender, body) = body();
        let request = Request::builder()
            .header(EXPECT, "100-continue")
            .body(body)
            .unwrap();
        let mut request = DrainedBody::wrap(request);
        let (sent, frame) = tokio::join!(
            sender.send_data(Bytes::from_static(b"x")),
            request.body_mut().frame()
        );
        sent.unwrap();
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "x");
        drop(request);
        for _ in 0..10 {
            sender.send_data(Bytes::from_static(b"y")).await.unwrap();
        }
    }
}

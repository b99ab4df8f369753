//! The body of a request that may have to be sent again.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// How much of a body's beginning is kept for a second sending, in bytes.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// A guest's body, with the beginning that was already sent.
#[derive(Clone)]
pub(super) struct RepeatableBody(Arc<Mutex<Sent>>);

struct Sent {
    rest: WasiBody,
    /// The length of the whole body, if it is known.
    size: SizeHint,
    /// The beginning; `None` if it is too long, or cannot be sent again.
    beginning: Option<Vec<Bytes>>,
    has_ended: bool,
}

/// The body, sent from its beginning.
pub(super) struct RequestBody {
    body: RepeatableBody,
    /// The number of sent pieces of the beginning.
    sent: usize,
}

impl RepeatableBody {
    pub(super) fn new(body: WasiBody) -> Self {
        let (size, has_ended) = (body.size_hint(), body.is_end_stream());
        Self(Arc::new(Mutex::new(Sent {
            rest: body,
            size,
            beginning: Some(Vec::new()),
            has_ended,
        })))
    }

    /// Whether the sent part of the body can be sent again.
    pub(super) fn can_be_sent_again(&self) -> bool {
        self.lock().beginning.is_some()
    }

    /// Returns the body from its beginning. An earlier returned body must not be read any more.
    pub(super) fn sent_from_beginning(&self) -> RequestBody {
        RequestBody {
            body: self.clone(),
            sent: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sent {
    fn keep(&mut self, frame: Option<&Result<Frame<Bytes>, Error>>) {
        match (frame, &mut self.beginning) {
            (None, _) => self.has_ended = true,
            (Some(Ok(frame)), Some(beginning)) if let Some(data) = frame.data_ref() => {
                beginning.push(data.clone());
                if beginning.iter().map(Bytes::len).sum::<usize>() > MAX_KEPT_BYTES {
                    self.beginning = None;
                }
            }
            _ => self.beginning = None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Self { body, sent: count } = &mut *self;
        let mut sent = body.lock();
        if let Some(data) = sent
            .beginning
            .as_ref()
            .and_then(|beginning| beginning.get(*count))
        {
            *count += 1;
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        if sent.has_ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut sent.rest).poll_frame(context));
        sent.keep(frame.as_ref());
        *count += 1;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let sent = self.body.lock();
        let is_repeating = sent
            .beginning
            .as_ref()
            .is_some_and(|beginning| self.sent < beginning.len());
        !is_repeating && (sent.has_ended || sent.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        // hyper asks for the size once, before it reads.
        self.body.lock().size
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use http_body_util::{BodyExt as _, Full, StreamBody};

    use super::*;

    #[tokio::test]
    async fn a_body_can_be_sent_twice_while_little_of_it_was_sent() {
        let pieces = [(); 3].map(|()| Ok(Frame::data(Bytes::from_static(b"abc"))));
        let body = RepeatableBody::new(StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync());
        let mut first = body.sent_from_beginning();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
        assert!(body.can_be_sent_again());
        for _ in 0..2 {
            let again = body.sent_from_beginning();
            assert!(!again.is_end_stream());
            assert_eq!(again.collect().await.unwrap().to_bytes(), "abcabcabc");
        }
    }

    #[tokio::test]
    async fn a_long_body_is_sent_once() {
        let long = Full::new(Bytes::from(vec![b'x'; MAX_KEPT_BYTES + 1]));
        let body = RepeatableBody::new(long.map_err(|never| match never {}).boxed_unsync());
        assert_eq!(
            body.sent_from_beginning().size_hint().exact(),
            Some(MAX_KEPT_BYTES as u64 + 1)
        );
        assert!(body.can_be_sent_again());
        let sent = body.sent_from_beginning().collect().await.unwrap().to_bytes();
        assert_eq!(sent.len(), MAX_KEPT_BYTES + 1);
        assert!(!body.can_be_sent_again());
    }
}

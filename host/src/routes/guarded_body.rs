//! A body that holds a guard until its last byte is sent or its client has gone.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Drops `guard` when the body of `response` was sent or its client has gone.
pub(crate) fn guard_body<T: Send + Unpin + 'static>(response: Response, guard: T) -> Response {
    response.map(|body| count_body(body, guard, |_, _| ()))
}

/// Drops `guard` when `body` has ended or is dropped, and until then calls `count` with the bytes of each piece.
pub(crate) fn count_body<T: Send + Unpin + 'static>(body: Body, guard: T, count: fn(&mut T, u64)) -> Body {
    Body::new(GuardedBody { body, guard, count })
}

struct GuardedBody<T> {
    body: Body,
    guard: T,
    count: fn(&mut T, u64),
}

impl<T: Unpin> HttpBody for GuardedBody<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            (this.count)(&mut this.guard, data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_is_counted_as_it_is_read_and_drops_its_guard_at_the_end() {
        let counted = Arc::new(AtomicU64::new(0));
        let count = |counted: &mut Arc<AtomicU64>, bytes| {
            counted.fetch_add(bytes, Ordering::Relaxed);
        };
        let mut body = count_body(Body::from("123"), Arc::clone(&counted), count);
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(counted.load(Ordering::Relaxed), 0);
        body.frame().await.unwrap().unwrap();
        assert_eq!(counted.load(Ordering::Relaxed), 3);
        assert_eq!(Arc::strong_count(&counted), 2);
        drop(body);
        assert_eq!(Arc::strong_count(&counted), 1);
    }
}

//! The body of a response that hyper itself makes.
//!
//! Bytes that are not HTTP, or headers larger than the host reads, never become a request: hyper answers with an empty
//! 400, 414 or 431 and closes the connection. This writer gives such a response the contract's body and a request
//! identifier. It tells hyper's responses from the host's by the header `x-request-id`, which all of the host's have.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::ApiError;
use crate::routes::{RequestId, X_REQUEST_ID};

/// The header of hyper's responses, which have no body.
const NO_BODY: &str = "content-length: 0\r\n";

/// A connection whose refusals have a body with the reason.
pub(super) struct Refusals<S> {
    stream: S,
    /// The rest of the response that replaces hyper's.
    answer: Vec<u8>,
}

impl<S: AsyncWrite + Unpin> Refusals<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            answer: Vec::new(),
        }
    }

    /// Keeps the bytes if they are a response of hyper, and prepares its replacement.
    fn intercept(&mut self, bytes: &[u8]) -> bool {
        let Some(answer) = explained(bytes) else {
            return false;
        };
        self.answer = answer.into_bytes();
        true
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.answer.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.answer))?;
            self.answer.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

/// The response that replaces hyper's own.
fn explained(bytes: &[u8]) -> Option<String> {
    let error = match bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)? {
        b"400" => ApiError::Malformed,
        b"414" => ApiError::AddressTooLong,
        b"431" => ApiError::HeadersTooLarge,
        _ => return None,
    };
    let head = str::from_utf8(bytes)
        .ok()
        .filter(|head| !head.contains(X_REQUEST_ID.as_str()))?;
    let (before, after) = head.split_once(NO_BODY)?;
    let (body, request_id) = (error.body(), RequestId::new());
    tracing::info!(status = error.status().as_u16(), %request_id, "refused bytes that are no valid request");
    let length = body.len();
    Some(format!(
        "{before}content-type: application/json\r\ncontent-length: {length}\r\n{X_REQUEST_ID}: {request_id}\r\n{after}{body}"
    ))
}

impl<S: AsyncRead + Unpin> AsyncRead for Refusals<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Refusals<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.intercept(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A head is written by itself or with its own body, never behind another response.
        if let Some(head) = slices.first()
            && self.intercept(head)
        {
            return Poll::Ready(Ok(head.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::convert::Infallible;

    use http::{Response, StatusCode};
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// The response to `request`, with sorted header lines and without values that differ each time. A request that is
    /// accepted gets an empty 431.
    async fn answer(request: &[u8]) -> String {
        let (mut client, server) = duplex(64 * 1024);
        client.write_all(request).await.unwrap();
        let service = service_fn(async |_| {
            let mut response = Response::new(String::new());
            *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            response
                .headers_mut()
                .insert(X_REQUEST_ID, http::HeaderValue::from_static("mine"));
            Ok::<_, Infallible>(response)
        });
        let connection = http1::Builder::new()
            .max_header_size(1024)
            .keep_alive(false)
            .serve_connection(TokioIo::new(Refusals::new(server)), service);
        // The client does not see whether hyper counts this as an error.
        drop(connection.await);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        let mut headers: Vec<&str> = headers
            .lines()
            .filter(|line| !line.starts_with("date:"))
            .map(|line| {
                if line.len() > 40 {
                    line.split(' ').next().unwrap()
                } else {
                    line
                }
            })
            .collect();
        headers.sort_unstable();
        format!("{status} | {} | {body}", headers.join(", "))
    }

    #[tokio::test]
    async fn what_never_becomes_a_request_is_answered_in_the_contracts_words() {
        let large = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(1024));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: 1\r\n".repeat(101));
        let answers = [
            answer(b"nonsense\r\n\r\n").await,
            answer(b"GET / HTTP/1.1\r\nno colon\r\n\r\n").await,
            answer(large.as_bytes()).await,
            answer(many.as_bytes()).await,
        ];
        insta::assert_snapshot!(answers.join("\n"));
    }

    #[tokio::test]
    async fn the_hosts_own_answers_pass_as_they_are() {
        let passed = answer(b"GET / HTTP/1.1\r\n\r\n").await;
        let expected = "HTTP/1.1 431 Request Header Fields Too Large | \
                        connection: close, content-length: 0, x-request-id: mine | ";
        assert_eq!(passed, expected);
    }
}

//! Closing a connection whose client is still sending.
//!
//! A request can be answered before the last of it is read: its body is too large, or its headers are. If the socket
//! were closed with bytes in it that nobody has read, the system would reset the connection, and the client might lose
//! the answer that tells it so. So first the answer is ended, then what still comes is thrown away (RFC 9112, 9.6).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client has to notice that it has been answered.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection that hears its client out when it is closed.
pub(super) struct Lingering<S> {
    stream: S,
    /// Set once something came that nobody will read.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, patience: None }
    }
}

impl<S: AsyncRead + Unpin> Lingering<S> {
    /// Reads to the end what the client still sends, but not for ever. Ready at once when it sends nothing.
    fn poll_hear_out(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 8 * 1024];
        loop {
            // Asked first: a client that never stops sending would use up the task's turn each time before its end.
            if let Some(patience) = &mut self.patience
                && patience.as_mut().poll(context).is_ready()
            {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
                }
                Poll::Pending if self.patience.is_some() => return Poll::Pending,
                Poll::Ready(_) | Poll::Pending => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        self.poll_hear_out(context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Both ends of a connection.
    async fn connection() -> (TcpStream, Lingering<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, Lingering::new(listener.accept().await.unwrap().0))
    }

    #[tokio::test]
    async fn a_client_that_is_still_sending_gets_its_answer() {
        let (mut client, mut server) = connection().await;
        client.write_all(&[0; 4096]).await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
        server.write_all(b"enough").await.unwrap();
        let closing = tokio::spawn(async move { server.shutdown().await });

        client.write_all(&[0; 4096]).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "enough");
        client.write_all(&[0; 4096]).await.unwrap();
        drop(client);
        closing.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_is_not_waited_for() {
        let (client, mut server) = connection().await;
        server.shutdown().await.unwrap();
        assert!(server.patience.is_none());
        drop(client);
    }
}

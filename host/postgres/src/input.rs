//! Bytes from the server, one message after the other. No byte of a message is read before its length is known.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Error;

/// Bytes that one read may bring.
const READ_BYTES: usize = 8 * 1024;

/// Bytes of a message that may be in the buffer as a whole. Longer ones are read in pieces, or not at all.
pub(crate) const MAX_BUFFERED_BYTES: usize = 256 * 1024;

/// Bytes of the buffer that a connection keeps between two requests.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// Bytes of a message's head: its letter, and the length of the rest.
const HEADER_BYTES: usize = 5;

/// The head of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// The letter of the message's type.
    pub(crate) tag: u8,
    /// Bytes of its body.
    pub(crate) length: usize,
}

/// Received bytes that are unread.
#[derive(Default)]
pub(crate) struct Input {
    buffer: BytesMut,
}

impl Input {
    /// Takes the head of the next message.
    pub(crate) async fn header(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Header, Error> {
        self.fill(stream, HEADER_BYTES).await?;
        let tag = self.buffer.get_u8();
        // The length counts itself.
        let length = self.buffer.get_u32().checked_sub(4);
        let length = length.ok_or_else(|| Error::protocol("the length of a message is less than 4"))?;
        Ok(Header {
            tag,
            length: length as usize,
        })
    }

    /// The next `length` bytes, which are at most [`MAX_BUFFERED_BYTES`]. They stay until [`Self::consume`].
    pub(crate) async fn peek(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        length: usize,
    ) -> Result<&[u8], Error> {
        if length > MAX_BUFFERED_BYTES {
            return Err(Error::TooLong {
                length: length as u64,
                limit: MAX_BUFFERED_BYTES as u64,
            });
        }
        self.fill(stream, length).await?;
        Ok(&self.buffer[..length])
    }

    /// Drops bytes that were looked at.
    pub(crate) fn consume(&mut self, length: usize) {
        self.buffer.advance(length);
    }

    /// Takes an integer of four bytes.
    pub(crate) async fn int4(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<i32, Error> {
        self.fill(stream, 4).await?;
        Ok(self.buffer.get_i32())
    }

    /// Takes `length` bytes, of which there may be many, into a buffer of just that size.
    pub(crate) async fn take(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        length: usize,
    ) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(length);
        self.each(stream, length, |piece| bytes.extend_from_slice(piece))
            .await?;
        Ok(bytes)
    }

    /// Hands on the next `length` bytes, in pieces.
    pub(crate) async fn each(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        length: usize,
        mut piece: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        let mut left = length;
        while left > 0 {
            self.fill(stream, 1).await?;
            let here = left.min(self.buffer.len());
            piece(&self.buffer[..here]);
            self.buffer.advance(here);
            left -= here;
        }
        Ok(())
    }

    /// Gives memory back that one large message needed. Nothing is unread.
    pub(crate) fn shrink(&mut self) {
        if self.buffer.capacity() > MAX_KEPT_BYTES && self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin), length: usize) -> Result<(), Error> {
        while self.buffer.len() < length {
            self.buffer.reserve(READ_BYTES.max(length - self.buffer.len()));
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(
                    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection").into(),
                );
            }
        }
        Ok(())
    }
}

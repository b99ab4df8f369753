//! Cancelling a statement: a request on a connection of its own.
//!
//! Source: <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>.

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Error;
use crate::stream::Stream;
use crate::target::Target;

/// The key that the server requires to cancel a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CancelKey {
    /// The number of the server's process. Behind a pooler it is one that the pooler made up.
    pub process: i32,
    secret: i32,
}

impl CancelKey {
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let (process, secret) = body.split_first_chunk()?;
        Some(Self {
            process: i32::from_be_bytes(*process),
            secret: i32::from_be_bytes(secret.try_into().ok()?),
        })
    }

    /// Asks the server to cancel the statement that the session runs. The server does not say whether there was one.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached.
    pub async fn cancel(self, target: &Target) -> Result<(), Error> {
        let mut stream = Stream::connect(target).await?;
        let mut message = BytesMut::new();
        frontend::cancel_request(self.process, self.secret, &mut message);
        stream.write_all(&message).await?;
        stream.flush().await?;
        // The server closes the connection once it has passed the request on.
        let _ = stream.read(&mut [0]).await;
        Ok(())
    }
}

//! Bytes on a socket, for what no HTTP client would send.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::app::Host;
use super::process::PATIENCE;

/// A connection to a host.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    /// Connects.
    pub(crate) async fn connect(host: &Host) -> Self {
        Self(TcpStream::connect(host.address).await.unwrap())
    }

    /// Sends bytes. A host that has answered and closed already is not a failure.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.0.write_all(bytes.as_ref()).await;
        self
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) -> &mut Self {
        let _ = self.0.shutdown().await;
        self
    }

    /// Everything until the host closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ =
            timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.expect("the host closes the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next line.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(timeout(PATIENCE, self.0.read_u8()).await.expect("the host answers").unwrap());
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }
}

/// Sends `request` as it is, and returns all that comes back until the host closes the connection.
pub(crate) async fn exchange(host: &Host, request: impl AsRef<[u8]>) -> String {
    Raw::connect(host).await.send(request).await.rest().await
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

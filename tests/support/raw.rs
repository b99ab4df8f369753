//! Bytes on a socket, for requests that no HTTP client would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::app::Host;
use super::process::WAIT_TIMEOUT;

/// A connection to a host.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    /// Connects.
    pub(crate) async fn connect(host: &Host) -> Self {
        Self(TcpStream::connect(host.address).await.unwrap())
    }

    /// Connects from another of this machine's own addresses: `127.0.0.2`.
    pub(crate) async fn connect_from(address: &str, host: &Host) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        Self(socket.connect(host.address).await.unwrap())
    }

    /// Sends bytes. It is no failure if the host has answered and closed the connection already.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.0.write_all(bytes.as_ref()).await;
        self
    }

    /// Closes the sending half of the connection.
    pub(crate) async fn finish(&mut self) -> &mut Self {
        let _ = self.0.shutdown().await;
        self
    }

    /// Everything that the host sends until it closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = timeout(WAIT_TIMEOUT, self.0.read_to_end(&mut bytes))
            .await
            .expect("the host closes the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next line.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(
                timeout(WAIT_TIMEOUT, self.0.read_u8())
                    .await
                    .expect("the host answers")
                    .unwrap(),
            );
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }
}

/// Sends `request` as it is, and returns everything that the host sends until it closes the connection.
pub(crate) async fn exchange(host: &Host, request: impl AsRef<[u8]>) -> String {
    Raw::connect(host).await.send(request).await.rest().await
}

/// The status of a failed response, and the sentence in `detail`. Checks the properties that every failure has.
pub(crate) fn failure(answer: &str) -> (&str, String) {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {answer:?}"));
    assert!(head.contains("\r\nx-request-id: "), "{head}");
    let json: serde_json::Value =
        serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON in {body:?}"));
    (
        status(answer),
        json["detail"]
            .as_str()
            .unwrap_or_else(|| panic!("no sentence in {json}"))
            .to_owned(),
    )
}

/// The status of a response.
pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

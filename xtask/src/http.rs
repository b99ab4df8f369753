//! A minimal client for HTTP/1.1: one request on each connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The longest wait for the first or the next bytes of a response.
const IO_TIMEOUT: Duration = Duration::from_secs(15);

/// A response.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// GET, with a token if there is one.
pub(crate) fn get(address: SocketAddr, path: &str, token: Option<&str>) -> io::Result<Answer> {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\n{}", authorization(token)),
        "",
    )
}

/// POST of JSON, with a token if there is one.
pub(crate) fn post(address: SocketAddr, path: &str, token: Option<&str>, json: &str) -> io::Result<Answer> {
    let (authorization, length) = (authorization(token), json.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\n{authorization}content-type: application/json\r\ncontent-length: {length}\r\n"
    );
    exchange(address, &head, json)
}

/// An address of the loopback interface on which nothing listens.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn authorization(token: Option<&str>) -> String {
    token
        .map(|token| format!("authorization: Bearer {token}\r\n"))
        .unwrap_or_default()
}

/// Sends a request. An error of kind `ConnectionRefused` or `ConnectionReset` means that no byte of a response came.
fn exchange(address: SocketAddr, head: &str, body: &str) -> io::Result<Answer> {
    let mut socket = TcpStream::connect_timeout(&address, IO_TIMEOUT)?;
    socket.set_read_timeout(Some(IO_TIMEOUT))?;
    write!(socket, "{head}host: {address}\r\nconnection: close\r\n\r\n{body}")?;
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        Ok(0) => return Err(io::ErrorKind::ConnectionReset.into()),
        Err(error) if !answer.is_empty() => return Err(io::Error::other(format!("broken off: {error}"))),
        result => result?,
    };
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| io::Error::other("not a whole answer"))
}

/// Parses a response; `None` unless the body has the length that its head says.
fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .map(|n| n.trim().to_owned())
    };
    let length = head.lines().find_map(header);
    let is_whole = length.is_none_or(|length| length == body.len().to_string());
    is_whole.then(|| Answer {
        status,
        body: body.to_owned(),
    })
}

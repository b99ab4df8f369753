//! A collector of traces that takes all and keeps nothing.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;

/// Starts the collector, which ends with this process.
pub(crate) fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A connection that breaks off is the host's to open again.
            thread::spawn(move || drop(answer_all(&connection)));
        }
    });
    Ok(address)
}

/// Answers each request of a connection with 200.
fn answer_all(mut connection: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let length = body_length(&mut reader)?;
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// Reads the head of a request. An error at the end of the connection.
fn body_length(reader: &mut BufReader<&TcpStream>) -> io::Result<u64> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            None if line.trim().is_empty() => return Ok(length),
            _ => {}
        }
    }
}

//! A server for components' outgoing requests. A test says, byte for byte, how it answers each request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server on the loopback interface. It ends with the tests.
pub(crate) struct Upstream {
    /// The address on which the server listens.
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// A recorded request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The number of the request's connection, counted from 1.
    pub(crate) connection: usize,
    /// The number of the request on its connection, counted from 1.
    pub(crate) number: usize,
    /// The whole text of the request.
    pub(crate) text: String,
}

/// The server's reaction to a request.
pub(crate) enum Reply {
    /// Answers 200 with this body, and keeps the connection open.
    Body(String),
    /// Sends this text and closes the connection.
    Then(&'static str),
    /// Sends this text, and nothing more, as long as the client waits.
    AndWaits(&'static str),
}

impl Upstream {
    /// Starts a server that reacts to each request with `reply`.
    pub(crate) fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, reply)
    }

    /// Starts such a server over TLS.
    pub(crate) fn start_tls(
        config: Arc<ServerConfig>,
        reply: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(Some(config), reply)
    }

    /// A server that accepts connections and sends nothing.
    pub(crate) fn mute() -> Self {
        Self::start(|_| Reply::AndWaits(""))
    }

    fn start_with(
        tls: Option<Arc<ServerConfig>>,
        reply: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::default();
        let (reply, log) = (Arc::new(reply), Arc::clone(&requests));
        let count = AtomicUsize::new(0);
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (reply, log, tls) = (Arc::clone(&reply), Arc::clone(&log), tls.clone());
                let connection = count.fetch_add(1, Ordering::Relaxed) + 1;
                thread::spawn(move || match tls {
                    None => serve(socket, connection, &log, &*reply),
                    Some(tls) => serve(encrypted(socket, tls), connection, &log, &*reply),
                });
            }
        });
        Self { address, requests }
    }

    /// The requests that have come.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// A URL of the server, with its address as the host.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn encrypted(socket: TcpStream, tls: Arc<ServerConfig>) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(tls).unwrap(), socket)
}

fn serve(
    mut stream: impl Read + Write,
    connection: usize,
    log: &Mutex<Vec<Request>>,
    reply: &(impl Fn(&Request) -> Reply + ?Sized),
) {
    for number in 1.. {
        let Some(text) = read(&mut stream) else { return };
        let request = Request {
            connection,
            number,
            text,
        };
        let reply = reply(&request);
        log.lock().unwrap().push(request);
        match reply {
            Reply::Body(body) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all((head + &body).as_bytes());
                let _ = stream.flush();
            }
            Reply::Then(text) => {
                let _ = stream.write_all(text.as_bytes());
                let _ = stream.flush();
                return;
            }
            Reply::AndWaits(text) => {
                let _ = stream.write_all(text.as_bytes());
                let _ = stream.flush();
                while stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
                return;
            }
        }
    }
}

/// One request with its body, or the first bytes of TLS; `None` at the connection's end.
fn read(stream: &mut impl Read) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
        text.push_str(&String::from_utf8_lossy(&piece[..length]));
        if text.starts_with('\u{16}') {
            return Some(text);
        }
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let is_whole = match length_of_body(head) {
            Some(length) => body.len() >= length,
            None => !head.contains("transfer-encoding: chunked") || body.ends_with("0\r\n\r\n"),
        };
        if is_whole {
            return Some(text);
        }
    }
}

fn length_of_body(head: &str) -> Option<usize> {
    let value = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    value.parse().ok()
}

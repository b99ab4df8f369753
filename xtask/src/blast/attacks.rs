//! The attacks: each repeats a request or a connection. The host's responses do not matter.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crate::http;

/// The pause between two checks whether an attack is over.
const PAUSE: Duration = Duration::from_millis(50);

/// An attack.
pub(crate) struct Attack {
    /// The attack's name in the table.
    pub(crate) name: &'static str,
    /// The number of simultaneous repetitions.
    pub(crate) concurrency: usize,
    /// Runs the attack once. The number distinguishes simultaneous runs.
    pub(crate) once: fn(SocketAddr, usize, &AtomicBool),
}

/// A statement that sleeps, and ignores a cancellation.
const DEAF: &str = "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(3600); \
     EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$";

/// Every attack, in the order of the table.
pub(crate) fn all() -> [Attack; 11] {
    let attack = |name, concurrency, once| Attack {
        name,
        concurrency,
        once,
    };
    [
        attack("16 requests that compute", 16, |host, _, stop| {
            get(host, "/misbehaves/loop", stop);
        }),
        attack("16 requests of 60 MiB each", 16, |host, _, stop| {
            get(host, "/misbehaves/hoard?bytes=62914560", stop);
        }),
        attack("16 requests that trap", 16, |host, _, stop| {
            get(host, "/misbehaves/trap", stop);
        }),
        attack("4 requests that log without end", 4, |host, _, stop| {
            get(host, "/shouts/everywhere", stop);
        }),
        attack("24 statements that sleep for an hour", 24, |host, _, stop| {
            sql(host, "untimed", "SELECT pg_sleep(3600)", stop);
        }),
        attack("24 statements that ignore a cancellation", 24, |host, _, stop| {
            sql(host, "execute", DEAF, stop);
        }),
        attack("8 rows of 300 MB", 8, |host, _, stop| {
            sql(host, "json", "SELECT repeat('x', 300000000)", stop);
        }),
        attack("4 errors of 300 MB", 4, |host, _, stop| {
            sql(
                host,
                "execute",
                "DO $$ BEGIN RAISE EXCEPTION '%', repeat('y', 300000000); END $$",
                stop,
            );
        }),
        attack("4 floods of notifications", 4, |host, _, stop| {
            sql(
                host,
                "json",
                "SELECT count(pg_notify('berth_versions', n::text)) FROM generate_series(1, 20000) AS n",
                stop,
            );
        }),
        attack("2,100 silent connections", 2_100, |host, _, stop| {
            silent(host, stop);
        }),
        attack("64 wrong logins at once", 64, |host, number, _| {
            let login = format!(r#"{{"email": "user{number}@example.com", "password": "wrong horse"}}"#);
            drop(http::post(host, "/auth/login", None, &login));
        }),
    ]
}

fn sql(host: SocketAddr, wish: &str, statement: &str, stop: &AtomicBool) {
    let encoded = statement
        .bytes()
        .fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02x}"));
    get(host, &format!("/sql/{wish}?sql={encoded}"), stop);
}

/// Sends one request on a new connection, and waits until it is answered or the attack is over.
fn get(host: SocketAddr, path: &str, stop: &AtomicBool) {
    let Ok(mut socket) = TcpStream::connect(host) else {
        return;
    };
    let request = format!("GET {path} HTTP/1.1\r\nhost: blast\r\nconnection: close\r\n\r\n");
    if socket.set_read_timeout(Some(PAUSE)).is_err() || socket.write_all(request.as_bytes()).is_err() {
        return;
    }
    wait(&mut socket, stop);
}

/// Opens a connection, sends nothing, and waits until the host closes it.
fn silent(host: SocketAddr, stop: &AtomicBool) {
    if let Ok(mut socket) = TcpStream::connect(host)
        && socket.set_read_timeout(Some(10 * PAUSE)).is_ok()
    {
        wait(&mut socket, stop);
    }
    while !stop.load(Ordering::Relaxed) {
        sleep(10 * PAUSE);
    }
}

/// Reads until the host closes the connection, or the attack is over.
fn wait(socket: &mut TcpStream, stop: &AtomicBool) {
    let mut thrown_away = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        match socket.read(&mut thrown_away) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Err(_) => return,
        }
    }
}

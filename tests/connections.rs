//! Connections: how many there may be, which are let go of when there are too many, and how long a client may be slow.

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::support::app::AppBuilder;
use crate::support::patience::eventually;
use crate::support::process::WAIT_TIMEOUT;
use crate::support::raw::{self, Raw, exchange};
use crate::support::{App, Component, Send};

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

const COMPONENT: &str = "GET /stream/ignore HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// A host of a component that streams, where silence lasts for as long as a client likes.
fn streams() -> AppBuilder {
    let streams = Component::new("streams")
        .at("/stream")
        .limited("time", "1h")
        .limited("cpu", "1h");
    App::serving([streams.limited("body", "200MiB")]).with("BERTH_HEADER_TIMEOUT", "1h")
}

/// Opens connections and sends `bytes` on each.
async fn open(app: &App, count: usize, bytes: &str) -> Vec<Raw> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut connection = Raw::connect(app).await;
        connection.send(bytes).await;
        connections.push(connection);
    }
    connections
}

/// An echo of which the first half has gone there and back.
async fn echo(mut connection: Raw) -> Raw {
    connection
        .send("POST /stream/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10\r\n\r\nfirst")
        .await;
    assert_eq!(connection.line().await, "HTTP/1.1 200 OK");
    connection
}

#[tokio::test]
async fn silent_connections_shut_nobody_out() {
    let app = streams().with("BERTH_MAX_CONNECTIONS", "20").start().await;
    let idle = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    for bytes in [
        "",
        "GET /health HT",
        "GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ",
        idle,
    ] {
        let mut silent = open(&app, 60, bytes).await;
        for _ in 0..3 {
            assert_eq!(raw::status(&exchange(&app, HEALTH).await), "200", "{bytes:?}");
            assert_eq!(raw::status(&exchange(&app, COMPONENT).await), "200", "{bytes:?}");
        }
        // The oldest is let go of, and the newest is not.
        silent[0].rest().await;
        let mut newest = silent.pop().unwrap();
        if bytes.is_empty() {
            assert_eq!(raw::status(&newest.send(HEALTH).await.rest().await), "200");
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_served_is_never_let_go_of() {
    let app = streams().with("BERTH_MAX_CONNECTIONS", "20").start().await;
    let mut served = echo(Raw::connect(&app).await).await;
    let _silent = open(&app, 60, "").await;
    assert_eq!(raw::status(&exchange(&app, HEALTH).await), "200");
    let answer = served.send("then!").await.rest().await;
    assert!(
        answer.contains("first") && answer.ends_with("0\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn requests_never_take_the_last_connections() {
    let app = streams().with("BERTH_MAX_CONNECTIONS", "8").start().await;
    let mut served = Vec::new();
    for _ in 0..7 {
        served.push(echo(Raw::connect(&app).await).await);
    }
    assert_eq!(app.get("/stream/ignore").answer().await.status, 503);
    assert_eq!(raw::status(&exchange(&app, HEALTH).await), "200");
}

#[tokio::test]
async fn one_clients_idle_connections_have_a_bound() {
    let app = streams()
        .with("BERTH_MAX_CONNECTIONS_PER_CLIENT", "5")
        .start()
        .await;
    let mut other = Raw::connect_from("127.0.0.2", &app).await;
    let mut silent = open(&app, 20, "").await;
    assert_eq!(raw::status(&exchange(&app, HEALTH).await), "200");
    for connection in &mut silent[..15] {
        connection.rest().await;
    }
    for connection in [&mut silent[19], &mut other] {
        assert_eq!(raw::status(&connection.send(HEALTH).await.rest().await), "200");
    }
}

#[tokio::test]
async fn a_busy_proxy_is_not_shut_out_by_the_bound_of_one_client() {
    let app = streams()
        .with("BERTH_MAX_CONNECTIONS_PER_CLIENT", "2")
        .start()
        .await;
    let mut served = Vec::new();
    for _ in 0..8 {
        served.push(echo(Raw::connect(&app).await).await);
    }
    for connection in &mut served {
        let answer = connection.send("then!").await.rest().await;
        assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go_of() {
    let app = streams()
        .with("BERTH_WRITE_TIMEOUT", "1s")
        .with("BERTH_MAX_IN_FLIGHT", "1")
        .start()
        .await;
    let mut deaf = Raw::connect(&app).await;
    deaf.send("GET /stream/send?bytes=100000000 HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    assert_eq!(deaf.line().await, "HTTP/1.1 200 OK");
    assert_eq!(app.get("/stream/ignore").answer().await.status, 503);
    eventually(200, async || app.get("/stream/ignore").answer().await.status).await;
    let rest = timeout(WAIT_TIMEOUT, deaf.0.read_to_end(&mut Vec::new()))
        .await
        .unwrap();
    assert!(
        rest.is_err() || rest.is_ok_and(|bytes| bytes < 100_000_000),
        "it does not look complete"
    );
}

#[tokio::test]
async fn operators_are_served_beside_silent_connections() {
    let app = streams().start().await;
    let address = app.admin_url().trim_start_matches("http://").to_owned();
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(tokio::net::TcpStream::connect(&address).await.unwrap());
    }
    assert_eq!(app.operator().show("streams").await["name"], "streams");
    let oldest = timeout(WAIT_TIMEOUT, silent[0].read(&mut [0; 1]))
        .await
        .expect("the host closes the oldest");
    assert_eq!(oldest.unwrap_or_default(), 0);
}

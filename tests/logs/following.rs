//! Readers that follow the log.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{shouts, shows};
use crate::support::app::Host;
use crate::support::operator::ADMIN_TOKEN;
use crate::support::process::WAIT_TIMEOUT;
use crate::support::{App, Send as _};

/// A follower, and the bytes that it has read and not used.
struct Follower {
    response: reqwest::Response,
    rest: String,
}

impl Follower {
    async fn start(host: &Host, query: &str) -> Self {
        let request = host
            .operator()
            .request("GET", &format!("/logs?follow=true&{query}"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self {
            response,
            rest: String::new(),
        }
    }

    /// The next line.
    async fn line(&mut self) -> Value {
        loop {
            if let Some((line, rest)) = self.rest.split_once('\n') {
                let line = line.to_owned();
                self.rest = rest.into();
                if !line.is_empty() {
                    return serde_json::from_str(&line).unwrap();
                }
                continue;
            }
            let chunk = timeout(WAIT_TIMEOUT, self.response.chunk()).await.unwrap();
            self.rest += str::from_utf8(&chunk.unwrap().expect("it goes on")).unwrap();
        }
    }
}

#[tokio::test]
async fn a_follower_gets_the_last_lines_and_then_each_further_line() {
    let app = App::serving([shows(), shouts()]).start().await;
    app.get("/shows/log?line=before").answer().await.expect(200);
    let mut follower = Follower::start(&app, "component=shows&level=warn").await;
    assert_eq!(follower.line().await["message"], "before");
    for number in 0..5 {
        app.get("/shouts?lines=1").answer().await.expect(200);
        app.get(&format!("/shows/log?line={number}"))
            .answer()
            .await
            .expect(200);
        assert_eq!(follower.line().await["message"], number.to_string());
    }
}

#[tokio::test]
async fn a_follower_that_does_not_read_delays_nobody_and_is_told_what_it_missed() {
    let loud = shouts()
        .limited("log_lines", "100000")
        .limited("log_bytes", "1GiB")
        .limited("cpu", "1m")
        .limited("time", "1m");
    let app = App::serving([loud])
        .with("BERTH_WRITE_TIMEOUT", "1h")
        .start()
        .await;
    let address = app.admin_url().trim_start_matches("http://").to_owned();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET /admin/logs?component=shouts&follow=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // The follower has its place once the head of its response is there.
    let mut begin = [0; 12];
    timeout(WAIT_TIMEOUT, socket.read_exact(&mut begin))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    // More than the buffers of both sockets and the ring hold.
    for _ in 0..40 {
        app.get("/shouts?lines=2000").answer().await.expect(200);
    }
    let (mut text, mut piece) = (String::new(), vec![0; 64 * 1024]);
    let missed = loop {
        if let Some(line) = text.lines().find(|line| line.contains("lines were missed"))
            && let Ok(line) = serde_json::from_str::<Value>(line)
        {
            break line["lines"].as_u64().unwrap();
        }
        let read = timeout(WAIT_TIMEOUT, socket.read(&mut piece)).await.unwrap();
        let read = read.expect("the host does not close the connection");
        assert!(read > 0, "it goes on");
        // Only the end of what was read before can be the beginning of the line.
        let from = text.rfind('\n').map_or(0, |end| end + 1);
        text = text.split_off(from) + &String::from_utf8_lossy(&piece[..read]);
    };
    assert!(missed > 1000, "{missed}");
}

#[tokio::test]
async fn followers_are_bounded_in_number_and_leave_their_place() {
    let app = App::serving([shows()]).start().await;
    let mut followers = Vec::new();
    for _ in 0..16 {
        followers.push(Follower::start(&app, "lines=1").await);
    }
    let follow = async || {
        app.operator()
            .request("GET", "/logs?follow=true&lines=1")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(follow().await, 503);
    followers.pop();
    crate::support::patience::eventually(200, follow).await;
}

//! Bodies are passed on as they come: the host never holds one whole.

use std::fs;

use futures_util::StreamExt;
use futures_util::stream;

use crate::support::{App, Component, Send};

const MEBIBYTE: usize = 1024 * 1024;

/// How much more memory the host may take for a body of 100 MB.
const FLAT: usize = 32 * MEBIBYTE;

async fn streams() -> App {
    let streams = Component::new("streams")
        .at("/stream")
        .limited("body", "200MiB")
        .limited("time", "5m");
    App::serving([streams.limited("cpu", "5m")]).start().await
}

/// The most memory that the host has had at once, in bytes.
fn peak(app: &App) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", app.process.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// A body of so many mebibytes, each different from the one before.
fn body(mebibytes: u8) -> reqwest::Body {
    let pieces = (0..mebibytes).map(|number| Ok::<_, std::io::Error>(vec![number; MEBIBYTE]));
    reqwest::Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test]
async fn a_hundred_megabytes_go_each_way_with_memory_flat() {
    let app = streams().await;
    app.post("/stream/echo").body(body(1)).answer().await.expect(200);
    let before = peak(&app);
    let response = app.post("/stream/echo").body(body(100)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (mut bytes, mut pieces) = (0, response.bytes_stream());
    while let Some(piece) = pieces.next().await {
        for byte in piece.unwrap() {
            assert_eq!(usize::from(byte), bytes / MEBIBYTE, "byte {bytes}");
            bytes += 1;
        }
    }
    assert_eq!(bytes, 100 * MEBIBYTE);
    let growth = peak(&app) - before;
    assert!(growth < FLAT, "it took {growth} bytes more");
}

#[tokio::test]
async fn a_response_comes_as_it_is_written() {
    let app = streams().await;
    let before = peak(&app);
    let response = app.get("/stream/send?bytes=100000001").send().await.unwrap();
    let length = response
        .bytes_stream()
        .fold(0, async |sum, piece| sum + piece.unwrap().len())
        .await;
    assert_eq!(length, 100_000_001);
    assert!(peak(&app) - before < FLAT);
}

#[tokio::test]
async fn a_guest_that_does_not_read_holds_back_the_client_and_not_the_host() {
    let app = streams().await;
    let before = peak(&app);
    // It may answer before all has been sent, and close: then there is nobody left to send to.
    let _ = app.post("/stream/ignore").body(body(100)).try_answer().await;
    assert!(peak(&app) - before < FLAT);
    assert_eq!(
        app.post("/stream/count")
            .body(body(3))
            .answer()
            .await
            .expect(200)
            .text(),
        (3 * MEBIBYTE).to_string()
    );
}

#[tokio::test]
async fn a_body_is_read_up_to_the_components_limit() {
    let streams = Component::new("streams").at("/stream").limited("body", "10KiB");
    let app = App::serving([streams]).start().await;
    let told = |length: usize| app.post("/stream/count").body(vec![0; length]).answer();
    let untold = |length: usize| {
        let pieces = vec![0; length]
            .chunks(1000)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect::<Vec<_>>();
        app.post("/stream/count")
            .body(reqwest::Body::wrap_stream(stream::iter(pieces)))
            .answer()
    };
    for length in [0, 10_239, 10_240] {
        assert_eq!(told(length).await.expect(200).text(), length.to_string());
        assert_eq!(untold(length).await.expect(200).text(), length.to_string());
    }
    assert_eq!(
        told(10_241).await.failure(),
        (413, "Request body too large".to_owned())
    );
    assert_eq!(
        untold(10_241).await.failure(),
        (413, "Request body too large".to_owned())
    );
}

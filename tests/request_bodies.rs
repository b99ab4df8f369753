//! Bodies of requests that come slowly, or break off.

use serde_json::json;

use crate::support::patience::eventually;
use crate::support::raw::{self, Raw, exchange};
use crate::support::{App, Component, Send};

/// The head of a request with a body in chunks.
fn chunked(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{headers}\r\n")
}

const BROKEN: (&str, &str) = ("400", "There was an error parsing the body");

#[track_caller]
fn assert_broken(answer: &str) {
    let (status, detail) = raw::failure(answer);
    assert_eq!((status, &*detail), BROKEN, "{answer}");
}

#[tokio::test]
async fn slow_bodies_hold_no_place_in_flight_and_have_ten_seconds() {
    let app = App::with("BERTH_MAX_IN_FLIGHT", "2").start().await;
    let mut slow = Vec::new();
    for path in ["/auth/login", "/auth/register", "/api/auth/login"]
        .into_iter()
        .cycle()
        .take(12)
    {
        let mut connection = Raw::connect(&app).await;
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n");
        connection
            .send(format!("{head}content-type: application/json\r\n\r\n{{\"email\""))
            .await;
        slow.push(connection);
    }
    let login = json!({ "email": "nobody@example.com", "password": "wrong" });
    for _ in 0..3 {
        assert_eq!(app.post("/auth/login").json(&login).answer().await.status, 401);
        assert_eq!(app.get("/api/tasks").answer().await.status, 401);
    }
    for connection in &mut slow {
        let answer = connection.rest().await;
        assert_eq!(
            raw::failure(&answer),
            ("408", "The request's body took too long".to_owned()),
            "{answer}"
        );
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_component_waits_for_a_body_no_longer_than_its_time() {
    let app = App::serving([Component::new("streams").at("/stream").limited("time", "1s")])
        .start()
        .await;
    let answer = exchange(
        &app,
        chunked("POST", "/stream/count", "connection: close\r\n") + "5\r\nhello\r\n",
    )
    .await;
    assert_eq!(
        raw::failure(&answer),
        ("504", "The component did not answer in time".to_owned())
    );
}

#[tokio::test]
async fn a_body_that_breaks_in_its_chunks_is_no_body() {
    let app = App::serving([
        Component::new("misbehaves").at("/bad"),
        Component::new("streams").at("/stream"),
    ]);
    let app = app.start().await;
    for broken in [
        "ZZ\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\nZZ\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "-1\r\n",
    ] {
        for path in ["/bad/swallow", "/stream/count"] {
            let answer = exchange(&app, chunked("POST", path, "") + broken).await;
            assert_broken(&answer);
            assert!(answer.contains("\r\nx-component: "), "{answer}");
        }
        let json = "content-type: application/json\r\n";
        for path in ["/auth/login", "/auth/register"] {
            assert_broken(&exchange(&app, chunked("POST", path, json) + broken).await);
        }
    }
    let whole = chunked("POST", "/bad/swallow", "connection: close\r\n") + "5\r\nhello\r\n0\r\n\r\n";
    assert!(exchange(&app, whole).await.ends_with("5 bytes are the whole"));
}

#[tokio::test]
async fn a_body_that_ends_too_soon_is_no_body() {
    let app = App::serving([Component::new("misbehaves").at("/bad")])
        .start()
        .await;
    let short = |path| format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello");
    for path in ["/bad/swallow", "/auth/login"] {
        for request in [short(path), chunked("POST", path, "") + "5\r\nhello\r\n"] {
            assert_broken(
                &Raw::connect(&app)
                    .await
                    .send(request)
                    .await
                    .finish()
                    .await
                    .rest()
                    .await,
            );
        }
    }
    assert!(!app.process.log().contains("ERROR"), "{}", app.process.log());
}

#[tokio::test]
async fn a_guest_whose_body_breaks_off_ends_at_once() {
    let app = App::serving([Component::new("misbehaves")
        .at("/bad")
        .limited("concurrency", "1")])
    .start()
    .await;
    Raw::connect(&app)
        .await
        .send(chunked("POST", "/bad/swallow", "") + "5\r\nhello\r\n")
        .await;
    eventually(200, async || app.get("/bad/nothing").answer().await.status).await;
}

#[tokio::test]
async fn a_push_that_breaks_off_is_told_so() {
    let app = App::serving([Component::new("hello").at("/hello")]).start().await;
    let address = app.admin_url().trim_start_matches("http://").parse().unwrap();
    let token = crate::support::operator::ADMIN_TOKEN;
    let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/wasm\r\n");
    let mut connection = Raw(tokio::net::TcpStream::connect::<std::net::SocketAddr>(address)
        .await
        .unwrap());
    let push = chunked("PUT", "/admin/components/hello", &headers) + "5\r\nhello\r\nZZ\r\n";
    let answer = connection.send(push).await.rest().await;
    assert_eq!(raw::failure(&answer), ("400", "The body broke off".to_owned()));
}

//! The headers that a component may not set, because they belong to the host or concern the whole site.

use crate::support::raw::{self, exchange};
use crate::support::{Answer, App, Component, Send};

async fn app() -> App {
    App::serving([Component::new("misbehaves").at("/bad")])
        .start()
        .await
}

/// Lets the component answer with a status and with headers.
async fn said(app: &App, status: u16, headers: &[&str]) -> Answer {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("status", &status.to_string());
    for header in headers {
        query.append_pair("header", header);
    }
    app.get(&format!("/bad/say?{}", query.finish()))
        .header("x-request-id", "mine")
        .answer()
        .await
}

fn all<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    answer
        .headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_component_sets_no_cookie_of_the_hosts_name() {
    let app = app().await;
    for cookie in [
        "access_token=evil; Path=/",
        "  access_token = evil",
        "\taccess_token\t=evil",
        "Access_Token=evil",
        "\"access_token\"=evil",
        "access_token",
        "=access_token=evil",
        " = access_token=evil; Path=/api",
        "__Host-access_token=evil; Secure; Path=/",
        "__secure-access_token=evil; Secure",
        "access_token=; Max-Age=0",
    ] {
        let header = format!("set-cookie:{cookie}");
        let answer = said(
            &app,
            200,
            &["set-cookie:theme=dark", &header, "set-cookie:lang=de"],
        )
        .await;
        assert_eq!(all(&answer, "set-cookie"), ["theme=dark", "lang=de"], "{cookie}");
        assert_eq!(
            (answer.status, answer.text()),
            (200, "said".to_owned()),
            "{cookie}"
        );
    }
    for cookie in [
        "my_access_token=1",
        "access_token2=1",
        "theme=access_token=1",
        "a=b; access_token=1",
    ] {
        assert_eq!(
            all(
                &said(&app, 200, &[&format!("set-cookie:{cookie}")]).await,
                "set-cookie"
            ),
            [cookie]
        );
    }
    let line = app.process.wait_for("set-cookie");
    for part in ["WARN", "misbehaves", "mine"] {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn a_component_speaks_for_itself_and_not_for_the_site_or_the_host() {
    let app = app().await;
    for (name, value) in [
        ("clear-site-data", "\"cookies\""),
        ("strict-transport-security", "max-age=31536000"),
        ("alt-svc", "h2=\"evil.example:443\""),
        ("service-worker-allowed", "/"),
        ("x-berth-user", "root"),
        ("x-berth-anything", "1"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-secret"),
        ("access-control-allow-private-network", "true"),
        ("connection", "x-kept"),
        ("keep-alive", "timeout=1000"),
        ("proxy-authenticate", "Basic"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
    ] {
        let answer = said(&app, 200, &[&format!("{name}:{value}"), "x-kept:1"])
            .await
            .expect(200);
        assert_eq!(
            (answer.header(name), answer.header("x-kept")),
            (None, Some("1")),
            "{name}"
        );
    }
    let answer = said(&app, 200, &["x-request-id:other", "x-component:todo@1"]).await;
    assert_eq!(
        (
            all(&answer, "x-request-id"),
            answer.header("x-component").unwrap()
        ),
        (vec!["mine"], "misbehaves@1")
    );
}

#[tokio::test]
async fn a_status_that_no_response_has_is_the_components_failure() {
    let app = app().await;
    for status in [100, 101, 102, 103, 199, 600, 999] {
        let answer = said(&app, status, &[]).await;
        assert_eq!(
            answer.failure(),
            (502, "The component failed".to_owned()),
            "{status}"
        );
        assert_eq!(answer.header("x-component"), Some("misbehaves@1"), "{status}");
        app.process
            .wait_for(&format!("answered with the status {status}"));
    }
    for status in [200, 204, 226, 304, 418, 451, 599] {
        assert_eq!(said(&app, status, &[]).await.status, status);
    }
}

/// The head and the body of the answer to a GET, as they are on the wire.
async fn wire(app: &App, path: &str) -> (String, String) {
    let answer = exchange(
        app,
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    )
    .await;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {answer:?}"));
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn a_status_is_the_same_in_the_log_and_on_the_wire() {
    let app = app().await;
    for (said, sent) in [
        (101, 502),
        (150, 502),
        (200, 200),
        (204, 204),
        (304, 304),
        (599, 599),
        (600, 502),
    ] {
        let (head, _) = wire(&app, &format!("/bad/say?status={said}")).await;
        assert!(head.starts_with(&format!("http/1.1 {sent} ")), "{said}: {head}");
        let answer = app
            .get(&format!("/bad/say?status={said}"))
            .header("x-request-id", format!("s{said}"));
        assert_eq!(answer.answer().await.status, sent);
        let line = app
            .process
            .wait_for(&format!("\"request_id\":\"s{said}\",\"client\""));
        assert!(line.contains(&format!("\"status\":{sent}")), "{said}: {line}");
    }
}

#[tokio::test]
async fn a_response_that_has_no_body_has_no_length_either() {
    let app = app().await;
    for status in [204, 304] {
        for header in [
            "",
            "&header=content-length:4",
            "&header=content-length:100",
            "&header=content-length:0",
        ] {
            let (head, body) = wire(&app, &format!("/bad/say?status={status}{header}&header=x-kept:1")).await;
            assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
            assert!(head.contains("x-kept: 1") && body.is_empty(), "{head} {body}");
            assert!(
                !head.contains("content-length") && !head.contains("transfer-encoding"),
                "{head}"
            );
        }
    }
    // Whatever the component wrote does not become the next response of the connection.
    let next = "GET /bad/say?status=204&header=content-length:4 HTTP/1.1\r\nhost: x\r\n\r\n\
                GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answers = exchange(&app, next).await;
    assert_eq!(raw::status(&answers), "204");
    assert!(answers.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answers}");
}

#[tokio::test]
async fn a_body_that_is_not_complete_is_a_failure_with_a_reason_in_the_log() {
    let app = app().await;
    for (path, reason) in [
        ("unfinished", "without calling `outgoing-body.finish`"),
        ("unfinished?text=said", "without calling `outgoing-body.finish`"),
        // Long enough to be interrupted after the head.
        ("unfinished?busy=25", "without calling `outgoing-body.finish`"),
        (
            "unfinished?busy=25&text=said",
            "without calling `outgoing-body.finish`",
        ),
        (
            "say?header=content-length:10",
            "its content-length is 10, but only 4 bytes",
        ),
    ] {
        for _ in 0..50 {
            let answer = app.get(&format!("/bad/{path}")).answer().await;
            assert_eq!(
                answer.failure(),
                (502, "The component failed".to_owned()),
                "{path}"
            );
            assert_eq!(answer.header("x-component"), Some("misbehaves@1"), "{path}");
        }
        let line = app.process.wait_for(reason);
        assert!(line.contains("WARN") && line.contains("misbehaves"), "{line}");
    }
}

#[tokio::test]
async fn a_length_that_is_shorter_than_the_body_is_said_in_the_log() {
    let app = app().await;
    for (path, text, length) in [("late", "said", 4), ("say?header=content-length:2", "sa", 2)] {
        let answer = app.get(&format!("/bad/{path}")).answer().await;
        assert_eq!((answer.status, &*answer.text()), (200, text));
        let line = app
            .process
            .wait_for(&format!("has a content-length of {length},"));
        assert!(line.contains("WARN") && line.contains("misbehaves"), "{line}");
    }
}

#[tokio::test]
async fn the_head_of_a_get_is_what_head_answers() {
    let app = app().await;
    let answer = app
        .request("HEAD", "/bad/say?header=content-length:10")
        .answer()
        .await;
    assert_eq!(
        (answer.status, answer.header("content-length"), &*answer.text()),
        (200, Some("10"), "")
    );
}

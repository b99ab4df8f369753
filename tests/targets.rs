//! Which host a request is for, and which path (RFC 9112, 3.2 and 3.3).

use crate::support::raw::{self, exchange};
use crate::support::{App, Component, Send as _};

async fn app() -> App {
    App::serving([Component::new("shows")
        .at("/shows")
        .granted(&["identity", "config", "logging"])])
    .start()
    .await
}

/// Sends a request without a body: its first line, and its other lines.
async fn ask(app: &App, line: &str, headers: &str) -> String {
    exchange(app, format!("{line}\r\n{headers}connection: close\r\n\r\n")).await
}

#[tokio::test]
async fn a_request_names_its_host_exactly_once() {
    let app = app().await;
    for path in ["/health", "/shows/headers", "/nothing", "/auth/me"] {
        for hosts in [
            "",
            "host: x\r\nhost: x\r\n",
            "host: x\r\nhost: y\r\n",
            "host: a b\r\n",
            "host: a/b\r\n",
            "host: user@x\r\n",
            "host: x:port\r\n",
            "host: x:99999\r\n",
            "host:\r\n",
            "host: http://x\r\n",
            "host: [::1\r\n",
            "host: [x]\r\n",
            "host: \u{e4}\r\n",
        ] {
            let answer = ask(&app, &format!("GET {path} HTTP/1.1"), hosts).await;
            assert_eq!(
                raw::failure(&answer),
                ("400", "Malformed request".to_owned()),
                "{path} {hosts:?}"
            );
        }
        for hosts in [
            "host: x\r\n",
            "host: example.com:8000\r\n",
            "host: [::1]:80\r\n",
            "HOST:1.2.3.4\r\n",
            "host: a_b.c\r\n",
        ] {
            let answer = ask(&app, &format!("GET {path} HTTP/1.1"), hosts).await;
            assert_ne!(raw::status(&answer), "400", "{path} {hosts:?}: {answer}");
        }
    }
    let log = app.process.log();
    assert!(!log.contains("ERROR"), "{log}");
    assert!(log.lines().any(|line| line.contains("\"status\":400")), "{log}");
}

#[tokio::test]
async fn http_1_0_needs_no_host() {
    let app = app().await;
    for path in ["/health", "/shows/headers"] {
        for (hosts, status) in [
            ("", "200"),
            ("host: x\r\n", "200"),
            ("host: x\r\nhost: y\r\n", "400"),
        ] {
            let answer = ask(&app, &format!("GET {path} HTTP/1.0"), hosts).await;
            assert_eq!(raw::status(&answer), status, "{path} {hosts:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn an_absolute_target_is_the_host_and_the_path() {
    let app = app().await;
    let answer = ask(
        &app,
        "GET http://example.com:81/shows/authority/ HTTP/1.1",
        "host: other\r\n",
    )
    .await;
    assert!(answer.ends_with("\r\n\r\nexample.com:81"), "{answer}");
    let answer = ask(
        &app,
        "GET http://example.com/shows/target?a=b HTTP/1.1",
        "host: other\r\n",
    )
    .await;
    assert!(answer.ends_with("Method::Get /shows/target?a=b"), "{answer}");
    assert_eq!(
        raw::status(&ask(&app, "GET http://example.com HTTP/1.1", "host: x\r\n").await),
        "200"
    );
    assert_eq!(
        raw::status(&ask(&app, "GET HTTPS://example.com/health HTTP/1.0", "").await),
        "200"
    );
    for (line, hosts) in [
        ("GET http://example.com/health HTTP/1.1", ""),
        ("GET ftp://example.com/health HTTP/1.1", "host: x\r\n"),
        ("GET http://user:pw@example.com/health HTTP/1.1", "host: x\r\n"),
        ("GET example.com:80 HTTP/1.1", "host: x\r\n"),
        ("GET * HTTP/1.1", "host: x\r\n"),
    ] {
        assert_eq!(
            raw::failure(&ask(&app, line, hosts).await),
            ("400", "Malformed request".to_owned()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn trace_and_connect_never_reach_a_component() {
    let app = app().await;
    let everything = "\r\nallow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT\r\n";
    for line in [
        "TRACE /shows/headers HTTP/1.1",
        "TRACE http://x/shows/headers HTTP/1.1",
        "CONNECT /shows/headers HTTP/1.1",
        "CONNECT example.com:443 HTTP/1.1",
        "CONNECT x HTTP/1.1",
    ] {
        let answer = ask(&app, line, "host: x\r\nx-secret: told\r\n").await;
        assert_eq!(
            raw::failure(&answer),
            ("405", "Method Not Allowed".to_owned()),
            "{line}"
        );
        assert!(
            answer.contains(everything) && !answer.contains("told") && !answer.contains("x-component"),
            "{answer}"
        );
    }
    assert_eq!(
        app.request("OPTIONS", "/shows/target").answer().await.text(),
        "Method::Options /shows/target"
    );
}

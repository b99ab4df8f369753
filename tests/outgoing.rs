//! Requests that components send: how they arrive, and how their failures are told apart.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::certificates::Certificates;
use crate::support::postgres::free_port;
use crate::support::upstream::{Reply, Upstream};
use crate::support::{Answer, App, Component, Send};

/// A host whose component may send requests to these destinations.
async fn calling(destinations: &[&str]) -> App {
    App::serving([calls(destinations)]).start().await
}

fn calls(destinations: &[&str]) -> Component {
    Component::new("calls-out")
        .at("/call")
        .saying(&format!("outgoing = {destinations:?}"))
}

fn trusting(destinations: &[&str], authority: &Path) -> Component {
    calls(destinations).saying(&format!("outgoing_ca = \"{}\"", authority.display()))
}

/// Lets the component send a request to `url`, with further parameters.
async fn call(app: &App, url: &str, parameters: &[(&str, &str)]) -> Answer {
    let request = app.get("/call").query(&[("url", url)]).query(parameters);
    request.header("x-request-id", "the-call").answer().await
}

/// A server that answers with the first line of the request.
fn echo() -> Upstream {
    Upstream::start(|request| Reply::Body(request.text.lines().next().unwrap().to_owned()))
}

#[tokio::test]
async fn a_path_arrives_as_the_component_wrote_it() {
    let upstream = echo();
    let app = calling(&[&upstream.url("")]).await;
    for path in [
        "/",
        "/a/../b/./c//d/..",
        "/%2e%2e/%2E/x%2Fy",
        "/%zz/%/%4",
        "/a?b=/../%2e%2e&c=%zz+%20&sig=a%2Bb/c==",
        "/~!$&'()*+,;=:@|^{}\"?[]\\'",
        "/?",
    ] {
        let answer = call(&app, &upstream.url(path), &[]).await;
        assert_eq!(answer.text(), format!("200 GET {path} HTTP/1.1"));
    }
    assert_eq!(
        call(&app, &upstream.url("?a=b"), &[]).await.text(),
        "200 GET /?a=b HTTP/1.1"
    );
    for request in upstream.requests() {
        let head = request.text.to_ascii_lowercase();
        assert!(
            head.contains(&format!("host: {}\r\n", upstream.address)),
            "{head}"
        );
        assert!(
            !head.contains("accept") && !head.contains("user-agent"),
            "nothing is added: {head}"
        );
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let upstream = echo();
    let app = calling(&[&upstream.url("")]).await;
    for _ in 0..20 {
        assert_eq!(
            call(&app, &upstream.url("/"), &[]).await.text(),
            "200 GET / HTTP/1.1"
        );
    }
    let connections = upstream.requests().iter().map(|request| request.connection).max();
    assert!(connections < Some(20), "{connections:?}");
}

/// Checks the error that the component is given, and the line of the log.
async fn fails(app: &App, url: &str, parameters: &[(&str, &str)], code: &str, reason: &str) {
    let answer = call(app, url, parameters).await;
    let text = answer.text();
    assert!(
        answer.status == 400 && text.contains(code),
        "{url}: {code}: {} {text}",
        answer.status
    );
    let line = app.process.wait_for(reason);
    for part in ["WARN", "calls-out", "the-call", "a component's request to"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn connections_that_fail_are_told_apart() {
    let closes = Upstream::start(|_| Reply::Then(""));
    let breaks = Upstream::start(|_| Reply::Then("HTTP/1.1 200 OK\r\ncontent-le"));
    let babbles = Upstream::start(|_| Reply::Then("220 smtp.example ready\r\n\r\n"));
    let stops = Upstream::start(|_| Reply::Then("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"));
    let refuses = format!("http://127.0.0.1:{}", free_port());
    let nowhere = format!("http://{}.example", "x".repeat(64));
    for (url, code, reason) in [
        (
            &*refuses,
            "ErrorCode::ConnectionRefused",
            "the connection was refused",
        ),
        (&*nowhere, "ErrorCode::DnsError", "cannot be resolved"),
        (
            &closes.url(""),
            "ErrorCode::ConnectionTerminated",
            "closed before a response came",
        ),
        (
            &breaks.url(""),
            "ErrorCode::HttpResponseIncomplete",
            "the response broke off",
        ),
        (&babbles.url(""), "ErrorCode::HttpProtocolError", "is not HTTP/1"),
        (
            &stops.url(""),
            "after \\\"part\\\": incomplete HTTP response",
            "the response broke off",
        ),
    ] {
        fails(&calling(&[url]).await, url, &[], code, reason).await;
    }
    let app = calling(&[&closes.url("")]).await;
    let code = "ErrorCode::HttpRequestMethodInvalid";
    fails(
        &app,
        &closes.url(""),
        &[("method", "CONNECT")],
        code,
        "cannot send CONNECT",
    )
    .await;
}

#[tokio::test]
async fn failures_of_tls_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let good = Certificates::for_host("localhost");
    let authority = good.authority_in(folder.path());
    let other = Certificates::for_host("localhost");
    let (elsewhere, expired) = (
        Certificates::for_host("elsewhere.example"),
        Certificates::expired_of("localhost"),
    );
    let answers = |certificates: &Certificates, protocols: &[&str]| {
        let config = certificates.server_config(protocols);
        Upstream::start_tls(config, |_| Reply::Body("hello".to_owned()))
    };
    let [own, unknown] = [&good, &other].map(|certificates| answers(certificates, &[]));
    let [misnamed, expired] = [&elsewhere, &expired].map(|certificates| {
        let folder = tempfile::tempdir().unwrap();
        (
            answers(certificates, &[]),
            certificates.authority_in(folder.path()),
            folder,
        )
    });
    let refusing = answers(&good, &["h2"]);
    let closing = Upstream::start(|_| Reply::Then(""));
    let plain = Upstream::start(|_| Reply::Then("HTTP/1.1 400 Bad Request\r\n\r\n"));
    for (upstream, authority, code, reason) in [
        (
            &unknown,
            &authority,
            "ErrorCode::TlsCertificateError",
            "UnknownIssuer; name the authority's certificate as `outgoing_ca` in [components.calls-out]",
        ),
        (
            &misnamed.0,
            &misnamed.1,
            "ErrorCode::TlsCertificateError",
            "not valid for name",
        ),
        (
            &expired.0,
            &expired.1,
            "ErrorCode::TlsCertificateError",
            "certificate expired",
        ),
        (
            &refusing,
            &authority,
            "ErrorCode::TlsAlertReceived",
            "NoApplicationProtocol",
        ),
        (
            &closing,
            &authority,
            "ErrorCode::ConnectionTerminated",
            "before TLS was agreed on",
        ),
        (&plain, &authority, "ErrorCode::TlsProtocolError", "TLS failed"),
    ] {
        let url = format!("https://localhost:{}", upstream.address.port());
        let app = App::serving([trusting(&[&url, "127.0.0.1"], authority)])
            .start()
            .await;
        fails(&app, &url, &[], code, reason).await;
    }
    let url = format!("https://localhost:{}", own.address.port());
    let app = App::serving([calls(&[&url, "127.0.0.1"])]).start().await;
    fails(&app, &url, &[], "ErrorCode::TlsCertificateError", "UnknownIssuer").await;
    let app = App::serving([trusting(&[&url, "127.0.0.1"], &authority)])
        .start()
        .await;
    assert_eq!(call(&app, &url, &[]).await.text(), "200 hello");
}

#[tokio::test]
async fn timeouts_of_a_component_are_kept() {
    let mute = Upstream::mute();
    let stalls = Upstream::start(|_| Reply::AndWaits("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"));
    let encrypted = format!("https://{}", mute.address);
    let app = calling(&[&mute.url(""), &stalls.url(""), &encrypted]).await;
    for (url, timeout, code, reason) in [
        (
            encrypted,
            "connect",
            "ErrorCode::ConnectionTimeout",
            "no connection was made in time",
        ),
        (
            mute.url(""),
            "first_byte",
            "ErrorCode::ConnectionReadTimeout",
            "first-byte-timeout",
        ),
        (
            stalls.url(""),
            "between_bytes",
            "after \\\"part\\\": connection read timeout",
            "between-bytes-timeout",
        ),
    ] {
        fails(&app, &url, &[(timeout, "50")], code, reason).await;
    }
}

/// A server that closes a connection when the second request on it has come, as often as `is_armed` is set.
fn closing(is_armed: &Arc<AtomicBool>) -> Upstream {
    let is_armed = Arc::clone(is_armed);
    Upstream::start(move |request| {
        if request.number > 1 && is_armed.swap(false, Ordering::SeqCst) {
            return Reply::Then("");
        }
        Reply::Body(request.text.split_once("\r\n\r\n").unwrap().1.to_owned())
    })
}

#[tokio::test]
async fn a_request_that_a_kept_connection_loses_is_sent_once_more_if_it_may_be() {
    let is_armed = Arc::new(AtomicBool::new(true));
    let upstream = closing(&is_armed);
    let app = calling(&[&upstream.url("")]).await;
    for (method, repeats) in [
        ("GET", true),
        ("PUT", true),
        ("DELETE", true),
        ("POST", false),
        ("PATCH", false),
    ] {
        is_armed.store(true, Ordering::SeqCst);
        // A connection is kept a moment after its response was read: one of these requests meets it.
        while is_armed.load(Ordering::SeqCst) {
            let body = if method == "GET" { "" } else { "the body" };
            let answer = call(&app, &upstream.url(""), &[("method", method), ("body", body)]).await;
            if is_armed.load(Ordering::SeqCst) || repeats {
                assert_eq!(
                    (answer.status, answer.text().contains(body)),
                    (200, true),
                    "{method}"
                );
            } else {
                assert_eq!(answer.text(), "ErrorCode::ConnectionTerminated", "{method}");
            }
        }
    }
}

#[test]
fn a_wrong_authority_is_a_fault_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    std::fs::write(&key, Certificates::for_host("localhost").key).unwrap();
    let authority = Certificates::for_host("localhost").authority_in(folder.path());
    for (destination, file, reason) in [
        ("https://localhost", Path::new("/nowhere/ca.pem"), "No such file"),
        ("https://localhost", &*key, "it has no certificate"),
        ("http://localhost", &*authority, "list an `https://` destination"),
    ] {
        let check = App::serving([trusting(&[destination], file)]).run("check");
        let said = String::from_utf8_lossy(&check.stderr).into_owned();
        assert_eq!(check.status.code(), Some(1), "{said}");
        assert!(said.contains("berth.toml:") && said.contains(reason), "{said}");
    }
    let check = App::serving([trusting(&["https://localhost"], &authority)]).run("check");
    assert!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
}

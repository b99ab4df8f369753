//! What a component may not say in a response, because the host's word is meant or the whole site is.

use crate::support::{Answer, App, Component, Send};

async fn app() -> App {
    App::serving([Component::new("misbehaves").at("/bad")]).start().await
}

/// Lets the component answer with a status and with headers.
async fn said(app: &App, status: u16, headers: &[&str]) -> Answer {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("status", &status.to_string());
    for header in headers {
        query.append_pair("header", header);
    }
    app.get(&format!("/bad/say?{}", query.finish())).header("x-request-id", "mine").answer().await
}

fn all<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
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
        let answer = said(&app, 200, &["set-cookie:theme=dark", &header, "set-cookie:lang=de"]).await;
        assert_eq!(all(&answer, "set-cookie"), ["theme=dark", "lang=de"], "{cookie}");
        assert_eq!((answer.status, answer.text()), (200, "said".to_owned()), "{cookie}");
    }
    for cookie in ["my_access_token=1", "access_token2=1", "theme=access_token=1", "a=b; access_token=1"] {
        assert_eq!(all(&said(&app, 200, &[&format!("set-cookie:{cookie}")]).await, "set-cookie"), [cookie]);
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
        let answer = said(&app, 200, &[&format!("{name}:{value}"), "x-kept:1"]).await.expect(200);
        assert_eq!((answer.header(name), answer.header("x-kept")), (None, Some("1")), "{name}");
    }
    let answer = said(&app, 200, &["x-request-id:other", "x-component:todo@1"]).await;
    assert_eq!(
        (all(&answer, "x-request-id"), answer.header("x-component").unwrap()),
        (vec!["mine"], "misbehaves@1")
    );
}

#[tokio::test]
async fn a_status_that_no_response_has_is_the_components_failure() {
    let app = app().await;
    for status in [100, 101, 102, 103, 199, 600, 999] {
        let answer = said(&app, status, &[]).await;
        assert_eq!(answer.failure(), (502, "The component failed".to_owned()), "{status}");
        assert_eq!(answer.header("x-component"), Some("misbehaves@1"), "{status}");
        app.process.wait_for(&format!("answered with the status {status}"));
    }
    for status in [200, 204, 226, 304, 418, 451, 599] {
        assert_eq!(said(&app, status, &[]).await.status, status);
    }
}

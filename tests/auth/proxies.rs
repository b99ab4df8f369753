//! `TRUSTED_PROXIES`: the client's address as proxies tell it, if they are to be believed.

use crate::support::{App, Component, Send};

fn shows() -> Component {
    Component::new("shows")
        .at("/show")
        .granted(&["config", "identity", "logging"])
}

/// The headers that a component sees.
async fn seen(app: &App, sent: &[(&str, &str)]) -> String {
    let request = sent
        .iter()
        .fold(app.get("/show/headers"), |request, (name, value)| {
            request.header(*name, *value)
        });
    request.answer().await.expect(200).text()
}

/// The client's address, as a component is told it.
async fn client(app: &App, sent: &[(&str, &str)]) -> String {
    let headers = seen(app, sent).await;
    let line = headers
        .lines()
        .find_map(|line| line.strip_prefix("x-berth-client: "));
    line.unwrap_or_else(|| panic!("no client in {headers}"))
        .to_owned()
}

#[tokio::test]
async fn without_trusted_proxies_the_client_is_the_other_end_of_the_connection() {
    let app = App::serving([shows()]).start().await;
    for sent in [
        &[][..],
        &[("x-forwarded-for", "192.0.2.1")],
        &[("forwarded", "for=192.0.2.1")],
        &[("x-real-ip", "192.0.2.1")],
        &[("x-berth-client", "192.0.2.1")],
    ] {
        assert_eq!(client(&app, sent).await, "127.0.0.1", "{sent:?}");
    }
}

#[tokio::test]
async fn a_trusted_proxys_word_is_read_from_the_right() {
    let app = App::serving([shows()])
        .with("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8, fd00::/8")
        .start()
        .await;
    for (sent, address) in [
        (&[][..], "127.0.0.1"),
        (&[("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        (
            &[("x-forwarded-for", "203.0.113.9, 192.0.2.1, 10.1.2.3")],
            "192.0.2.1",
        ),
        (
            &[
                ("x-forwarded-for", "203.0.113.9"),
                ("x-forwarded-for", "192.0.2.1"),
            ],
            "192.0.2.1",
        ),
        (&[("x-forwarded-for", "192.0.2.1:4711")], "192.0.2.1"),
        (&[("x-forwarded-for", "203.0.113.9, unknown")], "127.0.0.1"),
        (&[("x-forwarded-for", "203.0.113.9, , 10.1.2.3")], "10.1.2.3"),
        (&[("x-forwarded-for", "10.0.0.7, 10.1.2.3")], "10.0.0.7"),
        (&[("forwarded", "for=192.0.2.1;proto=https")], "192.0.2.1"),
        (
            &[(
                "forwarded",
                "for=203.0.113.9, for=\"[2001:db8::7]:4711\";by=x, for=\"[fd00::1]\"",
            )],
            "2001:db8::7",
        ),
        (
            &[("forwarded", "for=192.0.2.1;host=\"a, for=203.0.113.9;x=\"")],
            "127.0.0.1",
        ),
        (
            &[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.1")],
            "192.0.2.1",
        ),
        (
            &[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "203.0.113.9")],
            "127.0.0.1",
        ),
    ] {
        assert_eq!(client(&app, sent).await, address, "{sent:?}");
    }
}

#[tokio::test]
async fn what_is_sent_about_the_way_reaches_no_component() {
    for app in [
        App::serving([shows()]).start().await,
        App::serving([shows()])
            .with("TRUSTED_PROXIES", "127.0.0.0/8")
            .start()
            .await,
    ] {
        let sent = [
            ("forwarded", "for=203.0.113.9;host=evil.example.com"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-host", "evil.example.com"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-anything", "evil"),
            ("x-real-ip", "203.0.113.10"),
            ("x-mine", "kept"),
        ];
        let headers = seen(&app, &sent).await;
        assert!(headers.contains("x-mine: kept"), "{headers}");
        for forged in ["forwarded", "x-real-ip", "evil", "203.0.113.10"] {
            assert!(!headers.contains(forged), "{forged}: {headers}");
        }
    }
}

#[tokio::test]
async fn the_log_has_the_clients_address() {
    let app = App::serving([shows()])
        .with("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    seen(&app, &[("x-forwarded-for", "192.0.2.77")]).await;
    let line = app.process.wait_for("192.0.2.77");
    assert!(line.contains("\"client\":\"192.0.2.77\""), "{line}");
}

#[tokio::test]
async fn with_trusted_proxies_nobody_else_says_how_a_request_came() {
    let builder = || App::with("ENVIRONMENT", "production");
    let secure = async |app: &App| {
        let body = serde_json::json!({ "email": "ann@example.com", "password": super::PASSWORD });
        app.post("/auth/register").json(&body).answer().await;
        let answer = app
            .post("/auth/login")
            .json(&body)
            .header("x-forwarded-proto", "https")
            .answer()
            .await;
        answer
            .expect(200)
            .header("set-cookie")
            .unwrap()
            .contains("; Secure")
    };
    assert!(secure(&builder().with("TRUSTED_PROXIES", "127.0.0.1").start().await).await);
    assert!(!secure(&builder().with("TRUSTED_PROXIES", "192.0.2.0/24").start().await).await);
}

#[tokio::test]
async fn what_is_no_network_is_refused_at_the_start() {
    for value in ["proxy", "10.0.0.0/33", "10.0.0.1/8x", "10.0.0.0/8;fd00::/8"] {
        let output = App::with("TRUSTED_PROXIES", value).run("serve");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("TRUSTED_PROXIES"),
            "{value}: {said}"
        );
    }
}

//! One line for each request: who made it, what answered it, and what it used.

use fake_cohere::FakeCohere;
use serde_json::{Value, json};

use super::{access_line, shows};
use crate::data::sql;
use crate::support::raw::Raw;
use crate::support::{App, Component, Send, tokens};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn a_line_names_the_caller_and_the_component_and_what_the_request_used() {
    let app = App::serving([sql("sql")]).start().await;
    let token = tokens::for_subject("ann");
    let answer = app
        .get("/sql/query")
        .query(&[("sql", "SELECT pg_sleep(0.02)")])
        .bearer_auth(token)
        .header("x-request-id", "one")
        .header("user-agent", "a-browser/1.0")
        .answer()
        .await;
    let line = access_line(&app, "one").await;
    for (field, value) in [
        ("method", json!("GET")),
        ("path", "/sql/query".into()),
        ("route", "/sql/{*rest}".into()),
        ("status", answer.status.into()),
        ("user", "ann".into()),
        ("user_agent", "a-browser/1.0".into()),
        ("client", "127.0.0.1".into()),
        ("component", "sql".into()),
        ("version", 1.into()),
        ("request_bytes", 0.into()),
        ("response_bytes", answer.body.len().into()),
        ("statements", 1.into()),
    ] {
        assert_eq!(line[field], value, "{field} in {line}");
    }
    let number = |field: &str| {
        line[field]
            .as_f64()
            .unwrap_or_else(|| panic!("{field} in {line}"))
    };
    assert!(number("database_ms") >= 20.0, "{line}");
    assert!(number("duration_ms") >= number("database_ms"), "{line}");
    assert!(number("instance_ms") > 0.0 && number("cpu_ms") > 0.0, "{line}");
    assert!(
        number("queue_ms") >= 0.0 && number("memory_bytes") >= 65536.0,
        "{line}"
    );
    for absent in ["model_ms", "tokens", "trace_id", "probe"] {
        assert!(line.get(absent).is_none(), "{absent} in {line}");
    }
}

#[tokio::test]
async fn a_line_has_no_user_without_a_verified_token_and_no_component_without_one() {
    let app = App::serving([shows()])
        .with("ANONYMOUS_USER", "guest")
        .start()
        .await;
    app.get("/shows/caller")
        .header("x-request-id", "anonymous")
        .answer()
        .await
        .expect(200);
    let line = access_line(&app, "anonymous").await;
    assert_eq!((line.get("user"), &line["component"]), (None, &"shows".into()));

    let forged = format!("{}x", tokens::for_subject("ann"));
    app.get("/shows/caller")
        .bearer_auth(forged)
        .header("x-request-id", "forged")
        .answer()
        .await
        .expect(401);
    assert_eq!(access_line(&app, "forged").await.get("user"), None);

    app.get("/nowhere")
        .header("x-request-id", "nowhere")
        .answer()
        .await
        .expect(404);
    let line = access_line(&app, "nowhere").await;
    for absent in ["route", "component", "queue_ms", "cpu_ms"] {
        assert!(line.get(absent).is_none(), "{absent} in {line}");
    }
}

#[tokio::test]
async fn the_hosts_own_routes_have_their_patterns_and_users() {
    let app = App::serving([shows()]).start().await;
    app.get("/openapi.json")
        .header("x-request-id", "document")
        .answer()
        .await
        .expect(200);
    assert_eq!(access_line(&app, "document").await["route"], "/openapi.json");

    let body = json!({ "email": "ann@example.com", "password": "correct horse" });
    let registered = app
        .post("/api/auth/signup")
        .json(&body)
        .header("x-request-id", "registered")
        .answer()
        .await
        .expect(201)
        .json();
    let line = access_line(&app, "registered").await;
    assert_eq!(line["route"], "/api/auth/signup");
    assert_eq!(line["request_bytes"], body.to_string().len());
    app.get("/auth/me")
        .bearer_auth(registered["access_token"].as_str().unwrap())
        .header("x-request-id", "me")
        .answer()
        .await
        .expect(200);
    let line = access_line(&app, "me").await;
    assert_eq!((&line["route"], &line["user"]), (&"/auth/me".into(), &"1".into()));
    assert!(!app.process.log().contains("ann@example.com"));
}

#[tokio::test]
async fn the_models_time_and_tokens_are_in_the_line() {
    let cohere = FakeCohere::start(0).await.unwrap();
    let app = App::with("COHERE_API_KEY", "key")
        .with("COHERE_BASE_URL", cohere.base_url())
        .start()
        .await;
    for (id, accept) in [("whole", "application/json"), ("streamed", "text/event-stream")] {
        app.post("/api/chat")
            .bearer_auth(tokens::for_subject("ann"))
            .header("x-request-id", id)
            .header("accept", accept)
            .json(&json!({ "message": "add buy milk" }))
            .answer()
            .await
            .expect(200);
        let line = access_line(&app, id).await;
        assert_eq!(line["component"], "ai");
        assert!(line["tokens"].as_u64().unwrap() > 0, "{line}");
        assert!(line["model_ms"].as_f64().unwrap() > 0.0, "{line}");
        assert!(
            line["statements"].as_u64().unwrap() > 1,
            "those of the todo component count: {line}"
        );
    }
}

#[tokio::test]
async fn an_untrusted_peer_forges_neither_trace_nor_client() {
    let forge = async |app: &App, id: &str| {
        app.get("/shows/headers")
            .header("x-request-id", id)
            .header("traceparent", TRACEPARENT)
            .header("x-forwarded-for", "192.0.2.66")
            .answer()
            .await
            .expect(200);
        let line = access_line(app, id).await;
        let text = |field: &str| line[field].as_str().map(str::to_owned);
        (text("trace_id"), text("client"))
    };
    let (trace, client) = (Some(TRACE.to_owned()), |address: &str| Some(address.to_owned()));
    let app = App::serving([shows()]).start().await;
    assert_eq!(forge(&app, "stranger").await, (None, client("127.0.0.1")));
    let app = App::serving([shows()])
        .with("TRUSTED_PROXIES", "192.0.2.0/24")
        .start()
        .await;
    assert_eq!(forge(&app, "stranger").await, (None, client("127.0.0.1")));
    let app = App::serving([shows()])
        .with("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    assert_eq!(forge(&app, "proxy").await, (trace, client("192.0.2.66")));
}

#[tokio::test]
async fn a_user_agent_is_cut_and_controls_no_terminal() {
    let app = App::serving([shows()]).start().await;
    let mut head =
        b"GET /shows/caller HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: odd\r\nuser-agent: "
            .to_vec();
    head.extend_from_slice(b"a\xc2\x9b31m\tb\xff \xe2\x80\xae");
    head.extend(std::iter::repeat_n(b'x', 4000));
    head.extend_from_slice(b"\r\n\r\n");
    let answer = Raw::connect(&app).await.send(head).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let line = access_line(&app, "odd").await;
    let agent = line["user_agent"].as_str().unwrap();
    assert!(
        agent.starts_with("a\u{9b}31m\tb\u{fffd} \u{202e}xxx"),
        "{agent:?}"
    );
    assert!(agent.len() < 270 && agent.ends_with('…'), "{agent:?}");
    let log = app.process.log();
    assert!(!log.contains(['\u{9b}', '\u{202e}', '\t']), "they are escaped");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_a_line_with_what_was_used() {
    let slow = Component::new("misbehaves").at("/bad").limited("time", "20s");
    let app = App::serving([slow]).start().await;
    let mut socket = Raw::connect(&app).await;
    socket
        .send("GET /bad/sleep HTTP/1.1\r\nhost: x\r\nx-request-id: gone\r\n\r\n")
        .await;
    // Another request that came later is answered, so this one has been read.
    app.get("/bad").answer().await.expect(200);
    drop(socket);
    let line = access_line(&app, "gone").await;
    assert_eq!(line["message"], "the client went away before the response");
    assert_eq!(
        (line.get("status"), &line["path"]),
        (None, &Value::from("/bad/sleep"))
    );
}

#[tokio::test]
async fn no_request_counts_the_statements_of_another() {
    let app = App::serving([sql("sql")]).start().await;
    for id in ["first", "second"] {
        app.get("/sql/commit")
            .query(&[("sql", "SELECT 1")])
            .header("x-request-id", id)
            .answer()
            .await
            .expect(200);
        assert_eq!(access_line(&app, id).await["statements"], 1);
    }
}

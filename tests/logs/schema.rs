//! Every line of the log, and every line that the admin API sends, is as docs/log.schema.json describes it.

use std::collections::BTreeSet;
use std::fs;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use fake_cohere::FakeCohere;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::recent;
use crate::data::{run, sql};
use crate::support::app::ROOT;
use crate::support::raw::{Raw, exchange};
use crate::support::versions::{version, versioned};
use crate::support::{App, Component, Send as _, tokens};

/// The schema of a line.
struct LineSchema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl LineSchema {
    fn read() -> Self {
        let text = fs::read_to_string(format!("{ROOT}/docs/log.schema.json")).unwrap();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        let url = "file:///log.schema.json";
        compiler
            .add_resource(url, serde_json::from_str(&text).unwrap())
            .unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile(url, &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn fault(&self, line: &Value) -> Option<String> {
        let fault = self.schemas.validate(line, self.index).err();
        fault.map(|fault| format!("{fault:#}"))
    }

    /// Checks all lines of a log, and returns them.
    #[track_caller]
    fn check(&self, log: &str) -> Vec<Value> {
        let lines = log.lines().map(|text| {
            let line: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            if let Some(fault) = self.fault(&line) {
                panic!("{fault}\n{text}");
            }
            line
        });
        lines.collect()
    }
}

#[test]
fn the_schema_refuses_lines_that_are_not_as_documented() {
    let schema = LineSchema::read();
    let line = |change: &dyn Fn(&mut Value)| {
        let mut line = json!({
            "timestamp": "2026-11-28T12:00:00.123456Z",
            "level": "INFO",
            "message": "request",
            "target": "berth::routes::access_log",
            "method": "GET",
            "path": "/",
            "status": 200,
            "duration_ms": 0.5,
            "request_bytes": 0,
            "response_bytes": 2,
            "request_id": "one",
        });
        change(&mut line);
        schema.fault(&line)
    };
    assert_eq!(line(&|_| {}), None);
    assert_eq!(line(&|line| line["target"] = "sqlx::query".into()), None);
    for (name, change) in [
        (
            "an unknown field",
            (&|line: &mut Value| line["colour"] = "red".into()) as &dyn Fn(&mut Value),
        ),
        ("another type", &|line| line["status"] = "200".into()),
        ("another unit", &|line| line["duration_ms"] = "0.5 ms".into()),
        ("no level", &|line| {
            drop(line.as_object_mut().unwrap().remove("level"));
        }),
        ("no status", &|line| {
            drop(line.as_object_mut().unwrap().remove("status"));
        }),
        ("another level", &|line| line["level"] = "NOTICE".into()),
        ("a time without microseconds", &|line| {
            line["timestamp"] = "2026-11-28T12:00:00Z".into();
        }),
        ("a forged identifier", &|line| line["request_id"] = "a b".into()),
        ("a forged trace", &|line| line["trace_id"] = "xyz".into()),
        ("half of the accounting", &|line| line["queue_ms"] = 1.into()),
    ] {
        assert!(line(change).is_some(), "{name}");
    }
}

/// The components of the scenario.
fn components(files: &std::path::Path) -> Vec<Component> {
    let bad = Component::new("misbehaves")
        .at("/bad")
        .limited("cpu", "100ms")
        .limited("time", "1s")
        .limited("memory", "8MiB");
    let shouts = super::shouts()
        .limited("log_lines", "20")
        .limited("log_burst", "1s");
    vec![
        bad,
        shouts,
        super::shows(),
        sql("sql"),
        versioned(files, "name=one"),
    ]
}

/// Lets a host log lines of every kind that a test can cause.
async fn everything(app: &App) {
    for path in [
        "/bad",
        "/bad/panic",
        "/bad/loop",
        "/bad/sleep",
        "/bad/hoard",
        "/bad/silent",
        "/bad/refuse",
        "/bad/print",
        "/bad/unfinished?text=half",
        "/bad/say?status=700",
        "/bad/say?header=x-berth-user:root",
        "/shouts?lines=50",
        "/shouts/escaped",
        "/shouts/trap",
        "/shows/log?line=%1B%00%E2%80%AE%C2%9B",
        "/nowhere",
        "/health",
        "/ready",
        "/openapi.json",
    ] {
        let request = app.get(path).bearer_auth(tokens::for_subject("ann\u{202e}"));
        // A response that breaks off is one of the kinds.
        drop(request.header("user-agent", "a \"browser\"").try_answer().await);
    }
    app.get("/shows/caller")
        .bearer_auth("forged")
        .answer()
        .await
        .expect(401);
    for statement in [
        "SELECT 1",
        "SELECT 1 FROM missing",
        "DO $$ BEGIN RAISE WARNING 'a notice'; END $$",
    ] {
        run(app, "/sql/fail", statement).await;
    }
    exchange(app, "nonsense\r\n\r\n").await;
    let mut socket = Raw::connect(app).await;
    socket.send("GET /bad/sleep HTTP/1.1\r\nhost: x\r\n\r\n").await;
    app.get("/bad").answer().await.expect(200);
    drop(socket);
    let body = json!({ "email": "ann@example.com", "password": "correct horse" });
    app.post("/auth/register").json(&body).answer().await.expect(201);
    let operator = app.operator();
    operator.push_live("version", version("name=two")).await;
    operator.push("version", b"garbage".to_vec()).await.expect(422);
    operator.roll_back("version", None).await.expect(200);
    for filter in ["debug", "info"] {
        let change = operator
            .request("PUT", "/log-level")
            .json(&json!({ "filter": filter }));
        change.answer().await.expect(200);
        run(app, "/sql", "SELECT 1 FROM missing").await;
        app.get("/health").answer().await.expect(200);
    }
}

#[tokio::test]
async fn every_line_is_as_the_schema_says() {
    let schema = LineSchema::read();
    let files = tempfile::tempdir().unwrap();
    let mut app = App::serving(components(files.path()))
        .with("TRUSTED_PROXIES", "127.0.0.0/8")
        .with("ANONYMOUS_USER", "guest")
        .start()
        .await;
    everything(&app).await;
    let kept = recent(&app.operator(), "lines=50000").await;
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    let mut lines = schema.check(&app.process.whole_log());
    for line in &kept {
        assert_eq!(schema.fault(line), None, "{line}");
        assert!(line["sequence"].is_u64(), "{line}");
    }
    lines.extend(kept);
    let said: BTreeSet<_> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    for kind in [
        "request",
        "the client went away before the response",
        "the component failed",
        "the component was ended: it used up its processor time",
        "the component was ended: it used up its time",
        "lines were dropped",
        "live",
        "a version was refused",
        "refused bytes that are no valid request",
        "headers were taken off",
        "PostgreSQL refused a statement of a request that failed",
        "PostgreSQL refused a statement",
        "the filter of the log was changed",
        "a notice",
        "a line on stdout",
    ] {
        assert!(
            said.iter().any(|message| message.starts_with(kind)),
            "{kind} in {said:#?}"
        );
    }
}

#[tokio::test]
async fn the_lines_of_the_hosts_own_components_are_as_the_schema_says() {
    let cohere = FakeCohere::start(0).await.unwrap();
    let mut app = App::with("COHERE_API_KEY", "key")
        .with("COHERE_BASE_URL", cohere.base_url())
        .start()
        .await;
    for accept in ["application/json", "text/event-stream"] {
        app.post("/api/chat")
            .bearer_auth(tokens::for_subject("ann"))
            .header("accept", accept)
            .json(&json!({ "message": "add buy milk" }))
            .answer()
            .await
            .expect(200);
    }
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    let lines = LineSchema::read().check(&app.process.whole_log());
    assert!(lines.iter().any(|line| line["message"] == "a model was asked"));
}

#[test]
fn a_host_that_does_not_start_says_why_in_the_same_form() {
    let output = App::with("LOG_FORMAT", "json").with("PORT", "many").run("serve");
    let said = String::from_utf8(output.stderr).unwrap();
    let lines = LineSchema::read().check(&said);
    assert!(!lines.is_empty());
}

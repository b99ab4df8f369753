//! Traces, as an OpenTelemetry collector receives them.

use fake_cohere::{FakeCohere, Turn};
use rustix::process::Signal;
use serde_json::json;

use crate::support::app::AppBuilder;
use crate::support::collector::{Collector, Span};
use crate::support::postgres::free_port;
use crate::support::upstream::{Reply, Upstream};
use crate::support::versions::version;
use crate::support::{App, Component, Send};

/// A host that sends its traces soon.
fn traced(app: AppBuilder, collector: &Collector) -> AppBuilder {
    app.with("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url)
        .with("OTEL_BSP_SCHEDULE_DELAY", "50")
}

/// The names of the spans from the root of the trace to this one.
fn path(trace: &[Span], span: &Span) -> Vec<String> {
    let mut names = vec![span.name().to_owned()];
    let mut parent = span.parent();
    while let Some(above) = trace.iter().find(|span| span.id() == parent) {
        names.insert(0, above.name().to_owned());
        parent = above.parent();
    }
    names
}

fn named<'a>(trace: &'a [Span], name: &str) -> &'a Span {
    trace.iter().find(|span| span.name() == name).unwrap_or_else(|| {
        let names: Vec<_> = trace.iter().map(Span::name).collect();
        panic!("no span {name:?} among {names:?}")
    })
}

#[tokio::test]
async fn a_message_to_the_assistant_is_one_trace_down_to_the_statements() {
    let collector = Collector::start().await;
    let cohere = FakeCohere::start(0).await.unwrap();
    cohere.answer(Turn::calls([("add_task", json!({ "title": "Buy secret milk" }))]));
    cohere.answer(Turn::text("A secret answer.").costing(31, 7));
    let app = traced(App::here(), &collector)
        .with("COHERE_API_KEY", "a-key")
        .with("COHERE_BASE_URL", cohere.base_url())
        .start()
        .await;
    let ann = app.user("ann");
    let chat = ann
        .post("/api/chat", json!({ "message": "a secret message" }))
        .await;
    chat.expect(200);

    let trace = collector.trace_with("POST /api/chat").await;
    let root = named(&trace, "POST /api/chat");
    assert_eq!(root.parent(), "");
    assert_eq!(
        root.attribute("http.response.status_code").as_deref(),
        Some("200")
    );
    assert_eq!(root.attribute("url.path").as_deref(), Some("/api/chat"));
    assert_eq!(root.attribute("client.address").as_deref(), Some("127.0.0.1"));
    for span in &trace {
        let texts = span.texts();
        assert!(!texts.contains("secret") && !texts.contains("a-key"), "{texts}");
        assert_eq!(
            path(&trace, span)[0],
            "POST /api/chat",
            "{} is connected",
            span.name()
        );
    }

    let models: Vec<_> = trace
        .iter()
        .filter(|span| span.name().starts_with("chat "))
        .collect();
    assert_eq!(models.len(), 2, "one for the tool call, one for the answer");
    let tokens = |span: &&Span| span.attribute("gen_ai.usage.output_tokens");
    assert!(models.iter().any(|span| tokens(span).as_deref() == Some("7")));
    let sent = cohere.requests();
    for (request, span) in sent.iter().zip(&models) {
        let header = request.headers.get("traceparent").unwrap().to_str().unwrap();
        let wanted = format!("00-{}-", span.trace());
        assert!(header.starts_with(&wanted), "{header} is of {wanted}");
    }

    let insert = trace.iter().find(|span| {
        let text = span.attribute("db.query.text").unwrap_or_default();
        text.starts_with("INSERT INTO tasks")
    });
    let insert = insert.unwrap();
    let above = path(&trace, insert);
    assert_eq!(above[..2], ["POST /api/chat", "ai"]);
    assert!(above[2].starts_with("todo:tasks/tasks"), "{above:?}");
    assert_eq!(above.last().map(String::as_str), Some("INSERT"));
    assert_eq!(insert.attribute("db.system.name").as_deref(), Some("postgresql"));
    assert!(trace.iter().any(|span| span.name() == "wait for a turn"));
    assert_eq!(collector.resource("service.name").as_deref(), Some("berth"));
}

#[tokio::test]
async fn only_a_trusted_proxy_decides_the_trace() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let hello = || App::serving([Component::new("hello").at("/hello")]);
    for (proxies, is_trusted) in [("127.0.0.1", true), ("10.0.0.0/8", false)] {
        let collector = Collector::start().await;
        let app = traced(hello(), &collector).with("TRUSTED_PROXIES", proxies);
        let app = app.with("LOG_FORMAT", "json").start().await;
        app.get("/hello")
            .header("traceparent", PARENT)
            .answer()
            .await
            .expect(200);
        let trace = collector.trace_with("GET /hello/{*rest}").await;
        let root = named(&trace, "GET /hello/{*rest}");
        assert_eq!(root.trace() == "0af7651916cd43dd8448eb211c80319c", is_trusted);
        assert_eq!(root.parent() == "b7ad6b7169203331", is_trusted);
        let line = app.process.wait_for("\"path\":\"/hello\"");
        assert!(
            line.contains(&format!("\"trace_id\":\"{}\"", root.trace())),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_request_of_a_component_carries_the_trace() {
    let collector = Collector::start().await;
    let upstream = Upstream::start(|_| Reply::Body("hello".to_owned()));
    let calls = Component::new("calls-out")
        .at("/call")
        .saying(&format!("outgoing = [{:?}]", upstream.url("")));
    let app = traced(App::serving([calls]), &collector).start().await;
    let url = upstream.url("/path?token=secret");
    app.get("/call")
        .query(&[("url", &*url)])
        .answer()
        .await
        .expect(200);
    let trace = collector.trace_with("GET /call/{*rest}").await;
    let sent = trace
        .iter()
        .find(|span| span.attribute("url.full").is_some())
        .unwrap();
    assert_eq!(sent.attribute("url.full"), Some(upstream.url("")));
    assert_eq!(
        sent.attribute("http.response.status_code").as_deref(),
        Some("200")
    );
    let text = &upstream.requests()[0].text;
    let wanted = format!("traceparent: 00-{}-{}-01", sent.trace(), sent.id());
    assert!(text.contains(&wanted), "{wanted} in {text}");
    assert!(!trace.iter().any(|span| span.texts().contains("secret")));
}

#[tokio::test]
async fn a_failure_shows_where_it_was() {
    let collector = Collector::start().await;
    let bad = Component::new("misbehaves").at("/bad");
    let app = traced(App::serving([bad]), &collector).start().await;
    app.get("/bad/trap").answer().await.expect(502);
    let trace = collector.trace_with("GET /bad/{*rest}").await;
    assert!(named(&trace, "GET /bad/{*rest}").has_failed());
    let guest = named(&trace, "misbehaves");
    assert!(guest.has_failed());
    assert_eq!(guest.attribute("error.type").as_deref(), Some("Failed"));
}

#[tokio::test]
async fn a_swap_is_a_trace_with_its_steps() {
    let collector = Collector::start().await;
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([crate::support::versions::versioned(files.path(), "name=one")]);
    let app = traced(app, &collector).start().await;
    let operator = app.operator();
    operator.push_live("version", version("name=two")).await;
    operator.push_refused("version", b"no component".to_vec()).await;
    let is_refused = |span: &&Span| span.name() == "swap version" && span.has_failed();
    crate::support::patience::eventually(true, async || {
        collector.spans().iter().any(|span| is_refused(&span))
    })
    .await;
    let spans = collector.spans();
    let refused = spans.iter().find(is_refused).unwrap();
    assert_eq!(refused.attribute("error.type").as_deref(), Some("kind"));
    let live = spans.iter().find(|span| {
        span.name() == "swap version" && span.attribute("berth.version").as_deref() == Some("2")
    });
    let live = live.unwrap();
    let steps: Vec<_> = spans
        .iter()
        .filter(|span| span.parent() == live.id())
        .map(Span::name)
        .collect();
    for step in ["size", "kind", "compile", "imports", "exports"] {
        assert!(steps.contains(&step), "{step} in {steps:?}");
    }
}

#[tokio::test]
async fn a_sampler_leaves_traces_out_and_a_header_goes_with_each_batch() {
    let collector = Collector::start().await;
    let hello = || App::serving([Component::new("hello").at("/hello")]);
    let mut app = traced(hello(), &collector)
        .with("OTEL_TRACES_SAMPLER", "always_off")
        .start()
        .await;
    for _ in 0..20 {
        app.get("/hello").answer().await.expect(200);
    }
    app.process.signal(Signal::TERM);
    app.process.wait();
    assert!(collector.spans().is_empty());
    let app = traced(hello(), &collector)
        .with("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=of-the-collector")
        .with("OTEL_SERVICE_NAME", "shop")
        .start()
        .await;
    app.get("/hello").answer().await.expect(200);
    collector.trace_with("GET /hello/{*rest}").await;
    assert_eq!(collector.headers()[0]["x-api-key"], "of-the-collector");
    assert_eq!(collector.resource("service.name").as_deref(), Some("shop"));
}

#[tokio::test]
async fn a_collector_that_is_away_costs_a_line_and_no_request() {
    let app = App::serving([Component::new("hello").at("/hello")])
        .with(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://127.0.0.1:{}", free_port()),
        )
        .with("OTEL_BSP_SCHEDULE_DELAY", "50")
        .start()
        .await;
    for _ in 0..50 {
        app.get("/hello").answer().await.expect(200);
    }
    app.process.wait_for("traces cannot be sent");
    app.get("/hello").answer().await.expect(200);
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_refused_at_the_start() {
    for (variable, value, told) in [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector:4317",
            "is not an address",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "write http/protobuf"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "is not a sampler"),
    ] {
        let output = App::with(variable, value).run("check");
        let refused = String::from_utf8(output.stderr).unwrap();
        assert!(refused.contains(variable) && refused.contains(told), "{refused}");
    }
}

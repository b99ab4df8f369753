//! The metrics of the operators' listener.
//!
//! - `limits`: the limits that components meet, and the lines of the log that are dropped
//! - `outgoing`: the requests that components send
//! - `hosts`: the versions and the swaps of several hosts on one database
//! - `prometheus`: a real Prometheus scrapes a host, and knows every query of the dashboard and of the alerts

mod hosts;
mod limits;
mod outgoing;
mod prometheus;

use fake_cohere::{FakeCohere, Refusal, Turn};
use serde_json::json;

use crate::support::app::Host;
use crate::support::http::client;
use crate::support::operator::ADMIN_TOKEN;
use crate::support::patience::eventually;
use crate::support::versions::{version, versioned};
use crate::support::{Answer, App, Component, Send as _};

/// The page of a host.
struct Page(String);

impl Page {
    async fn of(host: &Host) -> Self {
        let request = client().get(format!("{}/metrics", host.admin_url()));
        Self(request.bearer_auth(ADMIN_TOKEN).answer().await.expect(200).text())
    }

    /// The sum of a metric's series that have all these labels; none without any.
    fn sum(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let series = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, having) = series.split_once('{').unwrap_or((series, "}"));
            let is_meant = found == name && labels.iter().all(|label| having.contains(label));
            is_meant.then(|| value.parse::<f64>().unwrap())
        });
        let values: Vec<_> = series.collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// The number of series.
    fn len(&self) -> usize {
        self.0.lines().filter(|line| !line.starts_with('#')).count()
    }
}

/// Waits until a metric has a value: a request counts a moment after its client has the response.
async fn counts(host: &Host, name: &str, labels: &[&str], value: f64) {
    eventually(Some(value), async || Page::of(host).await.sum(name, labels)).await;
}

/// A component that misbehaves within tight limits, and its neighbour.
async fn neighbours() -> App {
    let bad = Component::new("misbehaves").at("/bad").limited("body", "1KiB");
    let bad = bad.limited("cpu", "200ms").limited("memory", "8MiB");
    App::serving([bad, Component::new("hello").at("/hello")])
        .start()
        .await
}

#[tokio::test]
async fn requests_failures_and_limits_are_counted_by_component() {
    let app = neighbours().await;
    for _ in 0..3 {
        app.get("/hello").answer().await.expect(200);
    }
    for (path, status) in [("trap", 502), ("silent", 502), ("loop", 504), ("hoard", 502)] {
        app.get(&format!("/bad/{path}")).answer().await.expect(status);
    }
    app.post("/bad").body("x".repeat(2000)).answer().await.expect(413);
    app.get("/nothing").answer().await.expect(404);
    app.get("/health").answer().await.expect(200);

    let requests = "berth_component_requests_total";
    let hello = [
        r#"component="hello""#,
        r#"route="/hello/{*rest}""#,
        r#"status="2xx""#,
    ];
    counts(&app, requests, &hello, 3.0).await;
    counts(
        &app,
        "berth_component_request_duration_seconds_count",
        &hello,
        3.0,
    )
    .await;
    let bad = r#"component="misbehaves""#;
    counts(&app, requests, &[bad, r#"status="5xx""#], 4.0).await;
    counts(&app, requests, &[bad, r#"status="4xx""#], 1.0).await;
    let own = "berth_http_requests_total";
    counts(&app, own, &[r#"route="unmatched""#, r#"status="4xx""#], 1.0).await;
    let page = Page::of(&app).await;
    let failures = |reason: &str| page.sum("berth_component_failures_total", &[bad, reason]);
    assert_eq!(
        failures(r#"reason="trap""#),
        Some(2.0),
        "the trap, and the failed allocation"
    );
    assert_eq!(failures(r#"reason="no-response""#), Some(1.0));
    for (limit, count) in [("cpu", 1.0), ("memory", 1.0), ("body", 1.0), ("time", 0.0)] {
        let label = format!("limit=\"{limit}\"");
        assert_eq!(
            page.sum("berth_component_limits_reached_total", &[bad, &label]),
            Some(count),
            "{limit}"
        );
    }
    assert!(page.sum(own, &[r#"route="/health""#, r#"status="2xx""#]) >= Some(1.0));
    assert!(
        page.sum("berth_component_cpu_seconds_total", &[bad]) >= Some(0.2),
        "of the loop"
    );
    assert!(page.sum("berth_component_instance_memory_peak_bytes", &[bad]) > Some(65536.0));
    assert_eq!(page.sum("berth_component_instances", &[bad]), Some(0.0));
    assert!(page.sum("process_open_fds", &[]) > Some(3.0));
    assert!(page.sum("process_resident_memory_bytes", &[]) > Some(1e6));
}

#[tokio::test]
async fn neither_clients_nor_components_add_series() {
    let app = neighbours().await;
    app.get("/hello").answer().await.expect(200);
    app.get("/nothing").answer().await.expect(404);
    let requests = "berth_component_requests_total";
    counts(&app, requests, &[r#"status="2xx""#], 1.0).await;
    counts(&app, "berth_http_requests_total", &[r#"status="4xx""#], 1.0).await;
    let before = Page::of(&app).await.len();
    for index in 0..20 {
        app.get(&format!("/hello/{index}?x={index}"))
            .answer()
            .await
            .expect(200);
        app.get(&format!("/nothing{index}/\"}} 1"))
            .answer()
            .await
            .expect(404);
        app.user(&format!("user-{index}")).get("/hello").await.expect(200);
        app.request("PATCH", "/hello")
            .header("x-request-id", format!("id-{index}"))
            .answer()
            .await;
    }
    counts(&app, requests, &[r#"component="hello""#, r#"status="2xx""#], 61.0).await;
    counts(&app, "berth_http_requests_total", &[r#"status="4xx""#], 21.0).await;
    assert_eq!(Page::of(&app).await.len(), before);
}

#[tokio::test]
async fn swaps_and_versions_are_counted() {
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([versioned(files.path(), "name=one")]).start().await;
    let operator = app.operator();
    operator.push_live("version", version("name=two")).await;
    operator.push_refused("version", b"no component".to_vec()).await;
    let page = Page::of(&app).await;
    let swaps = |labels: &[&str]| page.sum("berth_swaps_total", labels);
    assert_eq!(
        swaps(&[r#"outcome="live""#]),
        Some(2.0),
        "of the start, and of the push"
    );
    assert_eq!(
        swaps(&[r#"outcome="refused""#, r#"component="version""#]),
        Some(1.0)
    );
    assert_eq!(page.sum("berth_component_live_version", &[]), Some(2.0));
    assert_eq!(page.sum("berth_component_versions_kept", &[]), Some(2.0));
    assert_eq!(page.sum("berth_hosts", &[r#"state="live""#]), Some(1.0));
    assert_eq!(
        page.sum("berth_component_state", &[r#"state="behind""#]),
        Some(0.0)
    );
    assert!(page.sum("berth_swap_step_duration_seconds_count", &[r#"step="compile""#]) >= Some(2.0));
    let pool = [r#"component="version""#, r#"pool="own""#];
    assert!(page.sum("berth_database_pool_connections_max", &pool) > Some(0.0));
}

#[tokio::test]
async fn logins_that_are_throttled_are_counted() {
    let app = neighbours().await;
    let log_in = async || -> Answer {
        let body = json!({ "email": "ann@example.com", "password": "wrong horse" });
        app.post("/auth/login").json(&body).answer().await
    };
    while log_in().await.status != 429 {}
    let page = Page::of(&app).await;
    assert_eq!(
        page.sum("berth_logins_total", &[r#"outcome="throttled""#]),
        Some(1.0)
    );
    assert!(page.sum("berth_logins_total", &[r#"outcome="failed""#]) >= Some(1.0));
    let own = [r#"route="/auth/login""#, r#"status="4xx""#];
    eventually(true, async || {
        Page::of(&app).await.sum("berth_http_requests_total", &own) >= Some(2.0)
    })
    .await;
}

#[tokio::test]
async fn models_statements_and_calls_are_counted_for_the_component_that_makes_them() {
    let cohere = FakeCohere::start(0).await.unwrap();
    let app = App::with("COHERE_API_KEY", "a-key").with("COHERE_BASE_URL", cohere.base_url());
    let app = app.start().await;
    let ann = app.user("ann");
    cohere.answer(Turn::calls([("add_task", json!({ "title": "milk" }))]).costing(100, 10));
    cohere.answer(Turn::text("done").costing(200, 20));
    ann.post("/api/chat", json!({ "message": "add milk" }))
        .await
        .expect(200);
    cohere.answer(Refusal::new(401, "no"));
    ann.post("/api/chat", json!({ "message": "again" })).await;
    let page = Page::of(&app).await;
    let calls = |outcome: &str| page.sum("berth_cohere_calls_total", &[r#"component="ai""#, outcome]);
    assert_eq!(calls(r#"outcome="replied""#), Some(2.0));
    assert_eq!(calls(r#"outcome="unauthorized""#), Some(1.0));
    assert_eq!(
        page.sum("berth_cohere_tokens_total", &[r#"direction="input""#]),
        Some(300.0)
    );
    assert_eq!(
        page.sum("berth_cohere_tokens_total", &[r#"direction="output""#]),
        Some(30.0)
    );
    assert_eq!(page.sum("berth_cohere_calls_in_flight", &[]), Some(0.0));
    let call = [r#"caller="ai""#, r#"callee="todo""#, r#"outcome="ok""#];
    assert_eq!(page.sum("berth_component_calls_total", &call), Some(1.0));
    let statements =
        |component: &str| page.sum("berth_database_statements_total", &[component, r#"outcome="ok""#]);
    assert!(statements(r#"component="todo""#) >= Some(1.0));
    assert!(statements(r#"component="ai""#) >= Some(2.0));
    assert!(
        page.sum(
            "berth_database_pool_wait_duration_seconds_count",
            &[r#"component="ai""#]
        ) >= Some(1.0)
    );
    assert!(page.sum("berth_database_host_use_duration_seconds_count", &[]) >= Some(1.0));
}

#[tokio::test]
async fn operators_alone_see_the_metrics_unless_they_are_opened() {
    let app = neighbours().await;
    app.get("/metrics").answer().await.expect(404);
    let ask = async |app: &App, path: &str| client().get(format!("{}{path}", app.admin_url())).answer().await;
    let answer = ask(&app, "/metrics").await;
    assert_eq!(
        answer.failure(),
        (401, "Could not validate credentials".to_owned())
    );

    let app = App::serving([Component::new("hello").at("/hello")])
        .with("METRICS", "open")
        .start()
        .await;
    let page = ask(&app, "/metrics").await.expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(
        page.text()
            .contains("# TYPE berth_component_requests_total counter\n")
    );
    ask(&app, "/admin/components").await.expect(401);
    let open_metrics = client()
        .get(format!("{}/metrics", app.admin_url()))
        .header("accept", "application/openmetrics-text; version=1.0.0");
    let page = open_metrics.answer().await.expect(200);
    let content_type = page.header("content-type").unwrap();
    assert!(
        content_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{content_type}"
    );
    assert!(page.text().ends_with("# EOF\n"));
    app.get("/metrics").answer().await.expect(404);
}

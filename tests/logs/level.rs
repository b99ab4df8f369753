//! The filter of the log, changed while the host runs.

use serde_json::{Value, json};

use super::shows;
use crate::support::{Answer, App, Send as _};

async fn set(app: &App, filter: &str) -> Answer {
    app.operator()
        .request("PUT", "/log-level")
        .json(&json!({ "filter": filter }))
        .answer()
        .await
}

async fn logged(app: &App, line: &str) {
    app.get(&format!("/shows/log?line={line}"))
        .answer()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_filter_is_in_force_at_once_and_a_restart_forgets_it() {
    let app = App::serving([shows()]).start().await;
    let operator = app.operator();
    let shown = operator.request("GET", "/log-level").answer().await.expect(200);
    assert_eq!(shown.json(), json!({ "filter": "info", "at_start": "info" }));

    logged(&app, "line-1").await;
    let answer = set(&app, "info,component=error").await.expect(200).json();
    assert_eq!(
        answer,
        json!({ "filter": "info,component=error", "at_start": "info" })
    );
    logged(&app, "line-2").await;
    set(&app, "info,component=warn").await.expect(200);
    logged(&app, "line-3").await;
    app.process.wait_for("line-3");
    let log = app.process.log();
    assert!(log.contains("line-1") && !log.contains("line-2"), "{log}");
    let changes: Vec<Value> = log
        .lines()
        .filter(|line| line.contains("the filter of the log was changed"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(changes.len(), 2, "each change is logged once");
    assert_eq!(changes[0]["filter"], "info,component=error");

    let again = App::serving([shows()]).start_beside(&app);
    let shown = again.operator().request("GET", "/log-level").answer().await;
    assert_eq!(shown.json()["filter"], "info", "a start begins with RUST_LOG");
}

#[tokio::test]
async fn debug_lines_can_be_seen_and_all_lines_be_switched_off() {
    let app = App::serving([shows()]).start().await;
    set(&app, "berth=debug").await.expect(200);
    app.get("/health")
        .header("x-request-id", "the-probe")
        .answer()
        .await
        .expect(200);
    app.process.wait_for("the-probe");
    set(&app, "off").await.expect(200);
    logged(&app, "unheard").await;
    set(&app, "info").await.expect(200);
    logged(&app, "heard").await;
    app.process.wait_for("\"heard\"");
    assert!(!app.process.log().contains("unheard"));
}

#[tokio::test]
async fn a_bad_filter_is_refused_with_its_place_and_changes_nothing() {
    let app = App::serving([shows()]).start().await;
    let (status, detail) = set(&app, "warn,berth=loud").await.failure();
    assert_eq!(status, 422);
    assert!(
        detail.contains("directive 2, \"berth=loud\" at character 6"),
        "{detail}"
    );
    for body in ["", "info", "{}", "{\"filter\": 1}", "{\"filter\": \"\"}"] {
        let request = app.operator().request("PUT", "/log-level").body(body);
        assert_eq!(request.answer().await.failure().0, 422, "{body}");
    }
    let shown = app.operator().request("GET", "/log-level").answer().await;
    assert_eq!(shown.json()["filter"], "info");
}

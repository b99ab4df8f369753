//! The limits that components meet. Each meeting counts once, for the component that met the limit and for no other.

use sqlx::{AssertSqlSafe, Connection as _};

use super::{Page, counts};
use crate::data::{done, refused, run, sql};
use crate::support::app::Host;
use crate::support::patience::eventually;
use crate::support::{App, Component, Send as _};

/// The series of a component that are not 0, each by the value of the metric's second label: `rows 2`.
pub(super) async fn counted(host: &Host, metric: &str, component: &str) -> Vec<String> {
    let Page(text) = Page::of(host).await;
    let start = format!("{metric}{{component=\"{component}\",");
    let series = text.lines().filter_map(|line| line.strip_prefix(&*start));
    let series: Vec<_> = series.map(|line| line.split_once("\"} ").unwrap()).collect();
    assert!(!series.is_empty(), "every component has series of {metric}");
    let counted = series.into_iter().filter(|(_, count)| *count != "0");
    counted
        .map(|(label, count)| format!("{} {count}", label.split_once("=\"").unwrap().1))
        .collect()
}

/// The limits that a component has met.
async fn met(host: &Host, component: &str) -> Vec<String> {
    counted(host, "berth_component_limits_reached_total", component).await
}

/// The outcomes of a component's statements.
async fn statements(host: &Host, component: &str) -> Vec<String> {
    counted(host, "berth_database_statements_total", component).await
}

/// The fixture `misbehaves` as a component of this name.
fn bad(name: &str) -> Component {
    Component::new("misbehaves").called(name).at(&format!("/{name}"))
}

#[tokio::test]
async fn a_guest_that_takes_too_long_meets_the_limit_of_time() {
    let app = App::serving([bad("slow").limited("time", "300ms"), bad("other")])
        .start()
        .await;
    app.get("/slow/sleep").answer().await.expect(504);
    assert_eq!(met(&app, "slow").await, ["time 1"]);
    // On a busy machine, the time can end before the head of the response is sent.
    let broken_off = app.get("/slow/drip").try_answer().await;
    assert!(broken_off.map_or(true, |answer| answer.status == 504));
    eventually(vec!["time 2".to_owned()], async || met(&app, "slow").await).await;
    app.get("/other").answer().await.expect(200);
    assert!(met(&app, "other").await.is_empty());
}

#[tokio::test]
async fn a_request_that_gets_no_instance_in_time_meets_the_limit_of_concurrency() {
    let one = bad("one").limited("concurrency", "1");
    let app = App::serving([one.limited("time", "1h").limited("cpu", "1h"), bad("other")])
        .start()
        .await;
    let running = app.get("/one/drip").send().await.unwrap();
    assert_eq!(running.status(), 200);
    let one = [r#"component="one""#];
    counts(&app, "berth_component_instances", &one, 1.0).await;
    app.get("/one").answer().await.expect(503);
    assert_eq!(met(&app, "one").await, ["concurrency 1"]);

    // A request that gets an instance in time does not meet the limit.
    drop(running);
    counts(&app, "berth_component_instances", &one, 0.0).await;
    app.get("/one").answer().await.expect(200);
    app.get("/other").answer().await.expect(200);
    assert_eq!(met(&app, "one").await, ["concurrency 1"]);
    assert!(met(&app, "other").await.is_empty());
    let page = Page::of(&app).await;
    let waits = page.sum("berth_component_queue_duration_seconds_count", &one);
    assert_eq!(waits, Some(3.0), "the refused request has waited, too");
    assert_eq!(page.sum("berth_component_waiting", &one), Some(0.0));
}

#[tokio::test]
async fn an_instance_for_which_the_host_has_no_memory_meets_the_limit_of_the_guest_memory() {
    let app = App::serving([bad("large"), bad("other")])
        .with("BERTH_GUEST_MEMORY", "16MiB")
        .start()
        .await;
    app.get("/large/hoard").answer().await.expect(503);
    assert_eq!(met(&app, "large").await, ["guest-memory 1"]);
    assert!(met(&app, "other").await.is_empty());
}

#[tokio::test]
async fn a_result_that_is_too_large_meets_the_limit_of_rows_or_of_the_result() {
    let one = sql("one").limited("rows", "10").limited("result", "64KiB");
    let app = App::serving([one, sql("other")]).start().await;
    for path in ["/one", "/one/json"] {
        done(&app, path, "SELECT generate_series(1, 10)").await;
        done(&app, path, "SELECT repeat('x', 60000)").await;
    }
    assert!(met(&app, "one").await.is_empty());
    for (path, expected) in [
        ("/one", &["rows 1", "result 1"]),
        ("/one/json", &["rows 2", "result 2"]),
    ] {
        let rows = refused(&app, path, "SELECT generate_series(1, 11)").await;
        assert_eq!(rows, "Error::TooManyRows(10)");
        let bytes = refused(&app, path, "SELECT repeat('x', 70000)").await;
        assert_eq!(bytes, "Error::TooManyBytes(65536)");
        assert_eq!(met(&app, "one").await, expected);
    }
    assert!(met(&app, "other").await.is_empty());
    assert_eq!(statements(&app, "one").await, ["ok 4", "too-large 4"]);
}

#[tokio::test]
async fn a_statement_that_postgresql_cancels_meets_the_limit_of_the_statements_time() {
    let rows = Component::new("rows").at("/rows").granted(&["postgres"]);
    let rows = rows.limited("rows", "10").limited("time", "10m");
    let app = App::serving([rows, sql("other")]).start().await;
    let steps = async |statements: [&str; 2]| {
        let statements = statements.map(|statement| ("sql", statement));
        let request = app.get("/rows/steps?end=rollback").query(&statements);
        request.answer().await.expect(200).text()
    };
    // The timeout of a statement is the time of a request, which ends the guest first. A guest can set less.
    let said = steps(["SET LOCAL statement_timeout = 10", "SELECT pg_sleep(3600)"]).await;
    assert!(said.contains("Error::Timeout"), "{said}");
    assert_eq!(met(&app, "rows").await, ["statement-time 1"]);
    assert_eq!(statements(&app, "rows").await, ["ok 1", "timeout 1"]);

    // The limits apply to a transaction's results, too.
    let said = steps(["SELECT 1", "SELECT generate_series(1, 11)"]).await;
    assert!(said.contains("Error::TooManyRows(10)"), "{said}");
    assert_eq!(met(&app, "rows").await, ["rows 1", "statement-time 1"]);
    assert_eq!(
        statements(&app, "rows").await,
        ["ok 2", "timeout 1", "too-large 1"]
    );
    assert!(met(&app, "other").await.is_empty());
}

#[tokio::test]
async fn a_request_with_too_many_transactions_meets_their_limit() {
    let app = App::serving([sql("one"), sql("other")]).start().await;
    assert_eq!(refused(&app, "/one/hoard", "").await, "53300");
    assert_eq!(met(&app, "one").await, ["transactions 1"]);
    assert!(met(&app, "other").await.is_empty());
}

#[tokio::test]
async fn a_statement_whose_request_ends_is_counted_as_abandoned() {
    let hurried = Component::new("rows")
        .at("/rows")
        .granted(&["postgres"])
        .limited("time", "500ms");
    let app = App::serving([hurried]).start().await;
    let sleep = [("sql", "SELECT pg_sleep(3600)")];
    let request = app.get("/rows/steps?end=rollback").query(&sleep);
    request.answer().await.expect(504);
    eventually(vec!["abandoned 1".to_owned()], async || {
        statements(&app, "rows").await
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_gets_no_connection_in_time_meets_the_limit_of_connections() {
    const LOCK: i64 = 1;
    let one = sql("one").limited("time", "10m");
    let app = App::serving([one, sql("other")])
        .with("BERTH_DATABASE_CONNECTIONS", "1")
        .start()
        .await;
    // A request that holds the only connection waits for another.
    assert_eq!(refused(&app, "/one/hoard", "").await, "Error::PoolExhausted");
    assert_eq!(met(&app, "one").await, ["connections 1"]);

    let in_use = [r#"component="one""#, r#"pool="own""#, r#"state="in-use""#];
    counts(&app, "berth_database_pool_connections", &in_use, 0.0).await;

    // A statement waits for the connection of a statement that waits for the test.
    let mut gate = app.database.connect().await;
    let close = sqlx::raw_sql(AssertSqlSafe(format!("SELECT pg_advisory_lock({LOCK})")));
    close.execute(&mut gate).await.unwrap();
    let waiting = format!("SELECT pg_advisory_xact_lock({LOCK})");
    let holds = run(&app, "/one/execute", &waiting);
    let exhausts = async {
        counts(&app, "berth_database_pool_connections", &in_use, 1.0).await;
        let said = refused(&app, "/one/execute", "SELECT 1").await;
        // The lock ends with its session.
        gate.close().await.unwrap();
        said
    };
    let (held, said) = tokio::join!(holds, exhausts);
    held.expect(200);
    assert_eq!(said, "Error::PoolExhausted");
    assert_eq!(met(&app, "one").await, ["connections 2"]);
    assert!(met(&app, "other").await.is_empty());
    assert_eq!(statements(&app, "one").await, ["ok 1", "exhausted 1"]);
    let page = Page::of(&app).await;
    let exhausted = |component: &str| {
        let labels = [component, r#"pool="own""#];
        page.sum("berth_database_pool_exhausted_total", &labels)
    };
    assert_eq!(exhausted(r#"component="one""#), Some(2.0));
    assert_eq!(exhausted(r#"component="other""#), Some(0.0));
    let waiting = page.sum("berth_database_pool_waiting", &[r#"component="one""#]);
    assert_eq!(waiting, Some(0.0));
}

#[tokio::test]
async fn lines_beyond_the_budget_of_the_log_are_counted_with_their_bytes() {
    const LINES: usize = 300;
    let shouts = Component::new("shouts").at("/shouts").granted(&["logging"]);
    let shouts = shouts.limited("log_lines", "1").limited("log_burst", "5s");
    let app = App::serving([shouts, Component::new("hello").at("/hello")])
        .start()
        .await;
    // The fixture writes to three outputs.
    let path = format!("/shouts?lines={}", LINES / 3);
    let request = app.get(&path).header("x-request-id", "the-shouts");
    request.answer().await.expect(200);
    // The request's own line is the last line that it causes.
    let is_complete = |log: &str| {
        let mut lines = log.lines();
        lines.any(|line| line.contains("berth::routes::access_log") && line.contains("the-shouts"))
    };
    eventually(true, async || is_complete(&app.process.log())).await;
    let log = app.process.log();
    let written = log.lines().filter(|line| line.contains("\"a line\"")).count();
    assert!((5..LINES).contains(&written), "{written} lines were written");

    let page = Page::of(&app).await;
    let dropped = f64::from(u32::try_from(LINES - written).unwrap());
    // Each line has `a test`, `stdout` or `stderr` as its context, and the text `a line`.
    let bytes = 12.0 * dropped;
    let shouts = r#"component="shouts""#;
    for (name, count) in [
        ("berth_component_log_lines_dropped_total", dropped),
        ("berth_component_log_dropped_bytes_total", bytes),
    ] {
        assert_eq!(page.sum(name, &[shouts]), Some(count), "{name}");
        assert_eq!(page.sum(name, &[r#"component="hello""#]), Some(0.0), "{name}");
    }
    assert_eq!(met(&app, "shouts").await, [format!("log {dropped}")]);
    assert!(met(&app, "hello").await.is_empty());
    let lost = page.sum("berth_log_lines_lost_total", &[]);
    assert_eq!(lost, Some(0.0), "dropped lines are not lost lines");
}

//! The host's log: what a component may write into it, and a log that cannot be written.

use std::fs::{File, OpenOptions};
use std::io::{Read, pipe};
use std::process::Stdio;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::Value;

use crate::data::{refused, run, sql};
use crate::support::app::Host;
use crate::support::{App, Component, Send};

/// A component that shouts in each of `requests` for all of its time, beside one that logs now and then.
async fn beside_shouting(wish: &str, requests: usize) -> App {
    let shouts = Component::new("shouts")
        .at("/shouts")
        .granted(&["logging"])
        .limited("cpu", "500ms");
    let quiet = Component::new("shows")
        .at("/quiet")
        .granted(&["config", "identity", "logging"]);
    let app = App::serving([shouts, quiet]).start().await;
    let shouting = join_all((0..requests).map(|_| app.get(&format!("/shouts/{wish}")).answer()));
    let speaking = async {
        for number in 0..20 {
            app.get(&format!("/quiet/log?line=neighbour-{number}-end"))
                .answer()
                .await
                .expect(200);
        }
    };
    let (shouted, ()) = tokio::join!(shouting, speaking);
    assert!(
        shouted.iter().all(|answer| answer.status == 504),
        "each was ended by its limit"
    );
    app
}

#[tokio::test]
async fn a_component_that_shouts_neither_fills_the_log_nor_silences_its_neighbour() {
    for wish in ["everywhere", "escaped"] {
        let app = beside_shouting(wish, 4).await;
        let dropped = app.process.wait_for("more than its log budget");
        assert!(
            dropped.contains("shouts") && dropped.contains("log_bytes"),
            "{dropped}"
        );
        let log = app.process.log();
        assert!(log.len() < 4 << 20, "{wish}: {} bytes of log", log.len());
        assert!(
            log.contains("xxx") || log.contains(r"\u{1b}"),
            "what is within the budget is there"
        );
        for number in 0..20 {
            assert!(
                log.contains(&format!("neighbour-{number}-end")),
                "{wish}: {number} is missing"
            );
        }
    }
}

/// The number of dropped lines, by the lines about them.
fn dropped(log: &str) -> u64 {
    let lines = log
        .lines()
        .filter(|line| line.contains("more than its log budget"));
    lines
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["lines"]
                .as_u64()
                .unwrap()
        })
        .sum()
}

#[tokio::test]
async fn every_line_that_a_component_causes_is_there_or_counted() {
    let shouts = Component::new("shouts").at("/shouts").granted(&["logging"]);
    let shouts = shouts.limited("log_lines", "1").limited("log_burst", "5s");
    let mut app = App::serving([shouts]).start().await;
    for _ in 0..20 {
        app.get("/shouts/trap").answer().await.expect(502);
    }
    app.get("/shouts?lines=10").answer().await.expect(200);
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    app.process.wait_for("more than its log budget");
    let log = app.process.whole_log();
    let written = log
        .lines()
        .filter(|line| line.contains("a line") || line.contains("the component failed"));
    let (written, dropped) = (written.count() as u64, dropped(&log));
    assert!(
        (5..=15).contains(&written),
        "{written} lines are more than the budget"
    );
    assert_eq!(written + dropped, 20 + 30);
}

/// A host whose log goes to `stderr`, with a component that may log as much as it likes.
async fn logging_to(stderr: impl Into<Stdio>) -> App {
    let shouts = Component::new("shouts")
        .at("/shouts")
        .granted(&["logging"])
        .limited("cpu", "1m");
    let shouts = shouts
        .limited("time", "1m")
        .limited("log_lines", "100000")
        .limited("log_bytes", "1GiB");
    App::serving([shouts]).start_unheard(stderr.into()).await
}

/// Requests that log more than a pipe and the host's memory for lines hold.
async fn requests(host: &Host) {
    for _ in 0..10 {
        host.get("/shouts?lines=1000").answer().await.expect(200);
        host.get("/health").answer().await.expect(200);
    }
}

async fn serves_and_ends(stderr: impl Into<Stdio>) {
    let mut app = logging_to(stderr).await;
    requests(&app).await;
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success(), "it ends as it should");
}

#[tokio::test]
async fn a_log_that_nobody_reads_any_more_is_no_obstacle() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    serves_and_ends(writer).await;
}

#[tokio::test]
async fn a_log_on_a_full_disk_is_no_obstacle() {
    serves_and_ends(OpenOptions::new().write(true).open("/dev/full").unwrap()).await;
}

#[tokio::test]
async fn a_log_whose_reader_has_stopped_reading_is_no_obstacle() {
    let (reader, writer) = pipe().unwrap();
    serves_and_ends(writer).await;
    drop(reader);
}

#[tokio::test]
async fn what_the_log_has_lost_is_said_when_it_can_be_written_again() {
    let (reader, writer) = pipe().unwrap();
    let mut app = logging_to(writer).await;
    requests(&app).await;
    // Somebody reads again.
    let mut reader = File::from(std::os::fd::OwnedFd::from(reader));
    let log = std::thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).unwrap();
        log
    });
    requests(&app).await;
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    let log = log.join().unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("lines of the log were lost"));
    assert!(line.is_some_and(|line| line.starts_with('{')), "{line:?}");
    assert!(
        log.ends_with('\n') && log.contains("finishing the requests in flight"),
        "the end is there"
    );
}

#[tokio::test]
async fn a_refused_statement_is_in_the_log_of_a_request_that_fails_and_else_only_at_debug() {
    let app = App::serving([sql("sql")]).start().await;
    let statement = "SELECT 1 FROM missing_table";
    refused(&app, "/sql", statement).await;
    let log = app.process.log();
    assert!(
        !log.contains("missing_table"),
        "the component has dealt with it: {log}"
    );
    run(&app, "/sql/fail", statement).await.expect(500);
    let line = app.process.wait_for("a request that failed");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["level"], &line["component"]),
        (&"WARN".into(), &"sql".into()),
        "{line}"
    );
    assert_eq!(
        (&line["sqlstate"], &line["position"]),
        (&"42P01".into(), &15.into()),
        "{line}"
    );
    assert!(
        line["error"].as_str().unwrap().contains("missing_table"),
        "{line}"
    );

    let app = App::serving([sql("sql")]).with("RUST_LOG", "debug").start().await;
    refused(&app, "/sql", statement).await;
    let line = app.process.wait_for("PostgreSQL refused a statement");
    assert!(
        line.contains("DEBUG") && line.contains("42P01") && line.contains("\"sql\""),
        "{line}"
    );
}

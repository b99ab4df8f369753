//! `Server-Timing`: the host's measurements, for the clients that the operator names.

use super::shows;
use crate::data::sql;
use crate::support::raw::exchange;
use crate::support::{Answer, App, Component, Send as _};

/// The metrics of the header: names and milliseconds.
fn timing(answer: &Answer) -> Vec<(String, f64)> {
    let header = answer.header("server-timing").unwrap_or_default();
    let metrics = header.split(", ").filter(|metric| !metric.is_empty());
    metrics
        .map(|metric| {
            let (name, time) = metric.split_once(";dur=").unwrap();
            (name.to_owned(), time.parse().unwrap())
        })
        .collect()
}

fn names(answer: &Answer) -> Vec<String> {
    timing(answer).into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn nobody_is_told_by_default() {
    let app = App::serving([shows()]).start().await;
    let answer = app.get("/shows/caller").answer().await.expect(200);
    assert_eq!(answer.header("server-timing"), None);
}

#[tokio::test]
async fn the_parts_of_a_request_to_a_component_are_told_in_milliseconds() {
    let app = App::serving([sql("sql"), shows()])
        .with("SERVER_TIMING", "all")
        .start()
        .await;
    let answer = app
        .get("/sql/query")
        .query(&[("sql", "SELECT pg_sleep(0.02)")])
        .answer()
        .await
        .expect(200);
    assert_eq!(names(&answer), ["queue", "instance", "cpu", "database"]);
    let timing = timing(&answer);
    assert!(timing[3].1 >= 20.0 && timing[3].1 < 20_000.0, "{timing:?}");
    assert!(timing.iter().all(|(_, time)| *time >= 0.0), "{timing:?}");
    let answer = app.get("/shows/caller").answer().await.expect(200);
    assert_eq!(names(&answer), ["queue", "instance", "cpu"]);
    let answer = app.get("/health").answer().await.expect(200);
    assert_eq!(
        answer.header("server-timing"),
        None,
        "the host's own routes have none"
    );
}

#[tokio::test]
async fn a_failed_request_has_its_times_too() {
    let bad = Component::new("misbehaves").at("/bad").limited("cpu", "100ms");
    let app = App::serving([bad]).with("SERVER_TIMING", "all").start().await;
    let answer = app.get("/bad/loop").answer().await.expect(504);
    let timing = timing(&answer);
    assert!(timing[2].0 == "cpu" && timing[2].1 >= 100.0, "{timing:?}");
}

#[tokio::test]
async fn clients_are_named_by_their_networks_as_trusted_proxies_report_them() {
    let app = App::serving([shows()])
        .with("SERVER_TIMING", "192.0.2.0/24")
        .with("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    let told = async |app: &App, address: &str| {
        let request = app.get("/shows/caller").header("x-forwarded-for", address);
        request.answer().await.header("server-timing").is_some()
    };
    assert!(told(&app, "192.0.2.7").await);
    assert!(!told(&app, "198.51.100.7").await);
    let app = App::serving([shows()])
        .with("SERVER_TIMING", "192.0.2.0/24")
        .start()
        .await;
    assert!(!told(&app, "192.0.2.7").await, "a stranger forges no address");
}

#[tokio::test]
async fn a_component_neither_sets_nor_fakes_the_header() {
    let say = "/bad/say?header=server-timing:cpu;dur=0&header=trailer:Server-Timing,x-mine&header=x-kept:1";
    for (setting, expected) in [("off", 0), ("all", 1)] {
        let app = App::serving([Component::new("misbehaves").at("/bad")])
            .with("SERVER_TIMING", setting)
            .start()
            .await;
        let answer = app.get(say).answer().await.expect(200);
        let values: Vec<_> = answer.headers.get_all("server-timing").iter().collect();
        assert_eq!(values.len(), expected, "{values:?}");
        assert!(values.iter().all(|value| *value != "cpu;dur=0"), "{values:?}");
        assert_eq!(answer.header("x-kept"), Some("1"));
        let raw = exchange(
            &app,
            format!("GET {say} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        )
        .await;
        let trailer = raw
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with("trailer:"));
        assert!(
            trailer.is_none_or(|line| !line.to_ascii_lowercase().contains("server-timing")),
            "{raw}"
        );
        app.process.wait_for("server-timing");
    }
}

#[tokio::test]
async fn other_words_are_refused_at_the_start() {
    for value in ["on", "10.0.0.0/33", "all,10.0.0.0/8"] {
        let output = App::with("SERVER_TIMING", value).run("serve");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("SERVER_TIMING"),
            "{value}: {said}"
        );
    }
}

//! A component's failure is one failed request: never the host's, never a neighbour's.

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{App, Component, Send};

/// A component that does what it should not, within tight limits, and one that does as it should.
async fn neighbours() -> App {
    let bad = Component::new("misbehaves")
        .at("/bad")
        .limited("time", "2s")
        .limited("cpu", "300ms");
    App::serving([
        bad.limited("memory", "8MiB"),
        Component::new("hello").at("/hello"),
    ])
    .start()
    .await
}

async fn assert_served(app: &App) {
    for (path, text) in [("/hello", "hello, request 1"), ("/bad", "well-behaved")] {
        assert_eq!(app.get(path).answer().await.expect(200).text(), text);
    }
}

const FAILED: (u16, &str) = (502, "The component failed");
const TIMED_OUT: (u16, &str) = (504, "The component did not answer in time");

#[tokio::test]
async fn each_misbehaviour_is_one_failed_request() {
    let app = neighbours().await;
    for (wish, (status, detail)) in [
        ("loop", TIMED_OUT),
        ("sleep", TIMED_OUT),
        ("recurse", FAILED),
        ("trap", FAILED),
        ("panic", FAILED),
        ("exit", FAILED),
        ("exit-1", FAILED),
        ("hoard", FAILED),
        ("silent", FAILED),
        ("refuse", FAILED),
    ] {
        let answer = app.get(&format!("/bad/{wish}")).answer().await;
        assert_eq!(answer.failure(), (status, detail.to_owned()), "{wish}");
        assert!(answer.header("x-request-id").is_some(), "{wish}");
        assert_served(&app).await;
    }
}

#[tokio::test]
async fn misbehaving_at_the_same_time_hurts_no_neighbour() {
    let app = neighbours().await;
    let bad = ["loop", "sleep", "recurse", "hoard", "trap"].map(|wish| format!("/bad/{wish}"));
    let bad = join_all(bad.iter().cycle().take(20).map(|path| app.get(path).answer()));
    let good = join_all((0..50).map(|_| app.get("/hello").answer()));
    let (bad, good) = tokio::join!(bad, good);
    assert!(bad.iter().all(|answer| matches!(answer.status, 502 | 504)));
    assert!(
        good.iter()
            .all(|answer| (answer.status, answer.text()) == (200, "hello, request 1".to_owned()))
    );
}

#[tokio::test]
async fn a_response_that_breaks_off_does_not_look_complete() {
    let app = neighbours().await;
    for wish in ["half", "drip"] {
        let answer = app.get(&format!("/bad/{wish}")).try_answer().await;
        assert!(answer.is_err_and(|error| !error.is_timeout()), "{wish}");
        assert_served(&app).await;
    }
}

#[tokio::test]
async fn a_guest_that_fails_before_its_response_is_sent_has_failed() {
    let app = neighbours().await;
    // Its head may be on its way already, if the guest was interrupted just then: what cannot be is a whole answer.
    match app.get("/bad/twice").try_answer().await {
        Ok(answer) => assert_eq!(answer.status, 502),
        Err(error) => assert!(!error.is_timeout(), "{error}"),
    }
    assert_served(&app).await;
}

#[tokio::test]
async fn an_instance_never_sees_an_earlier_requests_memory() {
    let app = neighbours().await;
    for _ in 0..20 {
        assert_eq!(app.get("/hello").answer().await.text(), "hello, request 1");
    }
    let answers = join_all((0..100).map(|_| app.get("/hello").answer())).await;
    assert!(answers.iter().all(|answer| answer.text() == "hello, request 1"));
}

#[tokio::test]
async fn memory_is_given_up_to_its_limit() {
    let app = neighbours().await;
    let hoard = |mebibytes: u32| app.get(&format!("/bad/hoard?bytes={}", mebibytes << 20)).answer();
    assert_eq!(hoard(6).await.expect(200).text(), "kept");
    assert_eq!(hoard(8).await.status, 502, "the guest's own data takes some, too");
    assert_eq!(
        hoard(6).await.expect(200).text(),
        "kept",
        "what one request took is free for the next"
    );
}

#[tokio::test]
async fn a_failure_is_told_to_the_operator_and_not_to_the_client() {
    let app = neighbours().await;
    let answer = app
        .get("/bad/panic")
        .header("x-request-id", "the-panic")
        .answer()
        .await;
    assert_eq!(answer.text(), "{\"detail\":\"The component failed\"}");
    let line = app.process.wait_for("the component failed");
    assert!(
        line.contains("misbehaves") && line.contains("the-panic"),
        "{line}"
    );
    let log = app.process.log();
    assert!(log.contains("on purpose"), "what the guest printed is in the log");
    assert!(
        !log.contains("RUST_BACKTRACE"),
        "nobody can set this variable for a component"
    );
}

#[tokio::test]
async fn the_functions_in_which_a_guest_failed_are_in_the_log_by_their_names() {
    let app = neighbours().await;
    app.get("/bad/recurse").answer().await.expect(502);
    let line: Value = serde_json::from_str(&app.process.wait_for("the component failed")).unwrap();
    let backtrace = line["backtrace"].as_str().unwrap();
    assert!(
        backtrace.contains("\n    at misbehaves::recurse\n"),
        "{backtrace}"
    );

    let bad = Component::new("misbehaves").at("/bad");
    let app = App::serving([bad]).with("LOG_FORMAT", "pretty").start().await;
    app.get("/bad/recurse").answer().await.expect(502);
    let line = app.process.wait_for("    at misbehaves::");
    assert!(
        line.starts_with("    at "),
        "each function has a line of its own: {line}"
    );
}

#[tokio::test]
async fn the_limit_that_ended_a_guest_is_in_the_log_with_its_value() {
    let bad = |name: &str| Component::new("misbehaves").called(name).at(&format!("/{name}"));
    let app = App::serving([
        bad("cpu").limited("cpu", "100ms"),
        bad("time").limited("time", "500ms"),
        bad("memory").limited("memory", "8MiB"),
        bad("stack"),
    ]);
    let app = app.start().await;
    for (path, status, text) in [
        ("/cpu/loop", 504, "`limits.cpu = 100ms`"),
        ("/time/sleep", 504, "`limits.time = 500ms`"),
        ("/memory/hoard?bytes=9000000", 502, "`limits.memory = 8MiB`"),
        ("/stack/recurse", 502, "-zstack-size"),
    ] {
        app.get(path).answer().await.expect(status);
        app.process.wait_for(text);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_guest() {
    let drips = Component::new("misbehaves")
        .at("/bad")
        .limited("concurrency", "1")
        .limited("time", "1h");
    let app = App::serving([drips.limited("cpu", "1h")]).start().await;
    for _ in 0..3 {
        let mut response = app.get("/bad/drip").send().await.unwrap();
        assert!(response.chunk().await.unwrap().is_some());
        drop(response);
        // There is room for one alone: it is answered because the one before has ended.
        assert_eq!(app.get("/bad").answer().await.expect(200).text(), "well-behaved");
    }
}

#[tokio::test]
async fn more_than_may_run_at_once_are_told_to_come_back() {
    let drips = Component::new("misbehaves")
        .at("/bad")
        .limited("concurrency", "1")
        .limited("time", "1m");
    let app = App::serving([drips.limited("cpu", "1m"), Component::new("hello").at("/hello")])
        .start()
        .await;
    let running = app.get("/bad/drip").send().await.unwrap();
    assert_eq!(running.status(), 200);
    let answer = app.get("/bad").answer().await.expect(503);
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(
        app.get("/hello").answer().await.status,
        200,
        "its neighbour has room"
    );
}

#[tokio::test]
async fn more_than_the_host_takes_at_once_are_told_to_come_back() {
    let drips = Component::new("misbehaves").at("/bad").limited("time", "1m");
    let app = App::serving([drips])
        .with("BERTH_MAX_IN_FLIGHT", "1")
        .start()
        .await;
    let running = app.get("/bad/drip").send().await.unwrap();
    let answer = app.get("/bad").answer().await;
    assert_eq!(answer.failure().0, 503);
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(
        app.get("/health").answer().await.status,
        200,
        "the liveness probe is answered"
    );
    drop(running);
}

//! SQL that is written to do harm: its own component has a failed request, and other components notice nothing.

use futures_util::future::join_all;
use rustix::process::Signal;
use sqlx::Row as _;

use super::{done, run, sql};
use crate::support::app::Host;
use crate::support::patience::eventually;
use crate::support::{App, Component, Send};

/// Sleeps for an hour, whatever is done to wake it.
const DEAF: &str = "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(3600); \
     EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$";

/// A component that attacks, and a neighbour.
fn attacker() -> [Component; 2] {
    [sql("bad").limited("time", "1s"), sql("good")]
}

/// Backends of the component `bad` that are doing anything.
async fn busy(app: &App) -> i64 {
    let mut database = app.database.connect().await;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                 AND usename LIKE 'berth\\_bad\\_%' AND state <> 'idle'";
    sqlx::query(count).fetch_one(&mut database).await.unwrap().get(0)
}

/// The fixture `sql` as another version: the same, with a section that says nothing.
fn another_version() -> Vec<u8> {
    let path = std::path::Path::new(crate::support::app::ROOT).join("tests/fixtures/sql.wasm");
    let mut wasm = std::fs::read(path).unwrap();
    // A custom section: its number, its length, and a name of one letter with its own length.
    wasm.extend([0, 2, 1, b'x']);
    wasm
}

#[tokio::test]
async fn no_statement_outlives_its_request() {
    let app = App::serving(attacker()).start().await;
    for (path, statement) in [
        ("/bad/untimed", "SELECT pg_sleep(3600)"),
        ("/bad/execute", "SELECT pg_sleep(3600)"),
        ("/bad/execute", DEAF),
    ] {
        let attack = join_all((0..24).map(|_| run(&app, path, statement)));
        let neighbour = async {
            for _ in 0..10 {
                assert_eq!(done(&app, "/good/json", "SELECT 1 AS n").await, r#"[{"n":1}]"#);
            }
        };
        let (answers, ()) = tokio::join!(attack, neighbour);
        assert!(
            answers.iter().all(|answer| matches!(answer.status, 400 | 504)),
            "{statement}"
        );
        eventually(0, async || busy(&app).await).await;
        assert_eq!(
            done(&app, "/bad/json", "SELECT 1 AS n").await,
            r#"[{"n":1}]"#,
            "its places are free again"
        );
    }
    assert_eq!(app.get("/ready").answer().await.status, 200);
}

#[tokio::test]
async fn a_version_goes_live_while_the_one_before_attacks() {
    let app = App::serving(attacker()).start().await;
    let operator = app.operator();
    // The first takes the lock of swaps as it once was, the second that of the component's own migrations.
    let advisory = "SELECT pg_advisory_xact_lock(('x' || left(encode(sha256('berth swap'), 'hex'), 16))::bit(64)::bigint)";
    let record = "LOCK TABLE berth_migrations IN ACCESS EXCLUSIVE MODE";
    let attack = async {
        for statement in [advisory, record, record] {
            join_all((0..4).map(|_| run(&app, "/bad/hold", statement))).await;
        }
        join_all((0..24).map(|_| run(&app, "/bad/execute", DEAF))).await;
    };
    let push = async {
        let report = operator.push_live("bad", another_version()).await;
        assert_eq!(report["number"], 2);
        operator.roll_back("bad", None).await.expect(200);
    };
    tokio::join!(attack, push);
    assert_eq!(operator.history("bad").await, ["2 retired", "1 live"]);
}

#[tokio::test]
async fn nothing_is_read_before_its_limit_has_looked_at_it() {
    let app = App::serving([sql("bad").limited("result", "4MiB").limited("time", "1m")])
        .start()
        .await;
    for path in ["/bad", "/bad/json", "/bad/execute"] {
        // The pool, the fixture and the allocator have all that they need.
        done(&app, path, "SELECT repeat('x', 1000000)").await;
    }
    let before = peak(&app);
    for path in ["/bad", "/bad/execute", "/bad/json"] {
        for statement in [
            "SELECT repeat('x', 300000000)",
            "SELECT repeat('x', 3000000) FROM generate_series(1, 100)",
            "SELECT NULL, repeat('x', 300000000)::bytea",
            "SELECT 1 / (length(repeat('x', 1)) - 1) FROM (SELECT repeat('x', 300000000)) AS t",
        ] {
            let answer = run(&app, path, statement).await;
            assert!(
                matches!(answer.status, 200 | 400),
                "{path} {statement}: {}",
                answer.text()
            );
        }
        for raised in ["exception", "notice"] {
            let statement = format!("DO $$ BEGIN RAISE {raised} '%', repeat('y', 300000000); END $$");
            let answer = run(&app, path, &statement).await.text();
            assert_eq!(answer, "Error::TooManyBytes(4194304)", "{path} {raised}");
        }
        // The kernel counts by the thread and adds up now and then: its peak can be a little less than it was.
        let grown = peak(&app).saturating_sub(before);
        assert!(
            grown <= (4 + 2) * 1024,
            "{path}: the host has grown by {grown} KiB"
        );
    }
    assert_eq!(done(&app, "/bad/json", "SELECT 1 AS n").await, r#"[{"n":1}]"#);
}

/// The most memory that a host has had, in KiB.
fn peak(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.process.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_notice_is_a_line_of_its_component_and_is_cut() {
    let app = App::serving([sql("bad")]).start().await;
    let notice =
        "DO $$ BEGIN RAISE NOTICE 'first%', repeat('n', 100000); RAISE WARNING 'second notice'; END $$";
    let answer = app
        .get("/bad/execute")
        .query(&[("sql", notice)])
        .header("x-request-id", "the-notice");
    answer.answer().await.expect(200);
    for (text, level) in [("firstnnn", "INFO"), ("second notice", "WARN")] {
        let line = app.process.wait_for(text);
        assert!(line.len() < 10 * 1024, "{} bytes", line.len());
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["component"], &line["request_id"], &line["level"]),
            (&"bad".into(), &"the-notice".into(), &level.into())
        );
    }
}

#[tokio::test]
async fn a_spoofed_notification_is_no_more_than_a_look() {
    let app = App::serving(attacker()).start().await;
    let flood = "SELECT count(pg_notify('berth_versions', n::text)) FROM generate_series(1, 20000) AS n";
    join_all((0..4).map(|_| run(&app, "/bad/json", flood))).await;
    assert_eq!(done(&app, "/good/json", "SELECT 1 AS n").await, r#"[{"n":1}]"#);
    assert_eq!(
        app.operator().push_live("bad", another_version()).await["number"],
        2
    );
}

#[tokio::test]
async fn a_host_that_ends_takes_its_backends_along() {
    let mut app = App::serving([sql("bad").limited("time", "10m")])
        .with("BERTH_DRAIN_TIMEOUT", "1s")
        .start()
        .await;
    let attack = app.get("/bad/execute").query(&[("sql", DEAF)]).send();
    let attack = tokio::spawn(attack);
    eventually(1, async || busy(&app).await).await;
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    eventually(0, async || busy(&app).await).await;
    drop(attack.await);
}

#[tokio::test]
async fn a_host_that_starts_ends_what_one_that_was_killed_has_left() {
    let mut app = App::serving([sql("bad").limited("time", "1s")]).start().await;
    let attack = join_all((0..16).map(|_| run(&app, "/bad/execute", DEAF)));
    let kill = async {
        eventually(16, async || busy(&app).await).await;
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(app.process.pid().try_into().unwrap()).unwrap(),
            Signal::KILL,
        )
        .unwrap();
    };
    tokio::select! { _ = attack => {}, () = kill => {} }
    app.process.wait();
    let again = App::serving([sql("bad").limited("time", "1s")]).start_beside(&app);
    assert_eq!(done(&again, "/bad/json", "SELECT 1 AS n").await, r#"[{"n":1}]"#);
    eventually(0, async || busy(&again).await).await;
}

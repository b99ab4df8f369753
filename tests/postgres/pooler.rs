//! Behind PgBouncer in transaction mode, where three sessions serve all clients.

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::data::{done, refused, run, sql};
use crate::support::app::Host;
use crate::support::bouncer::PgBouncer;
use crate::support::cluster::{self, Database};
use crate::support::patience::eventually;
use crate::support::versions::{version, versioned};
use crate::support::{App, Component, Send};
use crate::swap::answer_of;

/// Requests that are under way at the same time.
const AT_ONCE: usize = 48;

/// A database, a pooler in front of it, and a host behind that one.
struct Pooled {
    app: Host,
    bouncer: PgBouncer,
    database: Database,
}

impl Pooled {
    async fn serving(components: impl IntoIterator<Item = Component>) -> Self {
        let database = cluster::new_database().await;
        let bouncer = PgBouncer::start(&database, "");
        let app = App::serving(components)
            .with("DATABASE_URL", bouncer.url())
            .start_alone();
        Self {
            app,
            bouncer,
            database,
        }
    }
}

#[tokio::test]
async fn a_pooler_is_found_out_and_the_whole_service_works_through_it() {
    let database = cluster::new_database().await;
    // It refuses what it cannot pass on, or is told to ignore it.
    for more in ["", "ignore_startup_parameters = options"] {
        let bouncer = PgBouncer::start(&database, more);
        let app = App::with("DATABASE_URL", bouncer.url()).start_alone();
        app.process.wait_for("a pooler is in front of PostgreSQL");
        let account =
            json!({ "email": format!("ann{}@example.com", more.len()), "password": "correct horse" });
        app.post("/auth/register")
            .json(&account)
            .answer()
            .await
            .expect(201);
        let token = app
            .post("/auth/login")
            .json(&account)
            .answer()
            .await
            .expect(200)
            .json();
        let tasks = app
            .get("/api/tasks")
            .bearer_auth(token["access_token"].as_str().unwrap());
        assert_eq!(tasks.answer().await.expect(200).json(), json!([]));
        let ann = app.user(&format!("ann{}", more.len()));
        ann.add_titled("Buy milk").await;
        assert_eq!(ann.titles("/api/tasks").await, ["Buy milk"]);
    }
}

#[tokio::test]
async fn hosts_that_start_one_after_the_other_share_the_components_roles() {
    let pooled = Pooled::serving([sql("one")]).await;
    let again = App::serving([sql("one")])
        .with("DATABASE_URL", pooled.bouncer.url())
        .start_alone();
    for host in [&pooled.app, &again, &pooled.app] {
        let whoami = done(host, "/one/json", "SELECT current_user AS me").await;
        assert!(whoami.contains("berth_one_"), "{whoami}");
    }
}

#[tokio::test]
async fn every_answer_belongs_to_its_question() {
    let pooled = Pooled::serving([sql("one"), sql("two")]).await;
    let ask = async |number: usize| {
        let component = if number.is_multiple_of(2) { "one" } else { "two" };
        let schema = "current_schema()::text AS schema";
        // Texts and types of every kind, so that a statement that meets another's preparation shows.
        let (statement, answer) = match number % 3 {
            0 => (
                format!("SELECT {number} AS a, {schema}"),
                format!(r#"{{"a":{number},"schema":"{component}"}}"#),
            ),
            1 => (
                format!("SELECT {schema}, 't{number}' AS b"),
                format!(r#"{{"schema":"{component}","b":"t{number}"}}"#),
            ),
            _ => (
                format!("SELECT {schema}, true AS c{number}"),
                format!(r#"{{"schema":"{component}","c{number}":true}}"#),
            ),
        };
        assert_eq!(
            done(&pooled.app, &format!("/{component}/json"), &statement).await,
            format!("[{answer}]")
        );
        let echo = pooled.app.get(&format!("/{component}/echo"));
        let echo = echo.query(&[("sql", "SELECT $1 AS said"), ("text", &*number.to_string())]);
        let said = echo.answer().await.expect(200).text();
        assert!(said.contains(&format!("\"{number}\"")), "{number}: {said}");
    };
    stream::iter(0..1200)
        .map(ask)
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test]
async fn a_transaction_keeps_its_session_to_its_end() {
    let pooled = Pooled::serving([sql("one").limited("cpu", "300ms")]).await;
    let app = &pooled.app;
    done(app, "/one/execute", "CREATE TABLE notes (id int PRIMARY KEY)").await;
    for (end, status, rows) in [
        ("commit", 200, 1),
        ("rollback", 200, 0),
        ("abandon", 200, 0),
        ("trap", 502, 0),
        ("hold", 504, 0),
    ] {
        done(app, "/one/execute", "DELETE FROM notes").await;
        let answer = run(app, &format!("/one/{end}"), "INSERT INTO notes VALUES (1)").await;
        assert_eq!(answer.status, status, "{end}");
        let count = done(app, "/one/json", "SELECT count(*) AS n FROM notes").await;
        assert_eq!(count, format!(r#"[{{"n":{rows}}}]"#), "{end}");
    }
    done(
        app,
        "/one/execute",
        "INSERT INTO notes VALUES (1) ON CONFLICT DO NOTHING",
    )
    .await;
    assert_eq!(
        refused(app, "/one/execute", "INSERT INTO notes VALUES (1)").await,
        "23505"
    );
    assert_eq!(
        done(app, "/one/json", "SELECT id FROM notes").await,
        r#"[{"id":1}]"#
    );
}

#[tokio::test]
async fn what_a_statement_leaves_behind_meets_nobody() {
    let pooled = Pooled::serving([sql("one")]).await;
    let app = &pooled.app;
    for statement in [
        "SET search_path TO public",
        "SET statement_timeout TO 0",
        "SET TIME ZONE 'Asia/Tokyo'",
        "SELECT set_config('application_name', 'left', false)",
        "SELECT pg_advisory_lock(1)",
        "DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$",
        "CREATE TEMPORARY TABLE mine (id int)",
        "DECLARE mine CURSOR WITH HOLD FOR SELECT 1",
    ] {
        done(app, "/one/execute", statement).await;
        let clean = "SELECT current_schema() AS schema, current_setting('TimeZone') AS zone, \
                     current_setting('statement_timeout') <> '0' AS timeout, \
                     current_setting('application_name') <> 'left' AS application, \
                     (SELECT count(*) FROM pg_prepared_statements WHERE name <> '') AS prepared, \
                     (SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
                      WHERE locktype = 'advisory' AND datname = current_database()) AS locks, \
                     (SELECT count(*) FROM pg_listening_channels()) AS channels, \
                     (SELECT count(*) FROM pg_cursors WHERE name = 'mine') AS cursors, \
                     to_regclass('pg_temp.mine')::text AS temporary";
        for _ in 0..5 {
            let expected = r#"[{"schema":"one","zone":"UTC","timeout":true,"application":true,"prepared":0,"locks":0,"channels":0,"cursors":0,"temporary":null}]"#;
            assert_eq!(done(app, "/one/json", clean).await, expected, "{statement}");
        }
    }
    let refusal = refused(app, "/one/execute", "PREPARE mine AS SELECT 1").await;
    assert!(refusal.contains("pooler"), "{refusal}");
}

#[tokio::test]
async fn no_statement_stays_prepared_on_a_session() {
    let pooled = Pooled::serving([sql("one")]).await;
    for number in 0..20 {
        done(&pooled.app, "/one/json", &format!("SELECT {number} AS a")).await;
        refused(&pooled.app, "/one/json", &format!("SELECT {number} / 0 AS a")).await;
    }
    let prepared = "SELECT count(*) AS n FROM pg_prepared_statements";
    assert_eq!(done(&pooled.app, "/one/json", prepared).await, r#"[{"n":0}]"#);
}

#[tokio::test]
async fn a_statement_does_not_outlive_its_request() {
    let pooled = Pooled::serving([sql("one").limited("time", "1s")]).await;
    let long = run(&pooled.app, "/one", "SELECT pg_sleep(3600)").await;
    assert!(
        long.status == 504 || long.text() == "Error::Timeout",
        "{} {}",
        long.status,
        long.text()
    );
    let mut connection = pooled.database.connect().await;
    let running =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    for _ in 0..600 {
        if sqlx::query_scalar::<_, i64>(running)
            .fetch_one(&mut connection)
            .await
            .unwrap()
            == 0
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it still runs");
}

#[tokio::test]
async fn a_pooler_that_does_not_know_the_components_roles_is_told_apart() {
    let database = cluster::new_database().await;
    let bouncer = PgBouncer::start(
        &database,
        "auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1 AND false",
    );
    let app = App::serving([sql("one")])
        .with("DATABASE_URL", bouncer.url())
        .start_listening();
    app.process.wait_for("auth_query");
    app.get("/health").answer().await.expect(200);
    app.get("/ready").answer().await.expect(503);
}

#[tokio::test]
async fn components_are_swapped_and_other_hosts_follow_through_it() {
    let files = tempfile::tempdir().unwrap();
    let probed = versioned(files.path(), "name=one migrations=1").saying("probe = \"GET /version/probe\"");
    let pooled = Pooled::serving([probed]).await;
    let beside = App::serving([versioned(files.path(), "name=one migrations=1")])
        .with("DATABASE_URL", pooled.bouncer.url())
        .with("BERTH_FOLLOW_INTERVAL", "1s")
        .start_alone();
    let operator = pooled.app.operator();
    // It is tried in the transaction that its migration runs in, and that one is taken back.
    let (step, reason) = operator
        .push_refused("version", version("name=two migrations=1,2 probe=fails"))
        .await;
    assert_eq!(step, "probe", "{reason}");
    for (number, settings) in [(3, "name=three migrations=1,2"), (4, "name=four migrations=1,2")] {
        operator.push_live("version", version(settings)).await;
        let name = settings.split([' ', '=']).nth(1).unwrap();
        for host in [&pooled.app, &beside] {
            eventually(format!("version@{number} {name}"), async || answer_of(host).await).await;
        }
    }
}

#[tokio::test]
async fn a_swap_meets_no_notification_on_a_session_that_hosts_share() {
    let files = tempfile::tempdir().unwrap();
    let pooled = Pooled::serving([versioned(files.path(), "name=one")]).await;
    let following = App::serving([versioned(files.path(), "name=one")])
        .with("DATABASE_URL", pooled.bouncer.url())
        .with("BERTH_FOLLOW_INTERVAL", "1s")
        .start_alone();
    let operator = following.operator();
    for number in 0..20 {
        operator
            .push_live("version", version(&format!("name={number}")))
            .await;
    }
}

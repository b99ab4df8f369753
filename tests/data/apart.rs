//! SQL of one component does not reach other components: PostgreSQL refuses it.

use super::{done, refused, run, sql};
use crate::support::{App, Component, Send};

/// `insufficient_privilege`
const DENIED: &str = "42501";

async fn two_components() -> App {
    let app = App::serving([sql("one"), sql("two")]).start().await;
    done(&app, "/two/execute", "CREATE TABLE secret (text text)").await;
    done(&app, "/two/execute", "INSERT INTO secret VALUES ('nobody knows')").await;
    app
}

#[tokio::test]
async fn a_component_has_a_schema_of_its_own() {
    let app = two_components().await;
    done(&app, "/one/execute", "CREATE TABLE secret (text text)").await;
    assert_eq!(done(&app, "/one/json", "SELECT * FROM secret").await, "[]");
    assert_eq!(
        done(&app, "/two/json", "SELECT * FROM secret").await,
        r#"[{"text":"nobody knows"}]"#
    );
    assert_eq!(
        done(&app, "/one/json", "SELECT current_schema() AS s").await,
        r#"[{"s":"one"}]"#
    );
}

#[tokio::test]
async fn another_components_tables_cannot_be_touched() {
    let app = two_components().await;
    for statement in [
        "SELECT * FROM two.secret",
        "SELECT count(*) FROM two.secret",
        "INSERT INTO two.secret VALUES ('x')",
        "UPDATE two.secret SET text = 'x'",
        "DELETE FROM two.secret",
        "TRUNCATE two.secret",
        "DROP TABLE two.secret",
        "ALTER TABLE two.secret ADD COLUMN x int",
        "CREATE TABLE two.mine (id int)",
        "CREATE VIEW mine AS SELECT * FROM two.secret",
        "CREATE TRIGGER t BEFORE INSERT ON two.secret EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "GRANT ALL ON two.secret TO PUBLIC",
        "SELECT * FROM two.berth_migrations",
        "DROP SCHEMA two CASCADE",
        "ALTER SCHEMA two RENAME TO one_more",
    ] {
        let state = refused(&app, "/one/execute", statement).await;
        assert!(matches!(&*state, DENIED | "3F000"), "{statement}: {state}");
    }
    assert_eq!(
        done(&app, "/two/json", "SELECT * FROM secret").await,
        r#"[{"text":"nobody knows"}]"#
    );
}

#[tokio::test]
async fn the_hosts_tables_and_the_server_cannot_be_touched() {
    let app = two_components().await;
    for statement in [
        "SELECT * FROM berth.accounts",
        "SELECT * FROM berth.revoked_tokens",
        "SELECT * FROM berth.component_roles",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_shadow",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine SUPERUSER",
        "CREATE DATABASE mine",
        "ALTER SYSTEM SET fsync = off",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SELECT pg_reload_conf()",
        "ALTER ROLE postgres PASSWORD 'x'",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE c AS '/lib/libc.so.6', 'getpid'",
    ] {
        let state = refused(&app, "/one/execute", statement).await;
        assert!(matches!(&*state, DENIED | "3F000"), "{statement}: {state}");
    }
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user";
    let ended = run(&app, "/one/json", others).await;
    assert!(
        ended.status == 400 || !ended.text().contains("true"),
        "{}",
        ended.text()
    );
}

#[tokio::test]
async fn two_statements_in_one_and_what_cannot_cross_are_refused() {
    let app = two_components().await;
    for statement in ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE secret"] {
        assert_eq!(refused(&app, "/two", statement).await, "42601", "{statement}");
    }
    for statement in [
        "BEGIN; COMMIT",
        "COMMIT",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY secret FROM '/etc/passwd'",
    ] {
        let refusal = refused(&app, "/two", statement).await;
        assert!(
            refusal.starts_with("Error::Unsupported"),
            "{statement}: {refusal}"
        );
    }
}

#[tokio::test]
async fn a_session_is_clean_for_the_next_request() {
    let app = two_components().await;
    for statement in [
        "SET search_path TO public",
        "SET statement_timeout TO 0",
        "SET TIME ZONE 'Asia/Tokyo'",
        "PREPARE mine AS SELECT 1",
        "SELECT pg_advisory_lock(1)",
        "LISTEN mine",
        "CREATE TEMPORARY TABLE mine (id int)",
        "DECLARE mine CURSOR WITH HOLD FOR SELECT 1",
    ] {
        drop(run(&app, "/one/execute", statement).await);
        let clean = "SELECT current_schema() AS schema, current_setting('TimeZone') AS zone, \
                     current_setting('statement_timeout') <> '0' AS timeout, \
                     (SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine') AS prepared, \
                     (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks, \
                     (SELECT count(*) FROM pg_listening_channels()) AS channels, \
                     (SELECT count(*) FROM pg_cursors WHERE name = 'mine') AS cursors, \
                     to_regclass('pg_temp.mine')::text AS temporary";
        for _ in 0..3 {
            let found = done(&app, "/one/json", clean).await;
            let expected = r#"[{"schema":"one","zone":"UTC","timeout":true,"prepared":0,"locks":0,"channels":0,"cursors":0,"temporary":null}]"#;
            assert_eq!(found, expected, "{statement}");
        }
    }
}

#[tokio::test]
async fn results_are_bounded() {
    let app = App::serving([sql("one").limited("rows", "10").limited("result", "64KiB")])
        .start()
        .await;
    for path in ["/one", "/one/json"] {
        assert_eq!(run(&app, path, "SELECT generate_series(1, 10)").await.status, 200);
        assert_eq!(
            refused(&app, path, "SELECT generate_series(1, 11)").await,
            "Error::TooManyRows(10)"
        );
        assert_eq!(run(&app, path, "SELECT repeat('x', 60000)").await.status, 200);
        assert_eq!(
            refused(&app, path, "SELECT repeat('x', 70000)").await,
            "Error::TooManyBytes(65536)"
        );
    }
}

#[tokio::test]
async fn a_statement_does_not_outlive_its_request() {
    let app = App::serving([
        sql("one").limited("time", "1s"),
        Component::new("hello").at("/hello"),
    ])
    .start()
    .await;
    let (long, hello) = tokio::join!(
        run(&app, "/one", "SELECT pg_sleep(3600)"),
        app.get("/hello").answer()
    );
    assert!(
        long.status == 504 || long.text() == "Error::Timeout",
        "{} {}",
        long.status,
        long.text()
    );
    assert_eq!(hello.status, 200);
    let running = "SELECT count(*) AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)' AND state = 'active'";
    for _ in 0..100 {
        if done(&app, "/one/json", running).await == r#"[{"n":0}]"# {
            return;
        }
    }
    panic!("it still runs");
}

#[tokio::test]
async fn a_guest_that_hoards_connections_is_told_to_stop() {
    let app = App::serving([sql("one"), sql("two")]).start().await;
    for _ in 0..5 {
        assert_eq!(
            refused(&app, "/one/hoard", "").await,
            "53300",
            "too_many_connections"
        );
        for path in ["/one/json", "/two/json"] {
            assert_eq!(done(&app, path, "SELECT 1 AS one").await, r#"[{"one":1}]"#);
        }
    }
}

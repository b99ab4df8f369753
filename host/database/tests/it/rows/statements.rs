//! Statements of a hostile component: it serves a request of `ann`, and wants the rows of `bob`, who has called it
//! before.

use crate::support::{run, text};

use super::{Host, acquire, ask, tell};

/// The text of bob's row, which no request of ann may see.
const SECRET: &str = "secret of bob";

/// Each is one request of ann: its statements run one after the other on one session.
const REQUESTS: &[&[&str]] = &[
    // Reading.
    &["SELECT * FROM tasks"],
    &["SELECT * FROM tasks WHERE user_id = 'bob'"],
    &["SELECT * FROM ONLY tasks TABLESAMPLE SYSTEM (100)"],
    &["TABLE tasks"],
    &["WITH all_tasks AS MATERIALIZED (SELECT * FROM tasks) SELECT * FROM all_tasks"],
    &[
        "SELECT * FROM generate_series(1, 10) AS id LEFT JOIN LATERAL (SELECT * FROM tasks WHERE tasks.id = id.id) AS t ON true",
    ],
    &["SELECT * FROM titles"],
    &["SELECT * FROM all_titles()"],
    &["SELECT json_agg(t) FROM tasks AS t"],
    &["SELECT string_agg(title, ',') OVER () FROM tasks"],
    &["SELECT (SELECT title FROM tasks WHERE user_id = 'bob')"],
    &["SELECT * FROM notes FULL JOIN tasks ON true"],
    &["SELECT ctid, xmin, tableoid::regclass, title FROM tasks"],
    &["SELECT * FROM tasks FOR UPDATE"],
    &["SELECT query_to_xml('SELECT * FROM tasks', true, true, '')"],
    &["SELECT table_to_xml('tasks', true, true, '')"],
    &["SELECT schema_to_xml('todo', true, true, '')"],
    &["SELECT database_to_xml(true, true, '')"],
    &["COPY tasks TO STDOUT"],
    &["EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM tasks"],
    // Guessing.
    &["SELECT title::int FROM tasks"],
    &["SELECT 1 / (length(title) - 13) FROM tasks WHERE user_id = 'bob'"],
    &["SELECT * FROM tasks WHERE title::regclass IS NOT NULL"],
    &["SELECT * FROM pg_stats WHERE schemaname = 'todo'"],
    &["SELECT * FROM pg_statistic"],
    &["SELECT * FROM pg_statistic_ext_data"],
    &["SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename = 'tasks'"],
    &["SELECT query FROM pg_stat_activity"],
    &["SELECT pg_stat_get_backend_activity(id) FROM pg_stat_get_backend_idset() AS id"],
    &["SELECT * FROM pg_prepared_statements"],
    &["SELECT * FROM pg_cursors"],
    &["SELECT * FROM pg_settings WHERE name LIKE 'berth.%' OR name LIKE 'stolen.%'"],
    &["SELECT current_setting('stolen.title', true)"],
    // Changing.
    &["UPDATE tasks SET title = title || '!' WHERE user_id = 'bob' RETURNING *"],
    &["UPDATE tasks SET title = title RETURNING *"],
    &["UPDATE titles SET title = 'taken' WHERE user_id = 'bob' RETURNING *"],
    &["DELETE FROM tasks WHERE user_id = 'bob' RETURNING *"],
    &["DELETE FROM tasks USING notes WHERE notes.task = tasks.id AND tasks.user_id <> 'ann' RETURNING *"],
    &[
        "MERGE INTO tasks USING (SELECT 'bob' AS u) AS b ON user_id = b.u WHEN MATCHED THEN UPDATE SET title = 'taken'",
    ],
    &["INSERT INTO tasks (user_id, title) VALUES ('bob', 'planted')"],
    &["INSERT INTO notes (user_id, task) SELECT 'bob', id FROM tasks"],
    &["INSERT INTO notes (task) SELECT id FROM generate_series(1, 100) AS id"],
    &["TRUNCATE tasks CASCADE"],
    &["TRUNCATE notes"],
    // Another caller.
    &["SELECT set_config('berth.claim', 'x|bob', true), (SELECT string_agg(title, ',') FROM tasks)"],
    &[
        "SELECT set_config('berth.claim', title, false) FROM templates WHERE id = 2",
        "SELECT * FROM tasks",
    ],
    &["SET berth.claim = 'x|bob'", "SELECT * FROM tasks"],
    &[
        "SELECT set_config('berth.lease', split_part(title, '|', 1), false) FROM templates WHERE id = 2",
        "SELECT * FROM tasks",
    ],
    &[
        "DISCARD SEQUENCES",
        "SELECT set_config('berth.claim', 'x|bob', true), (SELECT string_agg(title, ',') FROM tasks)",
    ],
    &["CALL berth_session.enter('x|bob', '\\x00', false)"],
    &[
        "DO $$ DECLARE c text := (SELECT title FROM templates WHERE id = 2); BEGIN CALL berth_session.enter(c, sha256(c::bytea), true); END $$",
    ],
    &["CALL berth_session.enter('x|bob', NULL, NULL)"],
    &["SELECT setval('berth_session.claims', 1) FROM templates WHERE id = 2"],
    &["SELECT nextval('berth_session.claims')"],
    &["SELECT * FROM berth_session.claims"],
    &["SELECT * FROM berth.claim_key"],
    &[
        "SELECT berth_session.reset('x')",
        "SELECT set_config('berth.claim', 'x|bob', true), (SELECT string_agg(title, ',') FROM tasks)",
    ],
    &[
        "DO $$ BEGIN PERFORM set_config('berth.claim', title, true) FROM templates WHERE id = 2; \
       RAISE EXCEPTION '%', (SELECT string_agg(title, ',') FROM tasks); END $$",
    ],
    &[
        "DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles LOOP BEGIN EXECUTE format('SET LOCAL ROLE %I', r); \
       EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; RAISE EXCEPTION '%', (SELECT string_agg(title, ',') FROM tasks); END $$",
    ],
    &[
        "DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles LOOP BEGIN EXECUTE format('SET SESSION AUTHORIZATION %I', r); \
       EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; RAISE EXCEPTION '%', (SELECT string_agg(title, ',') FROM tasks); END $$",
    ],
    // The protection.
    &["SET row_security = off", "SELECT * FROM tasks"],
    &["SET session_replication_role = replica", "SELECT * FROM tasks"],
    &["ALTER TABLE tasks DISABLE ROW LEVEL SECURITY"],
    &["ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY"],
    &["ALTER TABLE tasks OWNER TO CURRENT_USER"],
    &["DROP POLICY berth_caller ON tasks"],
    &["ALTER POLICY berth_caller ON tasks USING (true)"],
    &["CREATE POLICY mine ON tasks USING (true)"],
    &["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
    &["CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
    &["CREATE TABLE mine AS SELECT * FROM tasks"],
    &["CREATE TEMP TABLE mine AS SELECT * FROM tasks"],
    &["CREATE VIEW mine AS SELECT * FROM tasks"],
    &["CREATE MATERIALIZED VIEW mine AS SELECT * FROM tasks"],
    &["CREATE TRIGGER mine AFTER INSERT ON tasks EXECUTE FUNCTION suppress_redundant_updates_trigger()"],
    &["CREATE RULE mine AS ON SELECT TO tasks DO INSTEAD SELECT 1"],
    &["CREATE INDEX mine ON tasks (title)"],
    &["CREATE STATISTICS mine ON user_id, title FROM tasks"],
    &["CREATE SCHEMA mine"],
    &["CREATE ROLE mine"],
    &["CREATE PUBLICATION mine FOR TABLE tasks"],
    &["GRANT ALL ON tasks TO PUBLIC"],
    &["ALTER ROLE CURRENT_USER BYPASSRLS"],
    &["ALTER ROLE CURRENT_USER SET berth.claim = 'x|bob'"],
    &["ALTER ROLE CURRENT_USER SET default_transaction_read_only = on"],
    &["SECURITY LABEL ON TABLE tasks IS 'x'"],
    &["COMMENT ON TABLE tasks IS 'x'"],
    &["REASSIGN OWNED BY CURRENT_USER TO CURRENT_USER"],
    &["VACUUM FULL tasks"],
    // The other requests' sessions.
    &["FETCH ALL FROM held"],
    &["EXECUTE planted"],
    &["SELECT lo_create(4711)"],
    &["SELECT loid, data FROM pg_largeobject"],
    &["SELECT pg_read_file('PG_VERSION')"],
    &[
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user",
    ],
    &["SELECT objid FROM pg_locks WHERE locktype = 'advisory'"],
];

/// One request of bob: the hostile component stores what it can for later.
const OF_BOB: &[&str] = &[
    "INSERT INTO templates SELECT 2, current_setting('berth.claim')",
    "DECLARE held CURSOR WITH HOLD FOR SELECT * FROM tasks",
    "PREPARE planted AS SELECT * FROM tasks",
    "SELECT set_config('stolen.title', title, false) FROM tasks",
    "SELECT pg_advisory_lock(4711)",
    "SELECT pg_notify('stolen', title) FROM tasks",
];

#[tokio::test]
async fn no_statement_shows_or_changes_a_row_of_another_user() {
    let host = Host::start().await;
    let pool = host.requests().await;
    let mut superuser = host.superuser().await;
    run(&mut superuser, "ANALYZE").await;
    let snapshot = "SELECT string_agg(t::text, ';' ORDER BY id) FROM todo.tasks AS t WHERE user_id = 'bob'";
    let before = text(&mut superuser, snapshot).await;
    assert!(REQUESTS.len() >= 60);
    for request in REQUESTS {
        run(&mut superuser, "DELETE FROM todo.templates WHERE id = 2").await;
        let mut bob = acquire(&pool, Some("bob")).await;
        for statement in OF_BOB {
            tell(&mut bob, statement).await.unwrap();
        }
        drop(bob);
        let mut ann = acquire(&pool, Some("ann")).await;
        for statement in *request {
            let told = tell(&mut ann, statement).await;
            let told = told.unwrap_or_else(|error| error);
            assert!(!told.contains(SECRET), "{request:?}: {told}");
        }
        drop(ann);
        assert_eq!(text(&mut superuser, snapshot).await, before, "{request:?}");
    }
    let of_bob = ask(&pool, "bob", "SELECT title FROM tasks").await;
    assert_eq!(of_bob.as_deref(), Ok(SECRET), "the sessions still serve");
}

#[tokio::test]
async fn a_claim_that_was_stored_is_of_no_use_in_a_transaction() {
    let host = Host::start().await;
    let pool = host.requests().await;
    ask(&pool, "bob", OF_BOB[0]).await.unwrap();
    for replay in [
        "SELECT set_config('berth.claim', title, true) FROM templates WHERE id = 2",
        "SELECT set_config('berth.claim', replace(current_setting('berth.claim'), 'ann', 'bob'), true)",
        "SELECT set_config('berth.claim', current_setting('berth.claim') || 'x|bob', true)",
        "SELECT set_config('berth.claim', '', true)",
    ] {
        let mut transaction = acquire(&pool, Some("ann")).await.begin().await.unwrap();
        let mut told = super::Told::default();
        for statement in ["SELECT title FROM tasks", replay, "SELECT title FROM tasks"] {
            transaction
                .run(&super::guest_statement(statement), &mut told)
                .await
                .unwrap();
        }
        assert_eq!(told.0, "", "{replay}");
        transaction.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_was_not_reset_serves_no_other_caller() {
    let host = Host::start().await;
    let pool = host.requests().await;
    // The sessions keep this prepared, so a request sends it at once, behind the reset.
    let stolen = "SELECT current_setting('stolen.title', true)";
    assert_eq!(ask(&pool, "ann", stolen).await.as_deref(), Ok(""));
    let steal = "SELECT set_config('stolen.title', title, false) FROM tasks";
    ask(&pool, "bob", steal).await.unwrap();
    let mut superuser = host.superuser().await;
    let reset = "SELECT pg_get_functiondef('berth_session.reset(text)'::regprocedure)";
    let reset = text(&mut superuser, reset).await;
    let broken = "CREATE OR REPLACE FUNCTION berth_session.reset(state text) RETURNS void LANGUAGE plpgsql AS \
                  $$ BEGIN RAISE 'a timeout'; END $$";
    run(&mut superuser, broken).await;
    for _ in 0..3 {
        let told = ask(&pool, "ann", stolen).await.unwrap_err();
        assert!(!told.contains(SECRET), "{told}");
    }
    run(&mut superuser, &reset).await;
    assert_eq!(
        ask(&pool, "ann", "SELECT title FROM tasks").await.as_deref(),
        Ok("secret of ann")
    );
}

#[tokio::test]
async fn what_can_be_learned_all_the_same_is_no_more_than_documented() {
    let host = Host::start().await;
    let pool = host.requests().await;
    // A unique index without the owner tells that a value exists.
    let collision = ask(&pool, "ann", "INSERT INTO tasks (title) VALUES ('secret of bob')")
        .await
        .unwrap_err();
    assert!(collision.starts_with("23505"), "{collision}");
    // The catalogue tells how many rows a table has in all, after an ANALYZE.
    run(&mut host.superuser().await, "ANALYZE").await;
    let rows = "SELECT reltuples::int::text FROM pg_class WHERE relname = 'tasks'";
    assert_eq!(ask(&pool, "ann", rows).await.as_deref(), Ok("2"));
}

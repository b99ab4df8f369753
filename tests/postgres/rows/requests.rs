//! Requests of a hostile component, which serves a request of `ann` and wants the rows of `bob`. The tests of
//! `berth_database` send them to a session, and an end-to-end test sends them through a component.

/// The tables, without rows.
pub(crate) const TABLES: &str = "
    CREATE TABLE tasks (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, title text NOT NULL UNIQUE,
        UNIQUE (user_id, id)
    );
    CREATE TABLE notes (
        id serial PRIMARY KEY, user_id varchar(100) NOT NULL, task bigint NOT NULL, body text,
        FOREIGN KEY (user_id, task) REFERENCES tasks (user_id, id) ON DELETE CASCADE
    );
    CREATE TABLE templates (id int PRIMARY KEY, title text);
    CREATE VIEW titles AS SELECT id, user_id, title FROM tasks;
    CREATE FUNCTION all_titles() RETURNS SETOF text LANGUAGE sql AS 'SELECT title FROM tasks';";

/// Each is one request of ann: its statements run one after the other on one session.
pub(crate) const REQUESTS: &[&[&str]] = &[
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
pub(crate) const OF_BOB: &[&str] = &[
    "INSERT INTO templates SELECT 2, current_setting('berth.claim')",
    "DECLARE held CURSOR WITH HOLD FOR SELECT * FROM tasks",
    "PREPARE planted AS SELECT * FROM tasks",
    "SELECT set_config('stolen.title', title, false) FROM tasks",
    "SELECT pg_advisory_lock(4711)",
    "SELECT pg_notify('stolen', title) FROM tasks",
];

//! Migrations of a hostile component: what would show one user's rows to another is refused by name, or undone.

use berth_database::{IsolationError, Pool, RowOwnership, component_database, url};

use crate::support::{pool_settings, run, text};

use super::{Host, ROWS, TABLES, acquire, ask, rules, tell};

/// Each migration, and what the refusal says.
const REFUSED: &[(&str, &str)] = &[
    (
        "CREATE TABLE mine (id int)",
        "the table `mine` has no column `user_id`",
    ),
    (
        "ALTER TABLE tasks RENAME user_id TO owner",
        "the table `tasks` has no column `user_id`",
    ),
    (
        "ALTER TABLE templates ADD user_id text",
        "the shared table `templates` has the column `user_id`",
    ),
    (
        "CREATE TABLE mine (user_id bigint)",
        "the column `mine.user_id` is of type `bigint`",
    ),
    (
        "CREATE TABLE mine (a text, user_id text GENERATED ALWAYS AS (a || 'b') STORED)",
        "`mine.user_id` is generated",
    ),
    (
        "CREATE MATERIALIZED VIEW mine AS SELECT * FROM tasks",
        "`mine` is a materialised view",
    ),
    (
        "CREATE FUNCTION mine() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM tasks'",
        "the function `todo.mine()` is SECURITY DEFINER",
    ),
    (
        "CREATE FUNCTION mine() RETURNS bigint LANGUAGE sql SET search_path = todo AS 'SELECT 1::bigint'",
        "`todo.mine()` has a SET clause",
    ),
    (
        "CREATE RULE mine AS ON INSERT TO templates DO ALSO DELETE FROM tasks",
        "the rule `mine` on `templates`",
    ),
    (
        "CREATE POLICY mine ON tasks USING (true)",
        "the policy `mine` on `tasks`",
    ),
    (
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
        "default privileges",
    ),
    (
        "CREATE FUNCTION mine(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE INDEX leak ON tasks (mine(title))",
        "the index `leak` calls the component's own function `todo.mine(text)`",
    ),
    (
        "CREATE FUNCTION mine(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'; ALTER TABLE tasks ADD CONSTRAINT leak CHECK (mine(title))",
        "the constraint `leak` calls",
    ),
    (
        "CREATE FUNCTION mine(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'; CREATE DOMAIN leak AS text CONSTRAINT leaks CHECK (mine(value))",
        "the constraint `leaks` calls",
    ),
    (
        "CREATE FUNCTION mine(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'; ALTER TABLE tasks ADD leak text GENERATED ALWAYS AS (mine(title)) STORED",
        "the generated column `tasks.leak` calls",
    ),
    (
        "CREATE FUNCTION mine(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE STATISTICS leak ON (mine(title)), id FROM tasks",
        "the statistics object `leak` calls",
    ),
    (
        "CREATE FUNCTION mine(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'; CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = mine); CREATE INDEX leak ON tasks (id) WHERE title === 'x'",
        "the component's own",
    ),
    (
        "CREATE TABLE mine (user_id text, task bigint REFERENCES tasks (id))",
        "lets a row refer to another user's row of `tasks`",
    ),
    (
        "ALTER TABLE templates ADD task bigint REFERENCES tasks (id)",
        "lets the shared table `templates` refer to rows of `tasks`",
    ),
    (
        "CREATE TABLE mine (user_id text, template int REFERENCES templates ON DELETE CASCADE)",
        "changes rows of users when the shared table `templates` changes",
    ),
    (
        "CREATE TABLE mine (user_id text, task bigint, FOREIGN KEY (user_id, task) REFERENCES tasks (user_id, id) ON DELETE SET DEFAULT)",
        "has SET DEFAULT",
    ),
    (
        "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER leak AFTER DELETE ON notes EXECUTE FUNCTION mine()",
        "the trigger `leak` on `notes`",
    ),
    (
        "ALTER TABLE notes ADD CONSTRAINT leak CHECK (query_to_xml('SELECT 1', true, true, '') IS NOT NULL)",
        "the constraint `leak` on `notes` calls",
    ),
    (
        "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY; COMMIT; BEGIN",
        "ends its transaction",
    ),
    (
        "RESET ROLE; CREATE TABLE todo.mine (user_id text)",
        "permission denied",
    ),
    (
        "ALTER TABLE tasks OWNER TO CURRENT_USER; SET LOCAL ROLE postgres",
        "permission denied",
    ),
];

/// Migrations that run, and whose effect on the protection is undone.
const UNDONE: &[&str] = &[
    "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY",
    "ALTER POLICY berth_caller ON tasks USING (true)",
    "ALTER POLICY berth_owner ON tasks TO PUBLIC USING (true)",
    "DROP POLICY berth_caller ON tasks; CREATE POLICY berth_caller ON tasks FOR SELECT USING (true)",
    "GRANT ALL ON tasks TO PUBLIC",
    "GRANT TRUNCATE ON ALL TABLES IN SCHEMA todo TO PUBLIC",
    "GRANT SELECT (title) ON tasks TO PUBLIC",
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA todo TO PUBLIC",
    "GRANT ALL ON berth_migrations TO PUBLIC",
    "ALTER VIEW titles SET (security_invoker = false)",
    "ALTER VIEW titles RESET (security_invoker)",
    "ALTER TABLE tasks ALTER user_id SET DEFAULT 'bob'",
    "ALTER TABLE tasks RENAME TO jobs; CREATE VIEW tasks AS SELECT * FROM jobs",
    "ALTER TABLE tasks RENAME TO old; CREATE TABLE tasks (LIKE old INCLUDING ALL); INSERT INTO tasks OVERRIDING SYSTEM VALUE SELECT * FROM old; ALTER TABLE tasks ALTER id RESTART WITH 100",
    "CREATE TABLE parts (user_id text, id bigint, title text) PARTITION BY HASH (id); \
     CREATE TABLE part PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0); INSERT INTO parts SELECT user_id, id, title FROM tasks",
    "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     ALTER TABLE titles_log DISABLE ROW LEVEL SECURITY; RETURN NULL; END $$; CREATE TABLE titles_log (user_id text); \
     CREATE CONSTRAINT TRIGGER late AFTER INSERT ON templates DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late(); \
     INSERT INTO templates VALUES (3, 'late')",
];

#[tokio::test]
async fn migrations_that_would_undo_the_protection_are_refused_by_name() {
    let host = Host::start().await;
    let pool = host.requests().await;
    for (migration, reason) in REFUSED {
        let refused = host.migrate(&[TABLES, migration]).await.unwrap_err().to_string();
        assert!(refused.contains(reason), "{migration}: {refused}");
        let titles = ask(&pool, "ann", "SELECT title FROM tasks").await;
        assert_eq!(titles.as_deref(), Ok("secret of ann"), "{migration}");
    }
    let members = "SELECT count(*) FROM pg_auth_members WHERE member::regrole::text LIKE '%_migrations' \
                   AND roleid::regrole::text NOT LIKE '%_request' AND roleid::regrole::text NOT LIKE '%_all_rows'";
    assert_eq!(
        text(&mut host.superuser().await, members).await,
        "0",
        "no session is the owner any more"
    );
}

#[tokio::test]
async fn what_migrations_grant_and_switch_off_is_undone() {
    for migration in UNDONE {
        let host = Host::start().await;
        let pool = host.requests().await;
        host.migrate(&[TABLES, migration])
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        let mut superuser = host.superuser().await;
        let tables = "SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'todo'::regnamespace \
                      AND relkind IN ('r', 'p', 'v') AND relname NOT IN ('templates', 'berth_migrations')";
        for table in text(&mut superuser, tables).await.split(' ') {
            let told = ask(&pool, "ann", &format!("SELECT * FROM {table}")).await;
            let told = told.unwrap_or_else(|error| error);
            assert!(!told.contains("secret of bob"), "{migration}: {table}: {told}");
        }
        for refused in [
            "TRUNCATE notes",
            "SELECT * FROM berth_migrations",
            "SELECT setval('notes_id_seq', 1)",
        ] {
            let told = ask(&pool, "ann", refused).await.unwrap_err();
            assert!(told.starts_with("42501"), "{migration}: {refused}: {told}");
        }
        let owner = ask(
            &pool,
            "ann",
            "INSERT INTO tasks (title) VALUES ('new') RETURNING user_id",
        )
        .await;
        assert_eq!(owner.as_deref(), Ok("ann"), "{migration}");
    }
}

#[tokio::test]
async fn a_second_look_at_protected_tables_changes_nothing() {
    let host = Host::start().await;
    let pool = host.requests().await;
    // A statement that needs the table to itself would wait for this transaction.
    let mut reader = acquire(&pool, Some("ann")).await.begin().await.unwrap();
    let select = super::guest_statement("SELECT * FROM tasks");
    reader.run(&select, &mut super::Told::default()).await.unwrap();
    host.migrate(&[TABLES]).await.unwrap().commit().await.unwrap();
    reader.commit().await.unwrap();
}

#[tokio::test]
async fn a_version_on_trial_sees_its_migrations_and_no_rows_of_others() {
    let host = Host::start().await;
    drop(host.requests().await);
    let renamed = "ALTER TABLE tasks ADD done boolean NOT NULL DEFAULT false";
    let mut migrating = host.migrate(&[TABLES, renamed]).await.unwrap();
    let trial = migrating
        .trial(
            std::time::Duration::from_secs(10),
            std::time::Duration::from_secs(10),
        )
        .await
        .unwrap();
    let all = migrating
        .all_rows_trial(std::time::Duration::from_secs(10))
        .unwrap();
    let count = "SELECT count(*)::text FROM tasks WHERE NOT done";
    assert_eq!(ask(&trial, "ann", count).await.as_deref(), Ok("1"));
    assert_eq!(
        tell(&mut acquire(&all, None).await, count).await.as_deref(),
        Ok("2")
    );
    assert_eq!(
        tell(&mut acquire(&trial, None).await, count).await.as_deref(),
        Ok("0")
    );
    for escape in [
        "DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname NOT LIKE '%all_rows' LOOP BEGIN \
         EXECUTE format('SET LOCAL ROLE %I', r); EXECUTE 'ALTER TABLE tasks DISABLE ROW LEVEL SECURITY'; \
         EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; RESET ROLE; END $$",
        "RESET ROLE",
        "ROLLBACK TO SAVEPOINT berth_trial",
        "SET LOCAL berth.claim = '|bob'",
    ] {
        let mut session = acquire(&trial, Some("ann")).await;
        for statement in [escape, "SELECT title FROM tasks"] {
            let told = tell(&mut session, statement).await.unwrap_or_else(|error| error);
            assert!(!told.contains("secret of bob"), "{escape}: {told}");
        }
    }
    drop((trial, all));
    migrating.commit().await.unwrap();
    assert_eq!(ask(&host.pool(1).await, "bob", count).await.as_deref(), Ok("1"));
}

#[tokio::test]
async fn a_host_without_superuser_rights_keeps_rows_to_their_users() {
    let host = Host::start().await;
    let mut superuser = host.superuser().await;
    run(
        &mut superuser,
        "CREATE ROLE landlord LOGIN CREATEROLE PASSWORD 'p'; CREATE ROLE poor LOGIN PASSWORD 'p'",
    )
    .await;
    run(&mut superuser, "CREATE DATABASE managed OWNER landlord").await;
    run(&mut superuser, "CREATE DATABASE plain OWNER poor").await;
    let socket = host
        .options
        .get_socket()
        .unwrap()
        .display()
        .to_string()
        .replace('/', "%2F");
    for (role, database, is_able) in [("landlord", "managed", true), ("poor", "plain", false)] {
        let server = url::parse(&format!(
            "postgres://{role}:p@localhost:5432/{database}?host={socket}"
        ))
        .unwrap();
        berth_database::host_tables::prepare(server.direct())
            .await
            .unwrap();
        let pool = Pool::new(server.clone(), pool_settings(2));
        let rules = rules();
        let rows = RowOwnership {
            rules: &rules,
            sees_all_rows: false,
        };
        let made = component_database(&pool, &server, "todo", 2, Some(rows)).await;
        if !is_able {
            let refused = made.unwrap_err();
            assert!(matches!(refused, IsolationError::Rows { .. }), "{refused}");
            assert!(
                refused.to_string().contains("ALTER ROLE \"poor\" CREATEROLE"),
                "{refused}"
            );
            continue;
        }
        let database = made.unwrap();
        let backends = berth_database::Backends::new(pool.clone());
        let migration = berth_database::Migration::new(1, "tables", format!("{TABLES}{ROWS}"));
        let migrating = berth_database::Migrating::begin(&database, &backends, &[migration])
            .await
            .unwrap();
        migrating.commit().await.unwrap();
        let settings = berth_database::PoolSettings {
            search_path: Some(database.schema),
            claims: database.rows.map(|rows| rows.key),
            ..pool_settings(1)
        };
        let requests = berth_database::SessionPool::new(database.server, settings, backends, None);
        assert_eq!(
            ask(&requests, "ann", "SELECT title FROM tasks").await.as_deref(),
            Ok("secret of ann")
        );
        let temporary = ask(&requests, "ann", "CREATE TEMP TABLE mine (id int)")
            .await
            .unwrap_err();
        assert!(temporary.starts_with("42501"), "{temporary}");
    }
}

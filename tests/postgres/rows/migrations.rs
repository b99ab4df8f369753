//! Tables that are protected after a migration, or refused; versions on trial; and a manifest that gains and loses `rows`.

use rustix::process::Signal;

use super::{COUNT, ROWS, TABLES, Todo, execute, plain_todo, query, subject, titles, version};
use crate::support::{App, Component};

#[tokio::test]
async fn a_migration_that_would_show_rows_to_others_is_refused_by_name() {
    let todo = Todo::with_rows().await;
    let operator = todo.app.operator();
    for (migration, names) in [
        (
            "CREATE TABLE loose (id int)",
            vec!["`loose`", "`user_id`", "`shared`"],
        ),
        (
            "ALTER TABLE templates ADD COLUMN user_id text",
            vec!["`templates`", "`user_id`"],
        ),
        (
            "CREATE FUNCTION peek() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT title FROM tasks'",
            vec!["peek()`", "SECURITY DEFINER"],
        ),
        (
            "CREATE TABLE notes (id int, user_id text NOT NULL, task bigint CONSTRAINT to_task REFERENCES tasks (id))",
            vec!["`to_task`", "`notes`", "`tasks`", "`user_id`"],
        ),
        (
            "ALTER TABLE templates ADD COLUMN task bigint CONSTRAINT of_task REFERENCES tasks (id)",
            vec!["`of_task`", "`templates`", "`tasks`"],
        ),
        (
            "CREATE MATERIALIZED VIEW copies AS SELECT * FROM tasks",
            vec!["`copies`"],
        ),
        (
            "CREATE RULE spy AS ON INSERT TO tasks DO ALSO INSERT INTO templates (title) VALUES (new.title)",
            vec!["`spy`", "`tasks`"],
        ),
        (
            "CREATE POLICY everybody ON tasks USING (true)",
            vec!["`everybody`", "`tasks`"],
        ),
        (
            "CREATE TABLE notes (id int, user_id bytea)",
            vec!["`notes.user_id`", "bytea"],
        ),
    ] {
        let (step, reason) = operator.push_refused("todo", version(&[TABLES, migration])).await;
        assert!(step.contains("migrat"), "{step}: {reason}");
        for name in names {
            assert!(reason.contains(name), "{migration}: {reason}");
        }
        todo.assert_apart(migration).await;
    }
    assert_eq!(operator.history("todo").await.last().unwrap(), "1 live");

    let good = "CREATE TABLE notes (
        id int, user_id text NOT NULL, task bigint, FOREIGN KEY (user_id, task) REFERENCES tasks (user_id, id));
        ALTER TABLE templates DISABLE ROW LEVEL SECURITY; ALTER TABLE tasks DISABLE ROW LEVEL SECURITY;
        DROP POLICY berth_caller ON tasks; GRANT ALL ON tasks TO PUBLIC;
        ALTER TABLE tasks ALTER COLUMN user_id TYPE varchar(100);
        CREATE FUNCTION spy(title text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
            AS 'BEGIN INSERT INTO templates (title) VALUES (spy.title); RETURN true; END';
        CREATE VIEW titles AS SELECT title FROM tasks";
    operator.push_live("todo", version(&[TABLES, good])).await;
    todo.assert_apart("a migration that the host mends").await;
    let bob = todo.bob();
    assert_eq!(query(&bob, "TRUNCATE tasks").await, "42501");
    assert_eq!(
        execute(&bob, "INSERT INTO tasks (title) VALUES ('of bob')").await,
        "1"
    );
    assert_eq!(
        query(&bob, "SELECT count(*) AS n FROM titles").await,
        r#"[{"n":2}]"#
    );
    // A function that costs nothing is called for no row of another user either.
    assert_eq!(
        query(&bob, "SELECT count(*) AS n FROM tasks WHERE spy(title)").await,
        r#"[{"n":2}]"#
    );
    assert_eq!(
        execute(&bob, "UPDATE tasks SET title = title WHERE spy(title)").await,
        "2"
    );
    let spied = "SELECT count(*) AS n FROM templates WHERE title LIKE '%ann%'";
    assert_eq!(query(&bob, spied).await, r#"[{"n":0}]"#);
    let statistics = "SELECT count(*) AS n FROM pg_stats WHERE schemaname = 'todo' AND tablename = 'tasks'";
    let mut database = todo.app.database.connect().await;
    sqlx::query("ANALYZE todo.tasks")
        .execute(&mut database)
        .await
        .unwrap();
    assert_eq!(query(&bob, statistics).await, r#"[{"n":0}]"#);
}

#[tokio::test]
async fn a_version_on_trial_sees_no_rows_of_users() {
    let todo = Todo::start(|todo| todo.saying(ROWS).saying("probe = \"GET /todo/probe\"")).await;
    let (ann, bob) = (todo.ann(), todo.bob());
    assert_eq!(titles(&ann).await, "[]", "the rows of the probe are rolled back");
    for user in [&ann, &bob] {
        execute(user, "INSERT INTO tasks (title) VALUES ('of a user')").await;
    }
    let more = "ALTER TABLE tasks ADD COLUMN is_done boolean NOT NULL DEFAULT false";
    let operator = todo.app.operator();
    let report = operator.push_live("todo", version(&[TABLES, more])).await;
    assert_eq!(report["probes"][0]["status"], 200, "{report:#}");
    for user in [&ann, &bob] {
        assert_eq!(titles(user).await, r#"[{"title":"of a user"}]"#);
    }
    let mut database = todo.app.database.connect().await;
    let all: i64 = sqlx::query_scalar("SELECT count(*) FROM todo.tasks")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(all, 2);
}

#[tokio::test]
async fn tables_are_taken_over_when_the_manifest_gains_rows_and_given_back() {
    let mut todo = Todo::start(|todo| todo).await;
    let (ann_id, bob_id) = (subject(&todo.ann()).await, subject(&todo.bob()).await);
    for (id, title) in [(&ann_id, "secret of ann"), (&bob_id, "secret of bob")] {
        let insert = format!("INSERT INTO tasks (user_id, title) VALUES ('{id}', '{title}')");
        assert_eq!(execute(&todo.ann(), &insert).await, "1");
    }
    assert_eq!(query(&todo.bob(), COUNT).await, r#"[{"n":2}]"#);
    execute(&todo.bob(), "INSERT INTO templates (title) VALUES ('shared')").await;

    // Twice, since the second change must find what the first has left.
    for _ in 0..2 {
        todo = restarted(todo, |todo| todo.saying(ROWS));
        todo.assert_apart("the manifest has `rows`").await;
        assert_eq!(
            query(&todo.ann(), "SELECT title FROM templates").await,
            r#"[{"title":"shared"}]"#
        );
        let insert = "INSERT INTO tasks (title) VALUES ('new')";
        assert_eq!(execute(&todo.ann(), insert).await, "1");
        assert_eq!(query(&todo.ann(), COUNT).await, r#"[{"n":2}]"#);
        assert_eq!(query(&todo.bob(), COUNT).await, r#"[{"n":1}]"#);

        todo = restarted(todo, |todo| todo);
        assert_eq!(query(&todo.bob(), COUNT).await, r#"[{"n":3}]"#);
        let delete = "DELETE FROM tasks WHERE title = 'new'";
        assert_eq!(execute(&todo.bob(), delete).await, "1");
        let insert = format!("INSERT INTO tasks (user_id, title) VALUES ('{ann_id}', 'more') RETURNING id");
        assert!(query(&todo.bob(), &insert).await.starts_with(r#"[{"id":"#));
        assert_eq!(
            execute(&todo.bob(), "DELETE FROM tasks WHERE title = 'more'").await,
            "1"
        );
    }
    let operator = todo.app.operator();
    let more = "ALTER TABLE tasks ADD COLUMN is_done boolean NOT NULL DEFAULT false";
    operator.push_live("todo", version(&[TABLES, more])).await;
    assert_eq!(query(&todo.bob(), COUNT).await, r#"[{"n":2}]"#);
}

/// The same host after a restart with another manifest.
fn restarted(mut todo: Todo, manifest: impl FnOnce(Component) -> Component) -> Todo {
    todo.app.process.signal(Signal::TERM);
    assert!(todo.app.process.wait().success());
    let component = manifest(plain_todo(todo.files.path()));
    let app = App::serving([component]).start_beside(&todo.app);
    Todo { app, ..todo }
}

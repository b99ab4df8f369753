//! Each request has the rows of its caller, and no SQL of a hostile component changes that.

use std::fs;

use serde_json::json;

use super::{
    COUNT, ROWS, TABLES, Todo, backend, execute, fixture, plain_todo, query, run, steps, subject, version,
};
use crate::support::{App, Component, Send as _};

#[tokio::test]
async fn a_user_sees_and_writes_the_rows_of_their_own() {
    let todo = Todo::with_rows().await;
    let (ann, bob) = (todo.ann(), todo.bob());
    todo.assert_apart("the inserts").await;
    assert_eq!(query(&ann, COUNT).await, r#"[{"n":1}]"#);
    let anonymous = todo.app.get("/todo/query").query(&[("sql", COUNT)]);
    assert_eq!(anonymous.answer().await.expect(200).text(), r#"[{"n":0}]"#);
    let anonymous = todo
        .app
        .get("/todo/execute")
        .query(&[("sql", "INSERT INTO tasks (title) VALUES ('of nobody')")]);
    assert_eq!(anonymous.answer().await.expect(200).text(), "42501");

    let ann_id = subject(&ann).await;
    for forged in [
        format!("INSERT INTO tasks (user_id, title) VALUES ('{ann_id}', 'forged')"),
        format!("UPDATE tasks SET user_id = '{ann_id}'"),
        format!(
            "INSERT INTO tasks (id, user_id, title) OVERRIDING SYSTEM VALUE SELECT id, '{ann_id}', title FROM tasks
             ON CONFLICT (id) DO UPDATE SET user_id = '{ann_id}'"
        ),
    ] {
        assert_eq!(execute(&bob, &forged).await, "42501", "{forged}");
    }
    for nothing in [
        format!("UPDATE tasks SET title = 'taken' WHERE user_id = '{ann_id}'"),
        format!("DELETE FROM tasks WHERE user_id = '{ann_id}'"),
    ] {
        assert_eq!(execute(&bob, &nothing).await, "0", "{nothing}");
    }
    for refused in [
        "TRUNCATE tasks",
        "DROP TABLE tasks",
        "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY",
        "DROP POLICY berth_caller ON tasks",
        "CREATE TABLE copies (title text)",
        "CREATE TEMPORARY TABLE copies (title text)",
        "CREATE FUNCTION all_titles() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT title FROM tasks'",
        "SELECT setval('berth_session.claims', 1)",
        "SELECT nextval('berth_session.claims')",
        "SELECT inner_key FROM berth.claim_key",
    ] {
        let state = query(&bob, refused).await;
        assert_eq!(state, "42501", "{refused}");
    }
    // The host closes the session of a claim that is not the host's.
    let forged = format!("CALL berth_session.enter('x|{ann_id}', '', false)");
    assert_eq!(query(&bob, &forged).await, "Error::Away");
    todo.assert_apart("the attack").await;
}

#[tokio::test]
async fn a_claim_that_was_read_and_stored_is_of_no_use_later() {
    let todo = Todo::with_rows().await;
    let (ann, bob) = (todo.ann(), todo.bob());
    // The component reads the claim of ann in her request, and keeps it in a table that all users share.
    let steal = "INSERT INTO templates (title) SELECT claim FROM current_setting('berth.claim') AS claim WHERE claim LIKE '%|%'";
    assert_eq!(execute(&ann, steal).await, "1");
    assert_eq!(backend(&ann).await, backend(&bob).await);
    let stolen = "(SELECT title FROM templates LIMIT 1)";
    for is_local in [true, false] {
        let set = format!("SELECT set_config('berth.claim', {stolen}, {is_local}) <> '' AS done");
        let outcomes = steps(
            &bob,
            "commit",
            &[&set, COUNT, "SELECT berth_session.caller() AS c"],
        )
        .await;
        let own = format!(r#"[{{"c":"{}"}}]"#, subject(&bob).await);
        assert_eq!(outcomes, [r#"[{"done":true}]"#, r#"[{"n":1}]"#, &own]);
        let at_once = format!(
            "WITH c AS MATERIALIZED (SELECT set_config('berth.claim', {stolen}, {is_local}))
             SELECT (SELECT count(*) FROM tasks WHERE title = 'secret of ann') AS n FROM c"
        );
        assert_eq!(after_a_change(&bob, &at_once).await, r#"[{"n":0}]"#);
        let by_row = format!(
            "SELECT count(*) AS n FROM tasks WHERE set_config('berth.claim', {stolen}, {is_local}) IS NOT NULL
             AND title = 'secret of ann'"
        );
        assert_eq!(after_a_change(&bob, &by_row).await, r#"[{"n":0}]"#);
        after_a_change(&bob, COUNT).await;
        todo.assert_apart("a replay").await;
    }
    let anonymous = todo.app.get("/todo/steps").query(&[
        (
            "sql",
            &*format!("SELECT set_config('berth.claim', {stolen}, false) <> '' AS done"),
        ),
        ("sql", COUNT),
    ]);
    let outcomes = anonymous.answer().await.expect(200).text();
    assert_eq!(outcomes, "[{\"done\":true}]\n[{\"n\":0}]");
    todo.assert_apart("a replay without a caller").await;
}

/// The result of a query on a session whose claim the component may have changed. The host closes such a session at its
/// next request, which fails.
async fn after_a_change(user: &super::User<'_>, sql: &str) -> String {
    match query(user, sql).await {
        away if away == "Error::Away" => query(user, sql).await,
        result => result,
    }
}

#[tokio::test]
async fn the_rows_of_all_users_are_for_a_component_that_is_granted_them() {
    let granted = ["identity", "postgres", "postgres-all-rows"];
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("todo.wasm");
    fs::write(&file, version(&[TABLES])).unwrap();
    let component = Component::from_file("todo", &file).at("/todo").saying(ROWS);
    let todo = Todo::serving([component.granted(&granted)], files).await;
    let (ann, bob) = (todo.ann(), todo.bob());
    for user in [&ann, &bob] {
        assert_eq!(
            execute(user, "INSERT INTO tasks (title) VALUES ('mine')").await,
            "1"
        );
        assert_eq!(query(user, COUNT).await, r#"[{"n":1}]"#);
    }
    let operator = todo.app.operator();
    operator
        .push_live("todo", fixture("tests/fixtures/all-rows.wasm"))
        .await;
    let anonymous = todo.app.get("/todo/query").query(&[("sql", COUNT)]);
    assert_eq!(anonymous.answer().await.expect(200).text(), r#"[{"n":2}]"#);
    for path in ["/todo/query", "/todo/commit", "/todo/rollback"] {
        assert_eq!(run(&bob, path, COUNT).await, r#"[{"n":2}]"#, "{path}");
    }
    assert_eq!(run(&bob, "/todo/own", COUNT).await, r#"[{"n":1}]"#);
    let ann_id = subject(&ann).await;
    let insert =
        format!("INSERT INTO tasks (user_id, title) VALUES ('{ann_id}', 'from bob') RETURNING title");
    run(&bob, "/todo/rollback", &insert).await;
    assert_eq!(
        run(&bob, "/todo/commit", &insert).await,
        r#"[{"title":"from bob"}]"#
    );
    assert_eq!(
        run(&bob, "/todo/execute", "UPDATE tasks SET title = 'changed'").await,
        "3"
    );
    for refused in [
        "DROP TABLE tasks",
        "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY",
        "TRUNCATE tasks",
    ] {
        assert_eq!(run(&bob, "/todo/query", refused).await, "42501", "{refused}");
    }
    assert_eq!(run(&ann, "/todo/own", COUNT).await, r#"[{"n":2}]"#);
    assert_eq!(run(&bob, "/todo/own", COUNT).await, r#"[{"n":1}]"#);
}

#[tokio::test]
async fn a_component_without_the_grant_of_all_rows_is_refused() {
    let todo = Todo::with_rows().await;
    let operator = todo.app.operator();
    let all_rows = fixture("tests/fixtures/all-rows.wasm");
    let (_, reason) = operator.push_refused("todo", all_rows).await;
    assert!(
        reason.contains("berth:postgres-all-rows/client") && reason.contains("postgres-all-rows\""),
        "{reason}"
    );
    todo.assert_apart("the refusal").await;

    let component = Component::new("all-rows")
        .at("/all")
        .granted(&["postgres"])
        .saying(r#"rows = { owner = "user_id" }"#);
    let checked = App::serving([component]).run("check");
    let said =
        String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(!checked.status.success(), "{said}");
    assert!(said.contains("berth:postgres-all-rows/client"), "{said}");
}

#[tokio::test]
async fn a_call_of_another_component_is_its_callers() {
    let files = tempfile::tempdir().unwrap();
    let asks = Component::new("asks")
        .at("/asks")
        .saying("imports = { \"fixtures:greeting/greeting\" = \"todo\" }");
    let todo = Todo::serving([plain_todo(files.path()).saying(ROWS), asks], files).await;
    for (user, title) in [(todo.ann(), "of ann"), (todo.bob(), "of bob")] {
        execute(&user, &format!("INSERT INTO tasks (title) VALUES ('{title}')")).await;
    }
    for (user, title) in [
        (todo.ann(), "of ann"),
        (todo.bob(), "of bob"),
        (todo.ann(), "of ann"),
    ] {
        let told = user.get("/asks").await.expect(200).text();
        assert_eq!(told, json!([{ "title": title }]).to_string());
    }
    assert_eq!(todo.app.get("/asks").answer().await.expect(200).text(), "[]");
}

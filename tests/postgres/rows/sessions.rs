//! Requests of two users on one session: the state that the first request leaves does not reach the second.

use super::{COUNT, TITLES, Todo, backend, execute, query, steps, titles};
use crate::support::Send as _;

#[tokio::test]
async fn what_one_users_request_leaves_on_a_session_is_not_there_for_the_next_user() {
    let todo = Todo::with_rows().await;
    let (ann, bob) = (todo.ann(), todo.bob());
    let session = backend(&ann).await;
    assert_eq!(
        execute(&ann, "DECLARE held CURSOR WITH HOLD FOR SELECT title FROM tasks").await,
        "0"
    );
    assert_eq!(
        query(&bob, "FETCH ALL FROM held").await,
        "34000",
        "no such cursor"
    );
    let outcomes = steps(
        &ann,
        "commit",
        &[
            "DECLARE held CURSOR WITH HOLD FOR SELECT title FROM tasks",
            "FETCH 1 FROM held",
        ],
    )
    .await;
    assert_eq!(outcomes[1], r#"[{"title":"secret of ann"}]"#);
    assert_eq!(steps(&bob, "commit", &["FETCH ALL FROM held"]).await[0], "34000");

    assert_eq!(execute(&ann, &format!("PREPARE kept AS {TITLES}")).await, "0");
    assert_eq!(query(&bob, "EXECUTE kept").await, "26000", "no such statement");
    let outcomes = steps(
        &ann,
        "commit",
        &[&format!("PREPARE kept AS {TITLES}"), "EXECUTE kept"],
    )
    .await;
    assert_eq!(outcomes[1], r#"[{"title":"secret of ann"}]"#);
    assert_eq!(query(&bob, "EXECUTE kept").await, "26000");

    // Statements that the host keeps prepared have a plan for each user, more often than PostgreSQL makes plans anew.
    for _ in 0..8 {
        todo.assert_apart("the same statement").await;
    }
    for setting in [
        "row_security = off",
        "role = none",
        "search_path = pg_catalog",
        "plan_cache_mode = force_generic_plan",
    ] {
        execute(&ann, &format!("SET {setting}")).await;
        todo.assert_apart(setting).await;
    }
    assert_eq!(
        steps(&bob, "commit", &["SET LOCAL row_security = off", COUNT]).await[1],
        "42501",
        "a query that the policies would change is refused"
    );
    assert_eq!(backend(&bob).await, session);
}

#[tokio::test]
async fn a_transaction_that_ends_in_the_middle_leaves_no_caller_behind() {
    let todo = Todo::with_rows().await;
    let (ann, bob) = (todo.ann(), todo.bob());
    let session = backend(&ann).await;
    for end in ["rollback", "drop", "commit"] {
        let outcomes = steps(
            &ann,
            end,
            &[
                "SAVEPOINT one",
                COUNT,
                "ROLLBACK TO one",
                COUNT,
                "SELECT 1 / 0",
                "ROLLBACK TO one",
                COUNT,
                "RELEASE one",
            ],
        )
        .await;
        let one = r#"[{"n":1}]"#;
        assert_eq!(
            outcomes,
            ["[]", one, "[]", one, "22012", "[]", one, "[]"],
            "{end}"
        );
        todo.assert_apart(end).await;
    }
    // The first statement fails, with the claim before it.
    let outcomes = steps(&ann, "rollback", &["SELECT 1 / 0", COUNT]).await;
    assert_eq!(outcomes, ["22012", "25P02"]);
    todo.assert_apart("a failure").await;
    assert_eq!(backend(&bob).await, session);

    for (path, statements) in [
        ("/todo/query", vec!["SELECT title, pg_sleep(3600) FROM tasks"]),
        (
            "/todo/steps",
            vec![TITLES, "SELECT title, pg_sleep(3600) FROM tasks"],
        ),
        ("/todo/trap", vec![TITLES]),
    ] {
        let query: Vec<_> = statements.iter().map(|statement| ("sql", *statement)).collect();
        let answer = ann.request("GET", path).query(&query).answer().await;
        let was_cancelled = answer.status == 200 && answer.text().ends_with("Error::Timeout");
        assert!(
            matches!(answer.status, 502 | 504) || was_cancelled,
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
        assert_eq!(titles(&bob).await, r#"[{"title":"secret of bob"}]"#, "{path}");
        todo.assert_apart(path).await;
    }
}

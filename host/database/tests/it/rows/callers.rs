//! The rows that each caller sees and changes.

use super::{Host, acquire, ask, tell};

#[tokio::test]
async fn each_caller_has_the_rows_of_its_own() {
    let host = Host::start().await;
    let pool = host.requests().await;
    for caller in ["ann", "bob", "ann"] {
        let own = Ok(format!("secret of {caller}"));
        for query in [
            "SELECT title FROM tasks",
            "SELECT title FROM titles",
            "SELECT title FROM all_titles() AS title",
            "SELECT body FROM notes",
            "SELECT body FROM notes JOIN tasks ON true",
        ] {
            assert_eq!(ask(&pool, caller, query).await, own, "{query}");
        }
    }
    let count = "SELECT count(*)::text FROM tasks";
    assert_eq!(ask(&pool, "carol", count).await.as_deref(), Ok("0"));
    assert_eq!(
        tell(&mut acquire(&pool, None).await, count).await.as_deref(),
        Ok("0")
    );
    assert_eq!(
        ask(&pool, "carol", "SELECT title FROM templates")
            .await
            .as_deref(),
        Ok("shared")
    );
}

#[tokio::test]
async fn subjects_that_look_alike_have_rows_of_their_own() {
    let host = Host::start().await;
    let pool = host.requests().await;
    let subjects = [
        "7",
        "07",
        "+7",
        "-7",
        " 7",
        "7 ",
        "7.0",
        "0",
        "x|7",
        "|7",
        "\u{667}",
        "999999999999999999",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
    ];
    for subject in subjects {
        let insert = format!("INSERT INTO tasks (title) VALUES ('of <{subject}>') RETURNING user_id");
        assert_eq!(
            ask(&pool, subject, &insert).await.as_deref(),
            Ok(subject.trim_end())
        );
    }
    for subject in subjects.iter().chain(subjects.iter().rev()) {
        let titles = ask(&pool, subject, "SELECT title FROM tasks").await;
        assert_eq!(titles, Ok(format!("of <{subject}>")));
    }
}

#[tokio::test]
async fn the_owner_of_a_new_row_is_the_caller() {
    let host = Host::start().await;
    let pool = host.requests().await;
    let insert = "INSERT INTO tasks (title) VALUES ('new') RETURNING user_id";
    assert_eq!(ask(&pool, "carol", insert).await.as_deref(), Ok("carol"));
    for forged in [
        "INSERT INTO tasks (user_id, title) VALUES ('ann', 'forged')",
        "UPDATE tasks SET user_id = 'ann'",
        "MERGE INTO tasks USING (VALUES (1)) AS v ON false WHEN NOT MATCHED THEN INSERT (user_id, title) VALUES ('ann', 'x')",
    ] {
        let refused = ask(&pool, "carol", forged).await.unwrap_err();
        assert!(refused.starts_with("42501"), "{forged}: {refused}");
    }
    let mut nobody = acquire(&pool, None).await;
    let refused = tell(&mut nobody, "INSERT INTO tasks (title) VALUES ('whose')").await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn a_transaction_has_its_caller_until_it_ends() {
    let host = Host::start().await;
    let pool = host.requests().await;
    let titles = super::guest_statement("SELECT title FROM tasks");
    for caller in ["ann", "bob"] {
        let mut transaction = acquire(&pool, Some(caller)).await.begin().await.unwrap();
        for statement in ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SAVEPOINT here"] {
            transaction
                .run(&super::guest_statement(statement), &mut super::Told::default())
                .await
                .unwrap();
        }
        let mut failing = super::Told::default();
        let failed = transaction
            .run(&super::guest_statement("SELECT 1 / 0"), &mut failing)
            .await;
        assert!(failed.is_err());
        let back = super::guest_statement("ROLLBACK TO SAVEPOINT here");
        transaction.run(&back, &mut super::Told::default()).await.unwrap();
        let mut told = super::Told::default();
        transaction.run(&titles, &mut told).await.unwrap();
        assert_eq!(told.0.trim_end(), format!("secret of {caller}"));
        transaction.roll_back().await.unwrap();
    }
    // A statement that fails leaves nothing to the next caller.
    let _ = ask(&pool, "ann", "SELECT 1 / 0 FROM tasks").await.unwrap_err();
    assert_eq!(
        ask(&pool, "bob", "SELECT title FROM tasks").await.as_deref(),
        Ok("secret of bob")
    );
}

#[tokio::test]
async fn the_index_serves_as_without_owners() {
    let host = Host::start().await;
    let pool = host.requests().await;
    let more = "INSERT INTO tasks (user_id, title) SELECT 'ann', n::text FROM generate_series(1, 5000) AS n; \
                INSERT INTO tasks (user_id, title) SELECT 'user ' || n % 500, 'other ' || n FROM generate_series(1, 20000) AS n; \
                ANALYZE todo.tasks";
    let mut superuser = host.superuser().await;
    crate::support::run(&mut superuser, &format!("SET search_path = todo; {more}")).await;
    let mut session = acquire(&pool, Some("user 7")).await;
    let mut transaction_plan = String::new();
    let plan = "EXPLAIN (COSTS OFF) SELECT * FROM tasks WHERE user_id = 'user 7' ORDER BY id LIMIT 20";
    transaction_plan.push_str(&tell(&mut session, plan).await.unwrap());
    assert!(
        transaction_plan.contains("Index Scan using tasks_user_id_id_key"),
        "{transaction_plan}"
    );
    assert!(!transaction_plan.contains("Sort"), "{transaction_plan}");
}

#[tokio::test]
async fn a_session_keeps_the_claim_of_a_caller_that_returns() {
    let host = Host::start().await;
    let pool = host.requests().await;
    let claim = "SELECT current_setting('berth.claim')";
    let first = ask(&pool, "ann", claim).await.unwrap();
    assert_eq!(
        ask(&pool, "ann", claim).await.as_ref(),
        Ok(&first),
        "one claim for two requests"
    );
    let titles = "SELECT title FROM tasks";
    assert_eq!(ask(&pool, "ann", titles).await.as_deref(), Ok("secret of ann"));
    assert_eq!(ask(&pool, "bob", titles).await.as_deref(), Ok("secret of bob"));
    assert_ne!(ask(&pool, "ann", claim).await.unwrap(), first);
    // Whatever the component does to the claim, the next request sees the rows of its caller, or fails.
    for change in [
        "SELECT set_config('berth.claim', 'x|bob', false)",
        "SELECT set_config('berth.claim', '', false)",
        "SELECT berth_session.reset('x')",
        "SELECT berth_session.reset(current_setting('berth.claim'))",
        "DISCARD SEQUENCES",
        "RESET ALL",
        "DISCARD ALL",
        "SELECT 1 / 0",
    ] {
        ask(&pool, "ann", titles).await.unwrap();
        let _ = ask(&pool, "ann", change).await;
        let after = ask(&pool, "ann", titles).await;
        let is_own = after.as_deref() == Ok("secret of ann");
        let is_refused = after.as_ref().is_err_and(|error| error.starts_with("-----"));
        assert!(is_own || is_refused, "{change}: {after:?}");
        assert_eq!(
            ask(&pool, "ann", titles).await.as_deref(),
            Ok("secret of ann"),
            "{change}"
        );
        let nobody = tell(&mut acquire(&pool, None).await, titles).await;
        assert_eq!(nobody.as_deref(), Ok(""), "{change}");
    }
    // A transaction keeps its claim if it commits.
    for is_committed in [true, false] {
        let mut transaction = acquire(&pool, Some("bob")).await.begin().await.unwrap();
        let mut told = super::Told::default();
        transaction
            .run(&super::guest_statement(titles), &mut told)
            .await
            .unwrap();
        if is_committed {
            transaction.commit().await.unwrap();
        } else {
            drop(transaction);
        }
        for caller in ["bob", "ann"] {
            assert_eq!(
                ask(&pool, caller, titles).await,
                Ok(format!("secret of {caller}"))
            );
        }
    }
}

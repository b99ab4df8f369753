//! Statements of a hostile component: it serves a request of `ann`, and wants the rows of `bob`, who has called it
//! before.

use crate::support::{run, text};

use super::requests::{OF_BOB, REQUESTS};
use super::{Host, ROWS, acquire, ask, tell};

/// The text of bob's row, which no request of ann may see.
const SECRET: &str = "secret of bob";

#[tokio::test]
async fn no_statement_shows_or_changes_a_row_of_another_user() {
    attack("ann", "bob").await;
}

/// The identifier of an account is a number, for which a session keeps the claim in another way.
#[tokio::test]
async fn no_statement_shows_or_changes_a_row_of_another_account() {
    attack("7001", "7002").await;
}

/// Serves requests of `ann`, which want the rows of `bob`.
async fn attack(ann: &str, bob: &str) {
    let host = Host::start().await;
    let named = |text: &str| text.replace("ann", ann).replace("bob", bob);
    let pool = host.requests_on(&named(ROWS)).await;
    let mut superuser = host.superuser().await;
    run(&mut superuser, "ANALYZE").await;
    let snapshot =
        named("SELECT string_agg(t::text, ';' ORDER BY id) FROM todo.tasks AS t WHERE user_id = 'bob'");
    let before = text(&mut superuser, &snapshot).await;
    let secret = named(SECRET);
    assert!(REQUESTS.len() >= 60);
    for request in REQUESTS {
        run(&mut superuser, "DELETE FROM todo.templates WHERE id = 2").await;
        let mut session = acquire(&pool, Some(bob)).await;
        for statement in OF_BOB {
            tell(&mut session, &named(statement)).await.unwrap();
        }
        drop(session);
        let mut session = acquire(&pool, Some(ann)).await;
        for statement in *request {
            let told = tell(&mut session, &named(statement)).await;
            let told = told.unwrap_or_else(|error| error);
            assert!(!told.contains(&secret), "{request:?}: {told}");
        }
        drop(session);
        assert_eq!(text(&mut superuser, &snapshot).await, before, "{request:?}");
    }
    let of_bob = ask(&pool, bob, "SELECT title FROM tasks").await;
    assert_eq!(of_bob, Ok(secret), "the sessions still serve");
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

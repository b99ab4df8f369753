//! Accounts that were disabled or deleted: their tokens are good no longer, on any route.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{PASSWORD, account, token};
use crate::support::patience::eventually;
use crate::support::{Answer, App, Send, User, tokens};

const REFUSED: &str = "Could not validate credentials";

/// Routes of the host and of components.
const ROUTES: [&str; 4] = ["/api/tasks", "/api/conversations", "/dashboard/stats", "/auth/me"];

/// Has the host look at its tables for the first time, so that a change must reach a host that knows already.
async fn serve_once(user: &User<'_>) {
    for route in ROUTES {
        user.get(route).await.expect(200);
    }
}

/// Waits until every route answers with `status`.
async fn answered_with(user: &User<'_>, status: u16) {
    let statuses = async || {
        let mut statuses = Vec::new();
        for route in ROUTES {
            statuses.push(user.get(route).await.status);
        }
        statuses
    };
    eventually(vec![status; ROUTES.len()], statuses).await;
}

async fn run(connection: &mut PgConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(connection).await.unwrap();
}

fn id(account: &Value) -> String {
    account["user_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_disabled_accounts_token_is_refused_until_it_is_enabled_again() {
    let app = App::start().await;
    let (ann, bob) = (
        account(&app, "ann@example.com").await,
        account(&app, "bob@example.com").await,
    );
    let (ann, bob) = (
        User::new(&app, token(&ann).to_owned()),
        User::new(&app, token(&bob).to_owned()),
    );
    serve_once(&ann).await;
    let mut database = app.database.connect().await;

    run(
        &mut database,
        "UPDATE berth.accounts SET is_active = false WHERE email = 'ann@example.com'",
    )
    .await;
    answered_with(&ann, 401).await;
    let refused = ann.get("/api/tasks").await;
    assert_eq!(refused.failure(), (401, REFUSED.to_owned()));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    answered_with(&bob, 200).await;

    run(&mut database, "UPDATE berth.accounts SET is_active = true").await;
    answered_with(&ann, 200).await;
}

#[tokio::test]
async fn a_deleted_accounts_token_is_refused_and_other_issuers_numbers_are_not() {
    let app = App::start().await;
    let ann = account(&app, "ann@example.com").await;
    let kept = account(&app, "bob@example.com").await;
    let foreign = app.user("4711");
    let same_subject = app.user(&id(&ann));
    let ann = User::new(&app, token(&ann).to_owned());
    serve_once(&ann).await;
    let mut database = app.database.connect().await;

    run(
        &mut database,
        "DELETE FROM berth.accounts WHERE email = 'ann@example.com'",
    )
    .await;
    answered_with(&ann, 401).await;
    answered_with(&same_subject, 401).await;
    answered_with(&foreign, 200).await;
    answered_with(&User::new(&app, token(&kept).to_owned()), 200).await;
}

#[tokio::test]
async fn emptying_the_table_deletes_every_account() {
    let app = App::start().await;
    let ann = account(&app, "ann@example.com").await;
    let ann = User::new(&app, token(&ann).to_owned());
    serve_once(&ann).await;
    run(&mut app.database.connect().await, "TRUNCATE berth.accounts").await;
    answered_with(&ann, 401).await;
}

#[tokio::test]
async fn a_closed_account_stays_closed_while_the_database_is_away() {
    let app = App::start().await;
    let (ann, bob) = (
        account(&app, "ann@example.com").await,
        account(&app, "bob@example.com").await,
    );
    let (ann, bob) = (
        User::new(&app, token(&ann).to_owned()),
        User::new(&app, token(&bob).to_owned()),
    );
    let mut database = app.database.connect().await;
    run(
        &mut database,
        "UPDATE berth.accounts SET is_active = false WHERE email = 'ann@example.com'",
    )
    .await;
    drop(database);
    answered_with(&ann, 401).await;
    app.database.take_away().await;
    for _ in 0..3 {
        assert_eq!(ann.get("/api/tasks").await.failure(), (401, REFUSED.to_owned()));
        assert_eq!(
            bob.get("/api/tasks").await.status,
            503,
            "its token is good, its tasks are away"
        );
    }
    app.database.bring_back().await;
}

#[tokio::test]
async fn a_bad_token_in_the_cookie_is_cleared_and_one_in_the_header_is_not() {
    let app = App::start().await;
    let known = account(&app, "ann@example.com").await;
    run(&mut app.database.connect().await, "DELETE FROM berth.accounts").await;
    answered_with(&User::new(&app, token(&known).to_owned()), 401).await;
    let clears = |answer: Answer| {
        assert_eq!(answer.failure(), (401, REFUSED.to_owned()));
        let cookie = answer.header("set-cookie").map(str::to_owned);
        cookie.is_some_and(|cookie| cookie.starts_with("access_token=;") && cookie.contains("Max-Age=0"))
    };
    for token in [
        token(&known),
        "nonsense",
        &tokens::signed(&json!({ "sub": "ann", "exp": 1 })),
    ] {
        for route in ROUTES {
            let by_cookie = app.get(route).header("cookie", format!("access_token={token}"));
            assert!(clears(by_cookie.answer().await), "{route}");
            assert!(
                !clears(User::new(&app, token.to_owned()).get(route).await),
                "{route}"
            );
        }
    }
    assert_eq!(
        app.get("/api/tasks").answer().await.header("set-cookie"),
        None,
        "without a token"
    );
}

#[tokio::test]
async fn who_registers_anew_after_a_deletion_is_somebody_else() {
    let app = App::start().await;
    let old = account(&app, "ann@example.com").await;
    run(&mut app.database.connect().await, "DELETE FROM berth.accounts").await;
    let new = account(&app, "ann@example.com").await;
    assert_ne!(id(&old), id(&new));
    answered_with(&User::new(&app, token(&old).to_owned()), 401).await;
    answered_with(&User::new(&app, token(&new).to_owned()), 200).await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    app.post("/auth/login").json(&body).answer().await.expect(200);
}

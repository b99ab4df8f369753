//! Many wrong passwords: guessing is slow, and locks out the guesser only.

use futures_util::future::join_all;
use serde_json::json;

use super::{PASSWORD, account};
use crate::support::{Answer, App, Send};

const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "203.0.113.9";

/// A host behind a proxy on this machine, with an account for ann.
async fn behind_a_proxy() -> App {
    let app = App::with("TRUSTED_PROXIES", "127.0.0.1").start().await;
    account(&app, "ann@example.com").await;
    app
}

async fn log_in(app: &App, client: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    app.post("/auth/login")
        .header("x-forwarded-for", client)
        .json(&body)
        .answer()
        .await
}

/// Guesses until a guess is not even looked at.
async fn guess_until_refused(app: &App, client: &str) {
    for _ in 0..30 {
        if log_in(app, client, "ann@example.com", "wrong horse").await.status == 429 {
            return;
        }
    }
    panic!("thirty guesses are too many");
}

#[tokio::test]
async fn an_owner_is_let_in_from_a_known_address_whatever_strangers_do() {
    let app = behind_a_proxy().await;
    log_in(&app, HOME, "ann@example.com", PASSWORD).await.expect(200);
    guess_until_refused(&app, ELSEWHERE).await;
    log_in(&app, HOME, "Ann@Example.com", PASSWORD).await.expect(200);
    let stranger = log_in(&app, ELSEWHERE, "ann@example.com", PASSWORD).await;
    assert_eq!(
        stranger.status, 429,
        "the owner's login does not help the guesser"
    );
    assert!(stranger.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(
        log_in(&app, "192.0.2.2", "ann@example.com", PASSWORD)
            .await
            .status,
        429,
        "another new address"
    );
}

#[tokio::test]
async fn a_known_address_is_known_to_other_hosts_and_after_a_restart() {
    let app = behind_a_proxy().await;
    log_in(&app, HOME, "ann@example.com", PASSWORD).await.expect(200);
    let other = App::with("TRUSTED_PROXIES", "127.0.0.1").start_beside(&app);
    guess_until_refused(&other, ELSEWHERE).await;
    log_in(&other, HOME, "ann@example.com", PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn eight_slips_of_the_owners_own_do_not_lock_them_out() {
    let app = behind_a_proxy().await;
    log_in(&app, HOME, "ann@example.com", PASSWORD).await.expect(200);
    for _ in 0..9 {
        assert_eq!(
            log_in(&app, HOME, "ann@example.com", "wrong horse").await.status,
            401
        );
    }
    log_in(&app, HOME, "ann@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_shared_address_with_many_failures_locks_out_nobody_behind_it() {
    let app = behind_a_proxy().await;
    let guesses = async |from: usize, to: usize| {
        let emails: Vec<String> = (from..to)
            .map(|number| format!("user{number}@example.com"))
            .collect();
        let guesses = emails
            .iter()
            .map(|email| log_in(&app, ELSEWHERE, email, "wrong horse"));
        join_all(guesses)
            .await
            .into_iter()
            .map(|answer| answer.status)
            .collect::<Vec<_>>()
    };
    let mut refused = false;
    for group in 0..40 {
        let statuses = guesses(group * 26, group * 26 + 26).await;
        assert!(
            statuses.iter().all(|status| [401, 429].contains(status)),
            "{statuses:?}"
        );
        refused |= statuses.contains(&429);
        if refused {
            break;
        }
    }
    assert!(refused, "a thousand failures of one client are too many");
    // From now on its failures are told to come later; the right password is let in all the same.
    log_in(&app, ELSEWHERE, "ann@example.com", PASSWORD)
        .await
        .expect(200);
    account(&app, "bob@example.com").await;
    log_in(&app, ELSEWHERE, "bob@example.com", PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_burst_of_guesses_gets_no_more_than_its_budget() {
    let app = behind_a_proxy().await;
    let clients: Vec<String> = (0..60).map(|number| format!("203.0.113.{number}")).collect();
    let guesses = clients
        .iter()
        .map(|client| log_in(&app, client, "ann@example.com", "wrong horse"));
    let statuses: Vec<u16> = join_all(guesses)
        .await
        .into_iter()
        .map(|answer| answer.status)
        .collect();
    let tried = statuses.iter().filter(|status| **status == 401).count();
    assert!(
        tried <= 9,
        "of 60 guesses at once, {tried} were tried: {statuses:?}"
    );
}

#[tokio::test]
async fn guesses_from_a_known_address_come_to_an_end_too() {
    let app = behind_a_proxy().await;
    log_in(&app, HOME, "ann@example.com", PASSWORD).await.expect(200);
    let guesses = (0..60).map(|_| log_in(&app, HOME, "ann@example.com", "wrong horse"));
    let statuses: Vec<u16> = join_all(guesses)
        .await
        .into_iter()
        .map(|answer| answer.status)
        .collect();
    let tried = statuses.iter().filter(|status| **status == 401).count();
    assert!(
        tried < 30,
        "of 60 guesses at once, {tried} were tried: {statuses:?}"
    );
    log_in(&app, HOME, "ann@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_flood_of_one_clients_logins_leaves_others_their_turn() {
    let app = behind_a_proxy().await;
    let emails: Vec<String> = (0..300)
        .map(|number| format!("user{number}@example.com"))
        .collect();
    let flood = join_all(
        emails
            .iter()
            .map(|email| log_in(&app, ELSEWHERE, email, "wrong horse")),
    );
    let owner = async {
        for _ in 0..3 {
            log_in(&app, HOME, "ann@example.com", PASSWORD).await.expect(200);
        }
    };
    let (flood, ()) = tokio::join!(flood, owner);
    assert!(
        flood
            .iter()
            .all(|answer| [401, 429, 503].contains(&answer.status))
    );
}

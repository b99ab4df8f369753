//! Accounts and tokens.
//!
//! - `register`, `login`, `logout`, `me`, `session`: the routes
//! - `secrets`: no answer and no line of the log repeats one
//! - `tokens`: which tokens are good
//! - `closed`: accounts that were disabled or deleted
//! - `guessing`: many wrong passwords
//! - `proxies`: the client's address, behind proxies
//! - `cross_site`: requests that other sites make with the cookie
//! - `anonymous`: `ANONYMOUS_USER`

mod anonymous;
mod closed;
mod cross_site;
mod guessing;
mod login;
mod logout;
mod me;
mod proxies;
mod register;
mod secrets;
mod session;
mod tokens;

use serde_json::{Value, json};

use crate::support::{App, Send};

/// A password that is good enough.
const PASSWORD: &str = "correct horse";

/// Makes an account, and returns what the host says of it.
async fn account(app: &App, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD });
    app.post("/auth/register")
        .json(&body)
        .answer()
        .await
        .expect(201)
        .json()
}

/// The token in an answer.
fn token(answer: &Value) -> &str {
    answer["access_token"].as_str().unwrap()
}

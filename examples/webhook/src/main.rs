//! webhook: receives the pushes of a code forge, and tells a chat's incoming webhook about each.
//!
//! The sender proves itself by a word that both know, in the header `x-hook-token`. The word and the chat's URL are settings
//! of the manifest.

use std::time::Duration;

use berth_sdk::outgoing;
use berth_sdk::{Error, Method, Principal, Request, Response, Route, Routes, config, log};
use serde::Deserialize;
use serde_json::json;

const ROUTES: Routes = Routes::new(&[Route::at("/hooks/push").public(Method::Post, receive)]);

const CHAT_TIMEOUT: Duration = Duration::from_secs(5);

berth_sdk::component! { routes: ROUTES }

/// The part of a push that the chat is told.
#[derive(Deserialize)]
struct Push {
    repository: String,
    branch: String,
    #[serde(default)]
    commits: Vec<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    message: String,
}

/// `POST /hooks/push`
fn receive(_: Option<&Principal>, request: &Request) -> Result<Response, Error> {
    let token = request.header("x-hook-token").unwrap_or_default();
    if !is_same(&token, config::required("token")?.as_bytes()) {
        return Err(Error::refused(401, "The header x-hook-token is wrong"));
    }
    let push: Push = request.json()?;
    tell(&sentence(&push))?;
    log::info("push", &format!("told the chat about {}", push.repository));
    Ok(Response::empty(204))
}

/// Tells the chat. Its failure becomes a 502 or a 504, so that the sender tries again.
fn tell(text: &str) -> Result<(), Error> {
    let request = outgoing::Request::post(config::required("chat_url")?)
        .with_json(&json!({ "text": text }))
        .with_timeout(CHAT_TIMEOUT);
    request.send()?.successful()?;
    Ok(())
}

fn sentence(push: &Push) -> String {
    let last = push.commits.last().map_or("no commits", |commit| &commit.message);
    format!(
        "{} commits on {} of {}: {}",
        push.commits.len(),
        push.branch,
        push.repository,
        last.lines().next().unwrap_or_default()
    )
}

/// Compares in a time that does not depend on the first difference.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one
        .iter()
        .zip(other)
        .fold(0, |sum, (one, other)| sum | (one ^ other));
    one.len() == other.len() && differences == 0
}

/// Does nothing: the host calls the component's exports.
fn main() {}

#[cfg(test)]
mod tests {
    use berth_sdk::testing::{Answer, Call, Host};

    use super::*;

    fn host() -> Host {
        Host::new()
            .with_config("token", "a long word")
            .with_config("chat_url", "https://chat.example.com/hook")
    }

    fn push(host: &Host, token: &str) -> Answer {
        let push = json!({
            "repository": "berth",
            "branch": "main",
            "commits": [{ "message": "one" }, { "message": "sdk: add examples\n\nBecause." }],
        });
        let call = Call::post("/hooks/push").with_header("x-hook-token", token);
        host.call(&ROUTES, call.with_json(&push))
    }

    #[test]
    fn the_chat_is_told_of_a_push() {
        let host = host().with_outgoing(|request| {
            assert_eq!(request.url(), "https://chat.example.com/hook");
            assert_eq!(
                request.body(),
                br#"{"text":"2 commits on main of berth: sdk: add examples"}"#
            );
            Ok(outgoing::Response::from_text(200, "ok"))
        });
        assert_eq!(push(&host, "a long word").status(), 204);
        assert_eq!(host.log()[0].message, "told the chat about berth");
    }

    #[test]
    fn a_sender_that_does_not_know_the_word_is_refused() {
        for token in ["", "a long wor", "a long worD", "a long word!"] {
            assert_eq!(push(&host(), token).status(), 401, "{token}");
        }
    }

    #[test]
    fn the_sender_learns_that_the_chat_failed() {
        let slow = host().with_outgoing(|_| Err(outgoing::Error::Timeout));
        assert_eq!(push(&slow, "a long word").status(), 504);
        let failing = host().with_outgoing(|_| Ok(outgoing::Response::from_text(500, "")));
        assert_eq!(push(&failing, "a long word").status(), 502);
    }
}

//! Which tokens are good, on every route that asks for one.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{account, token};
use crate::support::tokens::{SECRET, for_subject, forged, in_seconds, read, signed, signed_with};
use crate::support::{App, Send, User};

/// The routes of host and component.
const ROUTES: [&str; 3] = ["/api/tasks", "/dashboard/stats", "/auth/me"];

async fn assert_refused(app: &App, what: &str, token: String) {
    let user = User::new(app, token);
    for route in ROUTES {
        let answer = user.get(route).await;
        assert_eq!(
            answer.failure(),
            (401, "Could not validate credentials".to_owned()),
            "{what}, {route}"
        );
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer"),
            "{what}, {route}"
        );
    }
}

fn claims() -> Value {
    json!({ "sub": "ann", "exp": in_seconds(60) })
}

#[tokio::test]
async fn expired_and_early_tokens_are_refused() {
    let app = App::start().await;
    assert_refused(
        &app,
        "expired long ago",
        signed(&json!({ "sub": "ann", "exp": 1 })),
    )
    .await;
    assert_refused(
        &app,
        "expired just now",
        signed(&json!({ "sub": "ann", "exp": in_seconds(-1) })),
    )
    .await;
    let early = json!({ "sub": "ann", "exp": in_seconds(7200), "nbf": in_seconds(3600) });
    assert_refused(&app, "not valid yet", signed(&early)).await;
}

#[tokio::test]
async fn tokens_of_another_secret_or_algorithm_are_refused() {
    let app = App::start().await;
    assert_refused(
        &app,
        "another secret",
        signed_with(Algorithm::HS256, "another secret", &claims()),
    )
    .await;
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        assert_refused(
            &app,
            "another algorithm",
            signed_with(algorithm, SECRET, &claims()),
        )
        .await;
    }
}

#[tokio::test]
async fn unsigned_tokens_are_refused() {
    let app = App::start().await;
    let good = for_subject("ann");
    let signature = good.rsplit('.').next().unwrap();
    for algorithm in ["none", "None", "NONE", "", "RS256", "ES256"] {
        let header = json!({ "alg": algorithm, "typ": "JWT" });
        assert_refused(&app, algorithm, forged(&header, &claims(), "")).await;
        assert_refused(&app, algorithm, forged(&header, &claims(), signature)).await;
    }
    assert_refused(
        &app,
        "no signature",
        forged(&json!({ "alg": "HS256" }), &claims(), ""),
    )
    .await;
}

#[tokio::test]
async fn tokens_that_were_changed_are_refused() {
    let app = App::start().await;
    let good = for_subject("ann");
    let (header, mut claims) = read(&good);
    claims["sub"] = json!("bob");
    assert_refused(
        &app,
        "another subject",
        forged(&header, &claims, good.rsplit('.').next().unwrap()),
    )
    .await;
    let cut = good[..good.len() - 1].to_owned();
    for nonsense in [
        cut,
        "a.b.c".to_owned(),
        "..".to_owned(),
        "nonsense".to_owned(),
        format!("{good}.x"),
        "x".repeat(8000),
    ] {
        assert_refused(&app, "nonsense", nonsense).await;
    }
}

#[tokio::test]
async fn a_subject_and_an_end_are_required_and_nothing_else() {
    let app = App::start().await;
    assert_refused(&app, "without sub", signed(&json!({ "exp": in_seconds(60) }))).await;
    assert_refused(&app, "without exp", signed(&json!({ "sub": "ann" }))).await;
    for subject in [
        json!(7),
        json!(null),
        json!(""),
        json!(["ann"]),
        json!("x".repeat(101)),
    ] {
        assert_refused(
            &app,
            "a bad sub",
            signed(&json!({ "sub": subject, "exp": in_seconds(60) })),
        )
        .await;
    }
    for end in [json!("soon"), json!(null), json!("99999999999")] {
        assert_refused(&app, "a bad exp", signed(&json!({ "sub": "ann", "exp": end }))).await;
    }
    let foreign = json!({
        "sub": "ann", "exp": in_seconds(60), "aud": "elsewhere", "iss": "better-auth", "email": 7, "jti": ["x"], "iat": "?",
    });
    User::new(&app, signed(&foreign))
        .get("/api/tasks")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_token_is_read_from_the_header_first_and_then_from_the_cookie() {
    let app = App::start().await;
    let cookie = format!("theme=dark; access_token={}; x=y", for_subject("bob"));
    let who = async |request: reqwest::RequestBuilder| {
        request
            .header("cookie", &cookie)
            .answer()
            .await
            .expect(200)
            .json()["id"]
            .clone()
    };
    assert_eq!(who(app.get("/auth/me")).await, "bob");
    assert_eq!(
        who(app.get("/auth/me").bearer_auth(for_subject("ann"))).await,
        "ann"
    );
    assert_eq!(
        who(app
            .get("/auth/me")
            .header("authorization", format!("bearer {}", for_subject("ann"))))
        .await,
        "ann"
    );
    assert_eq!(
        who(app.get("/auth/me").header("authorization", "Basic YTpi")).await,
        "bob"
    );
    let bad = app
        .get("/auth/me")
        .header("cookie", &cookie)
        .bearer_auth("nonsense")
        .answer()
        .await;
    assert_eq!(bad.status, 401, "a bad token is not made up for by a good cookie");
}

#[tokio::test]
async fn a_lifetime_can_be_chosen() {
    let app = App::with("JWT_EXPIRES_IN", "3600").start().await;
    let answer = account(&app, "ann@example.com").await;
    let (_, claims) = read(token(&answer));
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        3600
    );
}

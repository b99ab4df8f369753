//! `POST /auth/register`

use serde_json::{Value, json};

use super::{PASSWORD, account, token};
use crate::support::{App, Send, User, tokens};

#[tokio::test]
async fn an_account_is_answered_with_a_token_that_works() {
    let app = App::start().await;
    for (number, path) in [
        "/auth/register",
        "/auth/register/",
        "/api/auth/register",
        "/auth/signup",
        "/auth/sign-up",
        "/api/auth/sign-up/",
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("ann{number}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": "Ann", "role": "admin" });
        let answer = app.post(path).json(&body).answer().await.expect(201).json();
        let id = answer["id"].as_i64().unwrap();
        let created_at = &answer["created_at"];
        let user =
            json!({ "id": id, "email": email, "name": "Ann", "is_active": true, "created_at": created_at });
        let mut expected = user.clone();
        expected["user_id"] = json!(id.to_string());
        expected["access_token"] = answer["access_token"].clone();
        expected["token_type"] = json!("bearer");
        expected["user"] = user;
        assert_eq!(answer, expected, "{path}");
        assert!(created_at.as_str().unwrap().parse::<jiff::Timestamp>().is_ok());

        let user = User::new(&app, token(&answer).to_owned());
        assert_eq!(user.add_titled("mine").await["user_id"], id.to_string());
        assert_eq!(user.titles(&format!("/api/{id}/tasks")).await, ["mine"]);
    }
}

#[tokio::test]
async fn registering_sets_the_cookie_as_a_login_does() {
    let app = App::with("ENVIRONMENT", "production").start().await;
    for (scheme, secure) in [("http", false), ("https", true)] {
        let body = json!({ "email": format!("{scheme}@example.com"), "password": PASSWORD });
        let request = app
            .post("/auth/register")
            .json(&body)
            .header("x-forwarded-proto", scheme);
        let answer = request.answer().await.expect(201);
        let cookie = answer.header("set-cookie").unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(pair, format!("access_token={}", token(&answer.json())));
        let attributes: Vec<_> = attributes.split("; ").collect();
        assert!(
            ["HttpOnly", "SameSite=Lax", "Path=/"]
                .iter()
                .all(|one| attributes.contains(one)),
            "{cookie}"
        );
        assert_eq!(attributes.contains(&"Secure"), secure, "{cookie}");
        app.get("/api/tasks")
            .header("cookie", pair)
            .answer()
            .await
            .expect(200);
    }
    let refused = app
        .post("/auth/register")
        .json(&json!({}))
        .answer()
        .await
        .expect(422);
    assert_eq!(refused.header("set-cookie"), None);
}

#[tokio::test]
async fn a_token_has_the_claims_of_the_contract() {
    let app = App::start().await;
    let answer = account(&app, "ann@example.com").await;
    let (header, claims) = tokens::read(token(&answer));
    assert_eq!(header["alg"], "HS256");
    assert_eq!(claims["sub"], answer["user_id"]);
    assert_eq!(claims["email"], "ann@example.com");
    assert_eq!(claims["name"], Value::Null);
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        7 * 24 * 3600
    );
    assert!(claims["jti"].as_str().unwrap().len() > 10);
}

#[tokio::test]
async fn an_address_is_registered_once_whatever_its_case() {
    let app = App::start().await;
    account(&app, "Ann@Example.com").await;
    for email in [
        "Ann@Example.com",
        "ann@example.com",
        "ANN@EXAMPLE.COM",
        " ann@example.com ",
    ] {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = app.post("/auth/register").json(&body).answer().await;
        assert_eq!(
            answer.failure(),
            (400, "Email already registered".to_owned()),
            "{email}"
        );
    }
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_address() {
    let app = App::start().await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    let attempts = (0..6).map(|_| app.post("/auth/register").json(&body).answer());
    let mut statuses: Vec<_> = futures_util::future::join_all(attempts)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400, 400, 400, 400, 400]);
}

#[tokio::test]
async fn a_password_has_8_to_128_characters() {
    let app = App::start().await;
    for (length, fault) in [
        (7, Some("string_too_short")),
        (8, None),
        (9, None),
        (127, None),
        (128, None),
        (129, Some("string_too_long")),
    ] {
        let body = json!({ "email": format!("ann{length}@example.com"), "password": "ü".repeat(length) });
        let answer = app.post("/auth/register").json(&body).answer().await;
        match fault {
            None => drop(answer.expect(201)),
            Some(fault) => assert_eq!(answer.faults(), [format!("{fault} body.password")]),
        }
    }
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told() {
    let app = App::start().await;
    let faults = async |body: Value| app.post("/auth/register").json(&body).answer().await.faults();
    assert_eq!(
        faults(json!({})).await,
        ["missing body.email", "missing body.password"]
    );
    assert_eq!(
        faults(json!({ "email": 7, "password": true })).await,
        ["string_type body.email", "string_type body.password"]
    );
    assert_eq!(faults(json!([])).await, ["model_attributes_type body"]);
    for email in [
        "",
        "ann",
        "ann@",
        "@example.com",
        "a b@example.com",
        "ann@exa mple.com",
        "ann@@example.com",
    ] {
        let found = faults(json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(found, ["value_error body.email"], "{email}");
    }
    let request = app
        .post("/auth/register")
        .header("content-type", "application/json")
        .body("{");
    assert!(request.answer().await.faults()[0].starts_with("json_invalid body"));
    let request = app
        .post("/auth/register")
        .header("content-type", "text/plain")
        .body("{}");
    assert_eq!(
        request.answer().await.failure(),
        (415, "Send the body as application/json".to_owned())
    );
    let request = app
        .post("/auth/register")
        .header("content-type", "application/json")
        .body(vec![b' '; 2 << 20]);
    assert_eq!(request.answer().await.status, 413);
}

#[tokio::test]
async fn a_password_is_kept_as_argon2id_and_shown_nowhere() {
    let app = App::start().await;
    account(&app, "ann@example.com").await;
    let mut connection = app.database.connect().await;
    let hash: String = sqlx::query_scalar("SELECT password_hash FROM berth.accounts")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert!(!app.process.log().contains(PASSWORD));
}

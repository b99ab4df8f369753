//! `POST /auth/login`

use serde_json::json;

use super::{PASSWORD, account, token};
use crate::support::{App, Send, User};

const WRONG: &str = "Invalid email or password";

#[tokio::test]
async fn a_form_and_json_log_in() {
    let app = App::start().await;
    let known = account(&app, "Ann@example.com").await;
    for path in [
        "/auth/login",
        "/auth/login/",
        "/api/auth/login",
        "/auth/signin",
        "/auth/sign-in/",
        "/api/auth/sign-in",
    ] {
        for request in [
            app.post(path).form(&[
                ("username", "ann@example.com"),
                ("password", PASSWORD),
                ("grant_type", "password"),
            ]),
            app.post(path)
                .json(&json!({ "email": "ann@example.com", "password": PASSWORD })),
            app.post(path)
                .json(&json!({ "username": "ANN@EXAMPLE.COM", "password": PASSWORD })),
        ] {
            let answer = request.answer().await.expect(200);
            let json = answer.json();
            assert_eq!(json["access_token"], json["token"]);
            assert_eq!(
                (&json["token_type"], &json["expires_in"]),
                (&json!("bearer"), &json!(604_800))
            );
            assert_eq!(json["user"], known["user"]);
            for field in ["user_id", "email", "name"] {
                assert_eq!(json[field], known[field], "{field}");
            }
            assert_eq!(json.as_object().unwrap().len(), 8, "{json}");
            let user = User::new(&app, token(&json).to_owned());
            assert_eq!(user.get("/auth/me").await.expect(200).json(), known["user"]);
        }
    }
}

#[tokio::test]
async fn the_token_comes_as_a_cookie_too() {
    let app = App::start().await;
    account(&app, "ann@example.com").await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    let answer = app.post("/auth/login").json(&body).answer().await.expect(200);
    let cookie = answer.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(pair, format!("access_token={}", token(&answer.json())));
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(attributes.split("; ").any(|found| found == attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    app.get("/api/tasks")
        .header("cookie", pair)
        .answer()
        .await
        .expect(200);
}

#[tokio::test]
async fn in_production_the_cookie_of_https_is_secure() {
    let app = App::with("ENVIRONMENT", "production").start().await;
    account(&app, "ann@example.com").await;
    let log_in = || {
        app.post("/auth/login")
            .json(&json!({ "email": "ann@example.com", "password": PASSWORD }))
    };
    let secure = log_in()
        .header("x-forwarded-proto", "https")
        .answer()
        .await
        .expect(200);
    assert!(secure.header("set-cookie").unwrap().contains("; Secure"));
    let plain = log_in().answer().await.expect(200);
    assert!(!plain.header("set-cookie").unwrap().contains("Secure"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let app = App::start().await;
    account(&app, "ann@example.com").await;
    for (email, password) in [
        ("ann@example.com", "wrong horse"),
        ("bob@example.com", PASSWORD),
        ("ann", PASSWORD),
    ] {
        let answer = app
            .post("/auth/login")
            .json(&json!({ "email": email, "password": password }))
            .answer()
            .await;
        assert_eq!(answer.failure(), (401, WRONG.to_owned()));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let app = App::start().await;
    let faults = app
        .post("/auth/login")
        .form(&[("grant_type", "password")])
        .answer()
        .await
        .faults();
    assert_eq!(faults, ["missing body.username", "missing body.password"]);
    let faults = app
        .post("/auth/login")
        .json(&json!({ "email": "ann@example.com" }))
        .answer()
        .await
        .faults();
    assert_eq!(faults, ["missing body.password"]);
    let request = app
        .post("/auth/login")
        .header("content-type", "application/json")
        .body("{\"email\":");
    assert!(request.answer().await.faults()[0].starts_with("json_invalid body"));
    let request = app
        .post("/auth/login")
        .header("content-type", "text/plain")
        .body("x");
    let wanted = "Send the body as application/json or application/x-www-form-urlencoded";
    assert_eq!(request.answer().await.failure(), (415, wanted.to_owned()));
}

#[tokio::test]
async fn a_disabled_account_is_told_so_after_its_password() {
    let app = App::start().await;
    let known = account(&app, "ann@example.com").await;
    let mut connection = app.database.connect().await;
    sqlx::query("UPDATE berth.accounts SET is_active = false")
        .execute(&mut connection)
        .await
        .unwrap();
    let log_in = |password| {
        app.post("/auth/login")
            .json(&json!({ "email": "ann@example.com", "password": password }))
    };
    assert_eq!(
        log_in(PASSWORD).answer().await.failure(),
        (403, "Account is disabled".to_owned())
    );
    assert_eq!(
        log_in("wrong horse").answer().await.failure(),
        (401, WRONG.to_owned())
    );
    let user = User::new(&app, token(&known).to_owned());
    assert_eq!(
        user.get("/auth/me").await.failure(),
        (401, "Could not validate credentials".to_owned())
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_and_then_refused_for_that_address_alone() {
    let app = App::start().await;
    account(&app, "ann@example.com").await;
    account(&app, "bob@example.com").await;
    let guess = |email: &str| {
        app.post("/auth/login")
            .json(&json!({ "email": email, "password": "wrong horse" }))
            .answer()
    };
    let mut refused = None;
    for _ in 0..30 {
        let answer = guess("ann@example.com").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.failure(), (401, WRONG.to_owned()));
    }
    let refused = refused.expect("thirty guesses are too many");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    let right = json!({ "email": "Ann@Example.COM", "password": PASSWORD });
    assert_eq!(
        app.post("/auth/login").json(&right).answer().await.status,
        429,
        "nor is the right one heard"
    );
    let other = json!({ "email": "bob@example.com", "password": PASSWORD });
    app.post("/auth/login").json(&other).answer().await.expect(200);
}

//! Passwords and tokens: no answer repeats one that was sent, and no line of the log does.

use serde_json::json;

use crate::support::{App, Send, tokens};

const SECRET: &str = "hunter2-hunter2";

#[tokio::test]
async fn a_refused_body_is_repeated_without_its_secrets() {
    let app = App::with("RUST_LOG", "debug").start().await;
    let short = &SECRET[..7];
    let mut refused = Vec::new();
    for path in [
        "/auth/register",
        "/auth/login",
        "/api/auth/sign-up",
        "/api/auth/signin",
    ] {
        for body in [
            json!({ "password": SECRET }),
            json!({ "email": 7, "password": SECRET }),
            json!({ "email": "ann@example.com", "password": [SECRET] }),
            json!({ "email": "ann@example.com", "password": { "value": SECRET } }),
            json!({ "email": "ann@example.com", "password": format!("{SECRET}\0") }),
            json!({ "email": "ann@example.com", "passwrd": SECRET }),
            json!({ "email": { "email": "ann@example.com", "password": SECRET } }),
            json!([{ "password": SECRET }]),
            json!(SECRET),
        ] {
            refused.push((422, app.post(path).json(&body)));
        }
        let broken = format!("{{\"password\": \"{SECRET}\"");
        refused.push((
            422,
            app.post(path)
                .header("content-type", "application/json")
                .body(broken),
        ));
        refused.push((
            415,
            app.post(path).header("content-type", "text/plain").body(SECRET),
        ));
    }
    refused.push((
        422,
        app.post("/auth/register")
            .json(&json!({ "email": "ann@example.com", "password": short })),
    ));
    let long = SECRET.repeat(9);
    refused.push((
        422,
        app.post("/auth/register")
            .json(&json!({ "email": "ann@example.com", "password": long })),
    ));
    refused.push((422, app.post("/auth/login").form(&[("password", SECRET)])));
    refused.push((
        422,
        app.post("/auth/login")
            .form(&[("username", "ann"), ("password", &format!("{SECRET}\0"))]),
    ));
    for (status, request) in refused {
        let answer = request.answer().await;
        let text = answer.text();
        assert!(!text.contains(short), "{text}");
        assert_eq!(answer.status, status, "{text}");
    }
    assert!(!app.process.log().contains(short));
}

#[tokio::test]
async fn a_missing_field_shows_the_rest_of_the_body_and_no_secret() {
    let app = App::start().await;
    let sent = json!({ "name": "Ann", "password": SECRET });
    let answer = app
        .post("/auth/register")
        .json(&sent)
        .answer()
        .await
        .expect(422)
        .json();
    let missing = json!({
        "type": "missing", "loc": ["body", "email"], "msg": "Field required", "input": { "name": "Ann" },
    });
    assert_eq!(answer["detail"], json!([missing]));
    let sent = json!({ "email": "ann@example.com", "password": "short" });
    let answer = app
        .post("/auth/register")
        .json(&sent)
        .answer()
        .await
        .expect(422)
        .json();
    let too_short = json!({
        "type": "string_too_short",
        "loc": ["body", "password"],
        "msg": "String should have at least 8 characters",
    });
    assert_eq!(answer["detail"], json!([too_short]));
}

#[tokio::test]
async fn tokens_and_passwords_are_not_logged() {
    let app = App::with("RUST_LOG", "debug").start().await;
    let token = tokens::for_subject("ann");
    let account = json!({ "email": "ann@example.com", "password": SECRET });
    app.post("/auth/register")
        .json(&account)
        .answer()
        .await
        .expect(201);
    app.post("/auth/login").json(&account).answer().await.expect(200);
    app.get(&format!("/auth/me?token={token}"))
        .answer()
        .await
        .expect(200);
    app.get(&format!("/api/tasks?token={token}"))
        .answer()
        .await
        .expect(401);
    app.get("/api/tasks")
        .header("cookie", format!("access_token={token}"))
        .answer()
        .await
        .expect(200);
    app.post("/auth/logout")
        .bearer_auth(&token)
        .answer()
        .await
        .expect(200);
    app.get("/api/tasks")
        .bearer_auth(format!("{token}x"))
        .answer()
        .await
        .expect(401);
    let log = app.process.log();
    assert!(log.contains("/auth/me"), "requests are logged");
    let signature = token.rsplit('.').next().unwrap();
    for secret in [SECRET, signature, &token[..token.len() - signature.len()]] {
        assert!(!log.contains(secret), "{secret}");
    }
}

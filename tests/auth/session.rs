//! `GET /auth/session`

use serde_json::{Value, json};

use super::{account, token};
use crate::support::{App, Send, User, tokens};

/// The route, by all its names.
const PATHS: [&str; 4] = [
    "/auth/session",
    "/auth/get-session/",
    "/api/auth/session",
    "/api/auth/get-session",
];

#[tokio::test]
async fn a_good_token_has_a_session() {
    let app = App::start().await;
    let known = account(&app, "ann@example.com").await;
    let (_, claims) = tokens::read(token(&known));
    let user = User::new(&app, token(&known).to_owned());
    for path in PATHS {
        let session = user.get(path).await.expect(200).json();
        assert_eq!(session["user"], known["user"], "{path}");
        assert_eq!(session["session"]["user_id"], known["user_id"], "{path}");
        let expires_at: jiff::Timestamp = session["session"]["expires_at"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(expires_at.as_second(), claims["exp"].as_i64().unwrap(), "{path}");
        assert_eq!(
            (
                session.as_object().unwrap().len(),
                session["session"].as_object().unwrap().len()
            ),
            (2, 2)
        );
        let by_cookie = app
            .get(path)
            .header("cookie", format!("access_token={}", token(&known)));
        assert_eq!(by_cookie.answer().await.expect(200).json(), session, "{path}");
        assert_eq!(user.request("HEAD", path).answer().await.status, 200, "{path}");
    }
    let foreign = app.user("x7").get("/auth/session").await.expect(200).json();
    assert_eq!(
        (&foreign["user"]["id"], &foreign["session"]["user_id"]),
        (&json!("x7"), &json!("x7"))
    );
}

#[tokio::test]
async fn without_a_good_token_there_is_none() {
    let app = App::with("ANONYMOUS_USER", "guest").start().await;
    let revoked = app.user("ann");
    revoked.request("POST", "/auth/logout").answer().await.expect(200);
    for path in PATHS {
        for request in [
            app.get(path),
            app.get(path).bearer_auth("nonsense"),
            app.get(path).bearer_auth(&revoked.token),
            app.get(path).header("cookie", "access_token=nonsense"),
            app.get(&format!("{path}?token={}", tokens::for_subject("ann"))),
        ] {
            assert_eq!(request.answer().await.expect(200).json(), Value::Null, "{path}");
        }
    }
}

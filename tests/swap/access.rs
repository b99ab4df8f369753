//! Access to the admin API: reading and swapping.

use crate::support::operator::ADMIN_TOKEN;
use crate::support::versions::{version, versioned};
use crate::support::{App, Send as _};

#[tokio::test]
async fn without_the_token_nothing_is_told_and_nothing_is_swapped() {
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([versioned(files.path(), "name=one")]).start().await;
    let client = crate::support::http::client();
    for token in [
        None,
        Some(""),
        Some("the operators' own toke"),
        Some("the operators' own tokens"),
    ] {
        for (method, path) in [
            ("GET", "/admin/components"),
            ("PUT", "/admin/components/version"),
            ("POST", "/admin/components/version/rollback"),
            ("GET", "/admin/components/version/history"),
            ("GET", "/admin/events"),
            ("GET", "/nothing"),
        ] {
            let request = client.request(method.parse().unwrap(), format!("{}{path}", app.admin_url()));
            let request = request
                .header("content-type", "application/wasm")
                .body(version("name=two"));
            let answer = match token {
                Some(token) => request.bearer_auth(token).answer().await,
                None => request.answer().await,
            };
            assert_eq!(
                answer.failure(),
                (401, "Could not validate credentials".to_owned()),
                "{path}"
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(app.operator().history("version").await, ["1 live"]);
    assert!(!app.process.log().contains(ADMIN_TOKEN));
}

#[tokio::test]
async fn where_there_is_no_token_this_machine_may_look_but_not_touch() {
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([versioned(files.path(), "name=one")])
        .without("ADMIN_TOKEN")
        .start()
        .await;
    let client = crate::support::http::client();
    let url = format!("{}/admin/components", app.admin_url());
    assert_eq!(
        client.get(&url).answer().await.expect(200).json()[0]["name"],
        "version"
    );
    let push = client
        .put(format!("{url}/version"))
        .header("content-type", "application/wasm")
        .body("x");
    let (status, detail) = push.answer().await.failure();
    assert_eq!(status, 403);
    assert!(detail.contains("ADMIN_TOKEN"), "{detail}");
}

#[tokio::test]
async fn clients_do_not_reach_what_is_for_operators() {
    let app = App::start().await;
    for path in ["/admin/components", "/admin/events"] {
        assert_eq!(app.get(path).answer().await.status, 404);
        let ann = app.user("ann");
        assert_eq!(ann.get(path).await.status, 404);
    }
}

//! The capabilities of a component beside its database.

use serde_json::json;

use crate::support::{App, Component, Send, User, tokens};

fn shows() -> Component {
    Component::new("shows")
        .at("/show")
        .granted(&["config", "identity", "logging"])
}

#[tokio::test]
async fn a_caller_is_who_the_host_has_verified() {
    let app = App::serving([shows()]).start().await;
    assert_eq!(app.get("/show/caller").answer().await.text(), "None");
    let claims = json!({ "sub": "ann", "email": "ann@example.com", "exp": tokens::in_seconds(60) });
    let ann = User::new(&app, tokens::signed(&claims));
    let caller = ann.get("/show/caller").await.expect(200).text();
    for part in [
        "subject: \"ann\"",
        "email: Some(\"ann@example.com\")",
        "name: None",
        "anonymous: false",
    ] {
        assert!(caller.contains(part), "{caller}");
    }
    let nobody = User::new(&app, "nonsense".to_owned());
    assert_eq!(nobody.get("/show/caller").await.status, 401);
}

#[tokio::test]
async fn an_anonymous_caller_is_known_as_one() {
    let app = App::serving([shows()])
        .with("ANONYMOUS_USER", "guest")
        .start()
        .await;
    let caller = app.get("/show/caller").answer().await.text();
    assert!(
        caller.contains("subject: \"guest\"") && caller.contains("anonymous: true"),
        "{caller}"
    );
}

#[tokio::test]
async fn without_a_token_a_component_for_users_is_not_called() {
    let app = App::serving([shows().for_users()]).start().await;
    for path in ["/show/caller", "/show", "/show/nothing"] {
        assert_eq!(
            app.get(path).answer().await.failure(),
            (401, "Not authenticated".to_owned()),
            "{path}"
        );
    }
    assert_eq!(app.user("ann").get("/show/caller").await.status, 200);
}

#[tokio::test]
async fn a_component_that_authenticates_by_itself_sees_authorization_but_no_token_of_the_hosts() {
    let own = shows().for_users().saying("authentication = \"none\"");
    let app = App::serving([own]).with("ANONYMOUS_USER", "guest").start().await;
    for authorization in [
        "Basic YTpi",
        "Bearer sk_live_1",
        "Bearer",
        "ApiKey abc",
        "Signature keyId=\"a\",x=\"b\"",
    ] {
        let request = app.get("/show/headers").header("authorization", authorization);
        let headers = request.answer().await.expect(200).text();
        assert!(
            headers.contains(&format!("authorization: {authorization}\n")),
            "{authorization}: {headers}"
        );
        assert!(!headers.contains("x-berth-user"), "{headers}");
    }
    let expired = tokens::signed(&json!({ "sub": "ann", "exp": tokens::in_seconds(-60) }));
    let without_claims = tokens::signed(&json!({}));
    for token in [tokens::for_subject("ann"), expired, without_claims] {
        for authorization in [
            format!("Bearer {token}"),
            format!("Token token={token}"),
            token.clone(),
        ] {
            let request = app.get("/show/headers").header("authorization", &authorization);
            let request = request.header("cookie", format!("theme=dark; access_token={token}"));
            let headers = request.answer().await.expect(200).text();
            assert!(
                !headers.contains("authorization") && !headers.contains(&token),
                "{headers}"
            );
            assert!(headers.contains("cookie: theme=dark"), "{headers}");
        }
    }
    assert_eq!(
        app.get("/show/caller")
            .bearer_auth(tokens::for_subject("ann"))
            .answer()
            .await
            .text(),
        "None"
    );
}

#[tokio::test]
async fn no_token_and_no_forged_identity_reaches_a_component() {
    let app = App::serving([shows()]).start().await;
    let request = app
        .get("/show/headers")
        .bearer_auth(tokens::for_subject("ann"))
        .header("x-berth-user", "root")
        .header("X-Berth-Anything", "1")
        .header("x-berth-client", "203.0.113.9")
        .header("x-mine", "kept")
        .header(
            "cookie",
            format!("theme=dark; access_token={}", tokens::for_subject("ann")),
        );
    let headers = request.answer().await.expect(200).text().to_ascii_lowercase();
    assert!(headers.contains("x-mine: kept"), "{headers}");
    assert!(headers.contains("x-berth-user: ann"), "{headers}");
    assert!(headers.contains("x-berth-client: 127.0.0.1"), "{headers}");
    assert!(
        !headers.contains("authorization") && !headers.contains("x-berth-anything"),
        "{headers}"
    );
    assert!(
        !headers.contains("access_token") && !headers.contains(&tokens::for_subject("ann")[..20]),
        "{headers}"
    );
    let anonymous = app
        .get("/show/headers")
        .header("x-berth-user", "root")
        .answer()
        .await
        .text();
    assert!(!anonymous.contains("x-berth-user"), "{anonymous}");
}

#[tokio::test]
async fn a_component_sees_the_path_as_it_came_but_for_a_trailing_slash() {
    let app = App::serving([shows()]).start().await;
    for (path, seen) in [
        ("/show/target", "Method::Get /show/target"),
        ("/show/target/", "Method::Get /show/target"),
        (
            "/show/a%2Fb/target?x=%20&y",
            "Method::Get /show/a%2Fb/target?x=%20&y",
        ),
    ] {
        assert_eq!(app.get(path).answer().await.text(), seen);
    }
}

#[tokio::test]
async fn a_component_reads_its_own_configuration() {
    let one = shows().saying("config = { greeting = \"hello\", count = 7 }");
    let other = Component::new("shows")
        .called("other")
        .at("/other")
        .granted(&["config", "identity", "logging"]);
    let app = App::serving([one, other]).start().await;
    let read = app
        .get("/show/config?key=greeting")
        .answer()
        .await
        .expect(200)
        .text();
    assert!(
        read.contains("Some(\"hello\")") && read.contains("(\"count\", \"7\")"),
        "{read}"
    );
    let read = app
        .get("/other/config?key=greeting")
        .answer()
        .await
        .expect(200)
        .text();
    assert_eq!(read, "Ok(None) Ok([])");
}

#[tokio::test]
async fn a_component_has_the_environment_of_the_manifest_which_nobody_else_sees() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "secret-of-a-file\n").unwrap();
    let told = format!(
        "environment = {{ GREETING = \"hello\", KEY = {{ env = \"STRIPE_KEY\" }}, TOKEN = {{ file = {file:?} }} }}\n\
         config = {{ key = {{ env = \"STRIPE_KEY\" }} }}"
    );
    let app = App::serving([shows().saying(&told)]).with("STRIPE_KEY", "secret-of-the-environment");
    let check = app.clone().run("check");
    let app = app.with("RUST_LOG", "debug").start().await;
    let environment = app.get("/show/environment").answer().await.expect(200).text();
    assert_eq!(
        environment,
        "GREETING=hello\nKEY=secret-of-the-environment\nTOKEN=secret-of-a-file\n"
    );
    let config = app.get("/show/config?key=key").answer().await.expect(200).text();
    assert!(config.contains("Some(\"secret-of-the-environment\")"), "{config}");

    let shown = app
        .operator()
        .request("GET", "/components/shows")
        .answer()
        .await
        .expect(200)
        .text();
    let said = [check.stdout, check.stderr]
        .map(|text| String::from_utf8(text).unwrap())
        .concat();
    assert!(said.contains("good"), "{said}");
    for text in [shown, said, app.process.log()] {
        assert!(!text.contains("secret-of-"), "{text}");
    }
}

#[tokio::test]
async fn what_a_component_logs_is_one_line_with_its_name() {
    for format in ["json", "pretty"] {
        let app = App::serving([shows()]).with("LOG_FORMAT", format).start().await;
        let request = app
            .get("/show/log?line=before%0Aafter%1B%5B31m%00end")
            .header("x-request-id", "the-log");
        request.answer().await.expect(200);
        let line = app.process.wait_for("before");
        assert!(line.contains("after") && line.contains("end"), "{line}");
        assert!(line.contains("shows") && line.contains("the-log"), "{line}");
        let text = line.split_once("before").unwrap().1;
        let text = text.split_once("end").unwrap().0;
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[tokio::test]
async fn the_command_world_has_nothing_behind_it() {
    let app = App::serving([Component::new("misbehaves").at("/bad")])
        .start()
        .await;
    let answer = app
        .get("/bad/print")
        .header("x-request-id", "the-print")
        .answer()
        .await
        .expect(200);
    assert_eq!(answer.text(), "variables: 0, files: false, sockets: false");
    for text in ["a line on stdout", "a line on stderr"] {
        let line = app.process.wait_for(text);
        assert!(
            line.contains("misbehaves") && line.contains("the-print"),
            "{line}"
        );
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[tokio::test]
async fn requests_go_out_to_listed_destinations_alone() {
    let target = App::serving([Component::new("hello").at("/hello")]).start().await;
    let by_name = format!("http://localhost:{}", target.address.port());
    let by_address = format!("http://{}", target.address);
    for (url, allowed, works) in [
        (&by_address, vec![], false),
        (&by_address, vec!["https://example.com"], false),
        (&by_address, vec!["127.0.0.1"], false),
        (&by_address, vec![&*by_name, "127.0.0.1"], false),
        (&by_address, vec![&*by_address], true),
        (&by_name, vec![&*by_address], false),
        (&by_name, vec![&*by_name, "127.0.0.1"], true),
    ] {
        let calls = Component::new("calls-out")
            .at("/call")
            .saying(&format!("outgoing = {allowed:?}"));
        let app = App::serving([calls]).start().await;
        let answer = app
            .get("/call")
            .query(&[("url", format!("{url}/hello"))])
            .answer()
            .await;
        let expected = if works {
            (200, "200 hello, request 1")
        } else {
            (400, "ErrorCode::HttpRequestDenied")
        };
        assert_eq!((answer.status, &*answer.text()), expected, "{url} {allowed:?}");
    }
    // A name that leads to an address of this machine, which nobody has named.
    let calls = Component::new("calls-out")
        .at("/call")
        .saying(&format!("outgoing = [{by_name:?}]"));
    let app = App::serving([calls]).start().await;
    let answer = app
        .get("/call")
        .query(&[("url", format!("{by_name}/hello"))])
        .answer()
        .await;
    assert_ne!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_request_that_may_not_go_out_is_refused_by_name_and_logged() {
    let by_list = (
        "[\"http://10.0.0.1\"]",
        "http://127.0.0.1:9",
        "ErrorCode::HttpRequestDenied",
    );
    let by_address = (
        "[\"http://localhost:9\"]",
        "http://localhost:9",
        "ErrorCode::DestinationIpProhibited",
    );
    // Every way to write an address is the address.
    let written_otherwise = [
        "http://2130706433:9",
        "http://0x7f.1:9",
        "http://0177.1:9",
        "http://127.0.0.1.:9",
    ]
    .map(|url| {
        (
            "[\"http://localhost:9\", \"127.0.0.0/8\"]",
            url,
            "ErrorCode::HttpRequestDenied",
        )
    });
    for (outgoing, url, code) in [by_list, by_address].into_iter().chain(written_otherwise) {
        let calls = Component::new("calls-out")
            .at("/call")
            .saying(&format!("outgoing = {outgoing}"));
        let app = App::serving([calls]).start().await;
        let request = app
            .get("/call")
            .query(&[("url", url)])
            .header("x-request-id", "the-refused");
        let answer = request.answer().await;
        assert_eq!((answer.status, &*answer.text()), (400, code), "{url}");
        let line = app.process.wait_for("was refused");
        for part in [
            "calls-out",
            "the-refused",
            "`outgoing` in [components.calls-out]",
            "127.0.0.1",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

#[tokio::test]
async fn a_listed_address_is_reached_however_the_manifest_writes_it() {
    let target = App::serving([Component::new("hello").at("/hello")]).start().await;
    let port = target.address.port();
    let listed = format!("http://2130706433:{port}");
    let calls = Component::new("calls-out")
        .at("/call")
        .saying(&format!("outgoing = [{listed:?}]"));
    let app = App::serving([calls]).start().await;
    for host in ["127.0.0.1", "2130706433", "0x7f.1"] {
        let url = format!("http://{host}:{port}/hello");
        let answer = app.get("/call").query(&[("url", url)]).answer().await;
        assert_eq!(answer.text(), "200 hello, request 1", "{host}");
    }
}

//! The last lines, as the admin API has them.

use futures_util::future::join_all;

use super::{messages, recent, shouts, shows};
use crate::support::{App, Component, Send as _};

#[tokio::test]
async fn lines_are_chosen_by_component_request_level_and_number() {
    let app = App::serving([shouts(), shows()]).start().await;
    let operator = app.operator();
    for (id, line) in [("one", "first"), ("two", "second")] {
        app.get(&format!("/shows/log?line={line}"))
            .header("x-request-id", id)
            .answer()
            .await
            .expect(200);
    }
    app.get("/shouts?lines=1")
        .header("x-request-id", "two")
        .answer()
        .await
        .expect(200);
    let read = async |query: &str| {
        let lines = recent(&operator, query).await;
        messages(&lines).join(", ")
    };
    assert_eq!(read("component=shows").await, "first, second");
    assert_eq!(read("component=shows&lines=1").await, "second");
    assert_eq!(read("request_id=one").await, "first");
    assert_eq!(read("request_id=two&level=warn").await, "second, a line");
    assert_eq!(read("component=shouts").await, "a line, a line, a line");
    assert_eq!(read("component=shouts&level=error").await, "");
    assert_eq!(read("component=shows&since=10m").await, "first, second");
    assert_eq!(read("component=shows&since=2999-01-01T00:00:00Z").await, "");
    assert!(
        read("lines=1000").await.contains("listening on http://"),
        "the host's own lines are there"
    );
    let of_host = read("host=true").await;
    assert!(
        of_host.contains("listening on http://") && !of_host.contains("first"),
        "{of_host}"
    );

    let line = &recent(&operator, "component=shows&level=warn").await[0];
    for (field, value) in [
        ("level", "WARN"),
        ("target", "component"),
        ("context", "a test"),
        ("request_id", "one"),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert_eq!(line["version"], 1);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_by_name() {
    let app = App::serving([shows()]).start().await;
    let operator = app.operator();
    for (query, status, word) in [
        ("level=loud", 422, "level"),
        ("since=yesterday", 422, "since"),
        ("lines=-1", 422, "lines"),
        ("follow=perhaps", 422, "follow"),
        ("host=true&component=shows", 422, "host"),
        ("module=shows", 422, "module"),
        ("component=shwos", 404, "shows"),
    ] {
        let answer = operator.request("GET", &format!("/logs?{query}")).answer().await;
        let (came, detail) = answer.failure();
        assert_eq!(came, status, "{query}");
        assert!(detail.contains(word), "{query}: {detail}");
    }
}

#[tokio::test]
async fn the_last_lines_need_the_operators_token() {
    let app = App::serving([shows()]).start().await;
    let client = crate::support::http::client();
    for (method, path) in [
        ("GET", "/admin/logs"),
        ("GET", "/admin/logs?follow=true"),
        ("GET", "/admin/traps"),
        ("GET", "/admin/log-level"),
        ("PUT", "/admin/log-level"),
        ("GET", "/admin/openapi.json"),
    ] {
        let request = client
            .request(method.parse().unwrap(), format!("{}{path}", app.admin_url()))
            .body("{\"filter\": \"off\"}");
        assert_eq!(request.answer().await.status, 401, "{method} {path}");
        assert_eq!(
            app.request(method, path).answer().await.status,
            404,
            "clients do not reach it: {method} {path}"
        );
    }
    // The filter is as it was.
    app.get("/shows/log?line=still-logged").answer().await.expect(200);
    app.process.wait_for("still-logged");
}

#[tokio::test]
async fn a_component_that_shouts_pushes_out_no_line_of_its_neighbour() {
    let loud = shouts()
        .limited("log_lines", "100000")
        .limited("log_bytes", "1GiB")
        .limited("cpu", "500ms");
    let app = App::serving([loud, shows()]).start().await;
    app.get("/shows/log?line=quiet").answer().await.expect(200);
    let shouting = join_all((0..4).map(|_| app.get("/shouts/everywhere").answer())).await;
    assert!(shouting.iter().all(|answer| answer.status == 504));
    let operator = app.operator();
    assert_eq!(messages(&recent(&operator, "component=shows").await), ["quiet"]);
    let loud = recent(&operator, "component=shouts&lines=50000").await;
    let bytes: usize = loud.iter().map(|line| line.to_string().len()).sum();
    assert!(
        loud.len() > 100 && bytes <= 256 * 1024,
        "{} lines, {bytes} bytes",
        loud.len()
    );
}

#[tokio::test]
async fn control_characters_and_huge_lines_stay_within_a_line() {
    let app = App::serving([shows(), Component::new("misbehaves").at("/bad")])
        .start()
        .await;
    let text = "a\u{1b}[31m\r\n{\"forged\":1}\u{9b}\u{202e}";
    app.get("/shows/log")
        .query(&[("line", text)])
        .answer()
        .await
        .expect(200);
    app.get("/bad/print").answer().await.expect(200);
    let answer = app
        .operator()
        .request("GET", "/logs?component=shows&level=warn")
        .answer()
        .await
        .expect(200);
    let line = answer.text();
    assert_eq!(line.lines().count(), 1, "{line:?}");
    assert!(
        !line
            .trim_end()
            .contains(|one: char| one.is_control() || one == '\u{202e}'),
        "{line:?}"
    );
    let message = messages(&recent(&app.operator(), "component=shows").await)[0].to_owned();
    assert_eq!(message, "a\\u{1b}[31m\\r\\n{\"forged\":1}\\u{9b}\u{202e}");
    let log = app.process.wait_for("forged");
    assert!(
        serde_json::from_str::<serde_json::Value>(&log).is_ok() && !log.contains('\u{202e}'),
        "{log}"
    );
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_cut() {
    let app = App::serving([shouts().limited("memory", "64MiB")]).start().await;
    app.get("/shouts/huge").answer().await.expect(200);
    let lines = recent(&app.operator(), "component=shouts").await;
    let lengths: Vec<_> = messages(&lines).iter().map(|message| message.len()).collect();
    assert!(lines.len() >= 3, "one from each output: {lengths:?}");
    assert!(
        lengths.iter().all(|length| *length <= 8 * 1024 + 16),
        "{lengths:?}"
    );
    assert!(
        messages(&lines).iter().any(|message| message.ends_with('…')),
        "{lengths:?}"
    );
}

//! The last failures of components.

use serde_json::Value;

use super::shouts;
use crate::support::{App, Component, Send as _};

async fn traps(app: &App, query: &str) -> Vec<Value> {
    let answer = app
        .operator()
        .request("GET", &format!("/traps{query}"))
        .answer()
        .await;
    answer.expect(200).json().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_trap_is_kept_with_its_request_its_reason_and_its_backtrace() {
    let bad = Component::new("misbehaves").at("/bad").limited("cpu", "100ms");
    let app = App::serving([bad.limited("memory", "8MiB"), shouts()])
        .start()
        .await;
    assert_eq!(traps(&app, "").await, [Value::Null; 0]);
    for (wish, status) in [("panic", 502), ("hoard", 502), ("loop", 504)] {
        app.get(&format!("/bad/{wish}"))
            .header("x-request-id", wish)
            .answer()
            .await
            .expect(status);
    }
    app.get("/shouts/trap").answer().await.expect(502);
    let all = traps(&app, "").await;
    assert_eq!(all.len(), 4, "{all:?}");
    let of_bad = traps(&app, "?component=misbehaves").await;
    for (trap, (wish, reason)) in of_bad.iter().zip([
        ("panic", "unreachable"),
        ("hoard", "limits.memory"),
        ("loop", "limits.cpu"),
    ]) {
        assert_eq!(trap["request_id"], wish);
        assert_eq!(trap["component"], "misbehaves");
        assert_eq!(trap["version"], 1);
        assert_eq!(trap["route"], "/bad/{*rest}");
        assert!(trap["reason"].as_str().unwrap().contains(reason), "{trap}");
        let backtrace = trap["backtrace"].as_str().unwrap();
        assert!(backtrace.starts_with("at "), "{trap}");
        // The compiler may have put the loop into the function that is called first.
        assert!(wish == "loop" || backtrace.contains("\nat "), "{trap}");
        assert!(trap["time"].as_str().unwrap().ends_with('Z'), "{trap}");
    }
    let missing = app
        .operator()
        .request("GET", "/traps?component=nobody")
        .answer()
        .await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn traps_are_kept_though_the_component_has_used_up_its_log() {
    let silent = shouts().limited("log_lines", "1").limited("log_burst", "1s");
    let app = App::serving([silent]).start().await;
    app.get("/shouts?lines=100").answer().await.expect(200);
    for number in 0..30 {
        app.get("/shouts/trap")
            .header("x-request-id", number.to_string())
            .answer()
            .await
            .expect(502);
    }
    let kept = traps(&app, "").await;
    assert_eq!(kept.len(), 20, "the last ones, and bounded");
    assert!(kept.iter().all(|trap| trap["component"] == "shouts"));
}

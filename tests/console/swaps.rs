//! Pushes and rollbacks in the console, step by step.

use std::fs;

use serde_json::json;

use super::sign_in;
use crate::support::versions::{version, versioned};
use crate::support::{App, Browser, Send as _};

#[tokio::test]
async fn a_push_shows_its_steps_and_a_rollback_leads_back() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([versioned(files.path(), "name=one")]).start().await;
    let next = files.path().join("next.wasm");
    let page = browser.console(&app).await;
    sign_in(&page, "").await;
    page.click("link", "version").await;
    page.sees("version 1, live on 1 of 1").await;

    fs::write(&next, version("name=two")).unwrap();
    page.choose_file("#file", &next).await;
    page.click("checkbox", "Dry run").await;
    page.click("button", "Push").await;
    page.sees("the version passed the dry run").await;
    page.sees("version 1, live on 1 of 1").await;

    page.click("checkbox", "Dry run").await;
    page.write("textbox", "Your name", "Ann").await;
    page.click("button", "Push").await;
    page.sees("version 2 went live in place of version 1").await;
    let steps = "[...document.querySelectorAll('ol[aria-label=Steps] li')].map((step) => step.dataset.step)";
    let all = [
        "size",
        "kind",
        "compile",
        "imports",
        "exports",
        "migrations",
        "probe",
        "live",
    ];
    page.shows(steps, json!(all)).await;
    page.sees("version 2, live on 1 of 1").await;
    page.sees("push, Ann").await;
    assert_eq!(app.get("/version").answer().await.text(), "two");

    page.click("button", "Roll back to 1").await;
    page.sees("Make version 1 of version live again?").await;
    page.click("button", "Roll back").await;
    page.sees("version 1 went live in place of version 2").await;
    page.sees("version 1, live on 1 of 1").await;
    page.has("button", "Roll back to 2").await;
    assert_eq!(app.get("/version").answer().await.text(), "one");
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn a_refusal_says_why_and_its_report_is_kept() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([versioned(files.path(), "name=one")]).start().await;
    let garbage = files.path().join("garbage.wasm");
    fs::write(&garbage, "garbage").unwrap();
    let page = browser.console(&app).await;
    sign_in(&page, "#components/version").await;
    page.click("button", "Push").await;
    page.sees("Choose the file of a component.").await;
    page.choose_file("#file", &garbage).await;
    page.click("button", "Push").await;
    page.sees("was refused at the step kind").await;
    page.sees("kind: failed").await;
    page.sees("version 1, live on 1 of 1").await;

    let report = &app.operator().swaps("version").await[0]["report"];
    assert_eq!(report["outcome"], "refused", "{report}");
    let reason = report["failure"]["reason"].as_str().unwrap();
    page.sees(reason).await;
    page.open("/#components/version").await;
    page.value("document.querySelector('section[aria-label=Swaps] summary').click()")
        .await;
    page.sees(reason).await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn the_reports_of_all_hosts_outlive_them() {
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([versioned(files.path(), "name=one")]).start().await;
    let operator = app.operator();
    operator.push_live("version", version("name=two")).await;
    operator.push_refused("version", b"garbage".to_vec()).await;
    let dry = operator.pushing("version", "?dry_run=true", version("name=three"));
    dry.answer().await.expect(200);
    let kept = |swaps: &[serde_json::Value]| {
        let reports = swaps.iter().map(|swap| &swap["report"]);
        let words =
            reports.map(|report| format!("{} {}", report["outcome"].as_str().unwrap(), report["number"]));
        words.collect::<Vec<_>>()
    };
    let swaps = operator.swaps("version").await;
    assert_eq!(kept(&swaps), ["refused null", "live 2", "live 1"]);
    assert!(swaps[0]["ended_at"].as_str().unwrap().ends_with('Z'));
    assert!(!swaps[0]["host"].as_str().unwrap().is_empty());
    assert_eq!(swaps[1]["report"]["steps"].as_array().unwrap().len(), 8);

    let again = operator.push_refused("version", b"garbage".to_vec()).await;
    assert_eq!(again.0, "kind");
    assert_eq!(operator.swaps("version").await.len(), 3, "a refusal is kept once");

    for number in 0..60 {
        operator.push_refused("version", vec![number]).await;
    }
    assert_eq!(
        operator.swaps("version").await.len(),
        50,
        "the last ones, and bounded"
    );
    let missing = operator.request("GET", "/components/nobody/swaps").answer().await;
    assert_eq!(missing.status, 404);
}

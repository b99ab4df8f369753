//! Pushes that are refused: at which step, why, and that nothing has changed.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Swapping, answer_of};
use crate::support::app::ROOT;
use crate::support::versions::{version, versioned};
use crate::support::{App, Component, Send as _};

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(ROOT).join(format!("tests/fixtures/{name}.wasm"))).unwrap()
}

/// A component that exports a handler without a function, and imports what is said.
fn importing(imports: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component {imports} (instance $handler) (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    ))
}

#[tokio::test]
async fn each_step_refuses_by_name_and_leaves_the_old_version_live() {
    let swapping = Swapping::start("name=one migrations=1", |one| one).await;
    let precompiled = {
        let mut engine = b"\x7fELF".to_vec();
        engine.resize(64, 0);
        engine
    };
    let cases = [
        ("nothing", vec![]),
        ("garbage", b"garbage".to_vec()),
        ("an object file", precompiled),
        ("a core module", wat("(module)")),
        (
            "half a component",
            wat("(component (core module))")[..12].to_vec(),
        ),
        (
            "a release candidate",
            importing(r#"(import "wasi:cli/run@0.2.0-rc-2023-12-05" (instance (export "run" (func))))"#),
        ),
        ("a handler of another kind", importing("")),
        (
            "a newer WASI",
            importing(r#"(import "wasi:http/types@0.3.0" (instance))"#),
        ),
        (
            "an interface of nobody's",
            importing(r#"(import "acme:rockets/launch" (instance (export "go" (func))))"#),
        ),
        (
            "a draft that was never released",
            importing(
                r#"(import "wasi:keyvalue/store@0.2.0-draft" (instance (export "bucket" (type (sub resource)))))"#,
            ),
        ),
        (
            "resources of nobody's",
            importing(
                r#"(import "fermyon:spin/key-value" (instance (export "store" (type (sub resource)))))"#,
            ),
        ),
        (
            "several imports",
            importing(
                r#"(import "acme:rockets/launch" (instance))
                   (import "wasi:logging/logging@0.1.0-draft" (instance))
                   (import "wasi:keyvalue/store@0.2.0-draft" (instance))"#,
            ),
        ),
        ("what is not granted", fixture("shows")),
        ("a component that handles nothing", wat("(component)")),
        ("a migration that fails", version("name=two migrations=1,2,2")),
    ];
    let mut refusals = Vec::new();
    for (what, wasm) in cases {
        let (step, reason) = swapping.operator.push_refused("version", wasm).await;
        refusals.push(format!("{what}\n  {step}: {reason}"));
        assert_eq!(swapping.answer().await, "version@1 one", "{what}");
    }
    insta::assert_snapshot!(refusals.join("\n"));
    let history = swapping.operator.history("version").await;
    assert_eq!(history.last().map(String::as_str), Some("1 live"));
    assert!(
        history
            .iter()
            .rev()
            .skip(1)
            .all(|version| version.ends_with("refused")),
        "{history:?}"
    );
}

#[tokio::test]
async fn what_is_too_large_is_refused_for_its_size() {
    let swapping = Swapping::start("name=one", |one| one).await;
    let (step, _) = swapping
        .operator
        .push_refused("version", vec![0; 64 * 1024 * 1024 + 1])
        .await;
    assert_eq!(step, "size");
    let more = swapping.operator.push("version", vec![0; 66 * 1024 * 1024]).await;
    assert_eq!(more.failure().0, 413);
    assert_eq!(swapping.answer().await, "version@1 one");
}

#[tokio::test]
async fn what_was_refused_may_be_pushed_again() {
    let swapping = Swapping::start("name=one", |one| one.saying("probe = \"GET /version/probe\"")).await;
    for _ in 0..2 {
        swapping
            .operator
            .push_refused("version", version("name=two probe=fails"))
            .await;
        assert_eq!(
            swapping.operator.history("version").await,
            ["2 refused", "1 live"]
        );
    }
    let history = swapping
        .operator
        .request("GET", "/components/version/history")
        .answer()
        .await
        .json();
    assert!(
        history[0]["reason"]
            .as_str()
            .unwrap()
            .contains("it was built to fail"),
        "{history:#}"
    );
}

#[tokio::test]
async fn a_refused_push_leaves_the_way_free_for_the_next() {
    let swapping = Swapping::start("name=one", |one| one.saying("probe = \"GET /version/probe\"")).await;
    for number in 0..10 {
        let (step, _) = swapping
            .operator
            .push_refused("version", b"garbage".to_vec())
            .await;
        assert_eq!(step, "kind");
        let wasm = version(&format!("name={number} probe=fails"));
        assert_eq!(swapping.operator.push_refused("version", wasm).await.0, "probe");
    }
}

#[tokio::test]
async fn an_exporter_that_no_longer_fits_its_importer_is_refused() {
    let app = App::start().await;
    let operator = app.operator();
    // The assistant's tools are the todo component's.
    let (step, reason) = operator.push_refused("todo", fixture("hello")).await;
    assert_eq!(step, "exports");
    assert!(
        reason.contains("`ai`") && reason.contains("todo:tasks/tasks"),
        "{reason}"
    );
    app.user("ann").add_titled("Buy milk").await;
}

#[tokio::test]
async fn an_unknown_component_and_another_content_type_are_refused_before_anything_is_read() {
    let swapping = Swapping::start("name=one", |one| one).await;
    let (status, detail) = swapping
        .operator
        .push("versoin", version("name=two"))
        .await
        .failure();
    assert_eq!(
        (status, detail.as_str()),
        (404, "There is no component versoin; there are: version")
    );
    let request = swapping
        .operator
        .request("PUT", "/components/version")
        .body("garbage");
    assert_eq!(request.answer().await.failure().0, 415);
    assert_eq!(
        swapping
            .operator
            .request("GET", "/nothing")
            .answer()
            .await
            .failure()
            .0,
        404
    );
    assert_eq!(
        swapping
            .operator
            .request("DELETE", "/components")
            .answer()
            .await
            .failure()
            .0,
        405
    );
    let rollback = swapping.operator.request("POST", "/components/version/rollback");
    assert_eq!(
        rollback.json(&json!({ "too": 1 })).answer().await.failure().0,
        422
    );
}

#[tokio::test]
async fn a_swap_during_a_swap_is_turned_away() {
    let swapping = Swapping::start("name=one", |one| one.saying("probe = \"GET /version/probe\"")).await;
    // Somebody else has the turn for as long as this transaction is open.
    let mut other = swapping.app.database.connect().await;
    sqlx::raw_sql("BEGIN").execute(&mut other).await.unwrap();
    let locks = "SELECT FROM berth.locks WHERE name = 'swap' FOR UPDATE";
    sqlx::raw_sql(locks).execute(&mut other).await.unwrap();
    for query in ["", "?dry_run=true"] {
        let answer = swapping
            .operator
            .pushing("version", query, version("name=two"))
            .answer()
            .await;
        assert_eq!(
            answer.failure(),
            (
                409,
                "Another swap is under way, try again when it is over".to_owned()
            )
        );
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(swapping.answer().await, "version@1 one");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    swapping.operator.push_live("version", version("name=two")).await;
}

#[tokio::test]
async fn a_new_file_that_is_refused_at_the_start_leaves_the_host_with_what_was_live() {
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([versioned(files.path(), "name=one")]).start().await;
    let broken = files.path().join("broken.wasm");
    fs::write(&broken, b"garbage").unwrap();
    let component = Component::from_file("version", &broken)
        .at("/version")
        .granted(&["postgres"]);
    let again = App::serving([component]).start_beside(&app);
    assert_eq!(answer_of(&again).await, "version@1 one");
    again
        .process
        .wait_for("starting with the versions that were live before");
}

#[tokio::test]
async fn a_component_that_starts_with_more_memory_than_its_limit_does_not_go_live() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("large.wasm");
    fs::write(&file, large("name=two")).unwrap();
    let component = Component::from_file("large", &file)
        .at("/version")
        .granted(&["postgres"]);
    let output = App::serving([component.limited("memory", "4MiB")]).run("check");
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("of memory at its start") && said.contains("`limits.memory = 4MiB`"),
        "{said}"
    );
    assert!(
        said.contains("[components.large] of the manifest to 8MiB or more"),
        "{said}"
    );

    let swapping = Swapping::start("name=one", |one| one.limited("memory", "4MiB")).await;
    let (_, reason) = swapping.operator.push_refused("version", large("name=two")).await;
    assert!(
        reason.contains("[components.version] of the manifest to 8MiB or more"),
        "{reason}"
    );
    assert_eq!(swapping.answer().await, "version@1 one");
}

/// A version of the fixture whose memory has 127 pages at its start: almost 8 MiB.
fn large(settings: &str) -> Vec<u8> {
    const MEMORY_SECTION: &[u8] = &[5, 3, 1, 0];
    let mut wasm = version(settings);
    let at = wasm
        .windows(MEMORY_SECTION.len())
        .position(|window| window == MEMORY_SECTION)
        .unwrap();
    wasm[at + MEMORY_SECTION.len()] = 127;
    wasm
}

//! A component's file that differs from the version which is live in the database.

use rustix::process::Signal;
use tempfile::TempDir;

use super::answer_of;
use crate::support::app::AppBuilder;
use crate::support::patience::eventually;
use crate::support::versions::{version, versioned};
use crate::support::{App, Component};

const PROBE: &str = "probe = \"GET /version/probe\"";

/// A host of the fixture `version`, whose file has these settings, about to start.
fn host(files: &TempDir, environment: &str, settings: &str) -> AppBuilder {
    host_of(versioned(files.path(), settings), environment)
}

fn host_of(component: Component, environment: &str) -> AppBuilder {
    App::serving([component]).with("ENVIRONMENT", environment)
}

fn end(mut app: App) -> App {
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    app
}

#[tokio::test]
async fn in_development_a_host_starts_with_its_file_and_says_so() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, "development", "name=one").start().await;
    first.operator().push_live("version", version("name=two")).await;
    let first = end(first);
    let again = host(&files, "development", "name=one").start_beside(&first);
    assert_eq!(answer_of(&again).await, "version@1 one");
    again
        .process
        .wait_for("the file is version 1, and takes the place of version 2");
    assert_eq!(again.operator().history("version").await, ["2 retired", "1 live"]);
}

#[tokio::test]
async fn in_production_a_host_starts_with_what_was_pushed_and_warns_once() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, "production", "name=one").start().await;
    first.operator().push_live("version", version("name=two")).await;
    let first = end(first);
    let again = host(&files, "production", "name=one").start_beside(&first);
    assert_eq!(answer_of(&again).await, "version@2 two");
    let line = again
        .process
        .wait_for("the file is version 1, but version 2 is live");
    let push = format!(
        "berth components push {} --component version",
        files.path().join("version.wasm").display()
    );
    assert!(line.contains("WARN") && line.contains(&push), "{line}");
    let log = end(again).process.whole_log();
    assert_eq!(log.matches("the file is version 1").count(), 1, "{log}");
}

#[tokio::test]
async fn in_production_the_warning_says_of_a_file_that_it_was_refused() {
    let files = tempfile::tempdir().unwrap();
    let start = |settings| host_of(versioned(files.path(), settings).saying(PROBE), "production");
    let first = start("name=one").start().await;
    first
        .operator()
        .push_refused("version", version("name=two probe=fails"))
        .await;
    let again = start("name=two probe=fails").start_beside(&first);
    assert_eq!(answer_of(&again).await, "version@1 one");
    again
        .process
        .wait_for("the file is version 2, which was refused, but version 1 is live");
}

#[tokio::test]
async fn a_file_that_was_never_seen_goes_live_in_production_too() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, "production", "name=one").start().await;
    first.operator().push_live("version", version("name=two")).await;
    let newer = host(&files, "production", "name=three").start_beside(&first);
    assert_eq!(answer_of(&newer).await, "version@3 three");
}

#[tokio::test]
async fn where_file_and_database_agree_nothing_is_said() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, "production", "name=one").start().await;
    let again = host(&files, "production", "name=one").start_beside(&first);
    assert_eq!(answer_of(&again).await, "version@1 one");
    let log = end(again).process.whole_log();
    assert!(!log.contains("the file is version"), "{log}");
}

#[tokio::test]
async fn in_development_a_host_warns_when_another_host_replaces_what_its_file_is() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, "development", "name=one").start().await;
    let second = host(&files, "development", "name=one").start_beside(&first);
    first.operator().push_live("version", version("name=two")).await;
    eventually("version@2 two".to_owned(), async || answer_of(&second).await).await;
    second
        .process
        .wait_for("another host on this database has made version 2 live");
}

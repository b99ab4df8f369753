//! `berth components` against a real host.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Swapping;
use crate::support::app::{Host, ROOT};
use crate::support::operator::ADMIN_TOKEN;
use crate::support::process::{self, Process};
use crate::support::versions::version;

/// `berth components`, about to ask this host.
fn command(host: &Host, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command
        .arg("components")
        .args(arguments)
        .env_clear()
        .env("ADMIN_TOKEN", ADMIN_TOKEN)
        .env("USER", "ann");
    command.env("ADMIN_ADDR", host.admin_url().trim_start_matches("http://"));
    command
}

/// Its exit code, and what it prints.
fn run(mut command: Command) -> (i32, String) {
    let output = process::output(&mut command);
    let text = [output.stdout, output.stderr]
        .map(|text| String::from_utf8(text).unwrap())
        .concat();
    (output.status.code().unwrap(), text)
}

fn save(folder: &Path, settings: &str) -> String {
    let file = folder.join("version.wasm");
    fs::write(&file, version(settings)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_component_is_pushed_seen_and_rolled_back() {
    let swapping = Swapping::start("name=one", |one| one.saying("probe = \"GET /version/probe\"")).await;
    let berth = |arguments: &[&str]| run(command(&swapping.app, arguments));
    let folder = tempfile::tempdir().unwrap();
    let file = save(folder.path(), "name=two");

    let (code, text) = berth(&["push", &file, "--dry-run"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(swapping.answer().await, "version@1 one");
    let (code, text) = berth(&["push", &file]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(swapping.answer().await, "version@2 two");
    for step in [
        "size",
        "kind",
        "compile",
        "imports",
        "exports",
        "migrations",
        "probe",
        "live",
    ] {
        assert!(text.contains(step), "{step}: {text}");
    }
    let (_, list) = berth(&["list"]);
    assert!(list.contains("live on 1 of 1"), "{list}");
    let (_, history) = berth(&["history", "version"]);
    assert!(history.contains("ann@"), "{history}");
    let (_, shown) = berth(&["show", "version", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&shown).unwrap()["live"]["number"],
        2
    );
    assert_eq!(berth(&["rollback", "version"]).0, 0);
    assert_eq!(swapping.answer().await, "version@1 one");
}

#[tokio::test]
async fn exit_codes_tell_what_was_wrong() {
    let swapping = Swapping::start("name=one migrations=1", |one| {
        one.saying("probe = \"GET /version/probe\"")
    })
    .await;
    let berth = |arguments: &[&str]| run(command(&swapping.app, arguments));
    let folder = tempfile::tempdir().unwrap();
    let of_bytes = |bytes: &[u8]| {
        fs::write(folder.path().join("version.wasm"), bytes).unwrap();
        berth(&["push", folder.path().join("version.wasm").to_str().unwrap()])
    };
    assert_eq!(of_bytes(&vec![0; 64 * 1024 * 1024 + 1]).0, 10);
    assert_eq!(of_bytes(b"garbage").0, 11);
    assert_eq!(of_bytes(&version("name=two")[..5000]).0, 12);
    let shows = format!("{ROOT}/tests/fixtures/shows.wasm");
    assert_eq!(berth(&["push", "--component", "version", &shows]).0, 13);
    assert_eq!(of_bytes(&wat::parse_str("(component)").unwrap()).0, 14);
    let (code, text) = of_bytes(&version("name=two migrations=1,1"));
    assert_eq!(code, 15, "{text}");
    let (code, text) = of_bytes(&version("name=two migrations=1 probe=fails"));
    assert_eq!(code, 16, "{text}");
    assert!(text.contains("it was built to fail"), "{text}");
    assert_eq!(berth(&["show", "versoin"]).0, 6);
    assert_eq!(berth(&["rollback", "version", "--to", "7"]).0, 6);
    let mut wrong = command(&swapping.app, &["list"]);
    wrong.env("ADMIN_TOKEN", "another");
    assert_eq!(run(wrong).0, 4);
    let mut elsewhere = command(&swapping.app, &["list"]);
    elsewhere.env("ADMIN_ADDR", "127.0.0.1:1");
    assert_eq!(run(elsewhere).0, 3);
    assert_eq!(swapping.answer().await, "version@1 one");
}

#[tokio::test]
async fn every_swap_can_be_watched() {
    let swapping = Swapping::start("name=one", |one| one).await;
    let watch = Process::start(command(&swapping.app, &["watch", "--json"]));
    let folder = tempfile::tempdir().unwrap();
    // Nothing shows that the command is connected, so swaps happen until it prints one.
    for number in 2..100 {
        let file = save(folder.path(), &format!("name={number}"));
        assert_eq!(run(command(&swapping.app, &["push", &file])).0, 0);
        if watch.log().contains("\"event\":\"report\"") {
            break;
        }
    }
    let log = watch.log();
    assert!(
        log.lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{log}"
    );
}

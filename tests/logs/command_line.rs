//! `berth logs` and `berth log-level` against a real host.

use std::process::Command;

use serde_json::Value;

use super::{shouts, shows};
use crate::support::app::{Host, ROOT};
use crate::support::operator::ADMIN_TOKEN;
use crate::support::process::{self, Process};
use crate::support::{App, Send as _};

/// `berth`, about to ask this host.
fn command(host: &Host, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command
        .args(arguments)
        .current_dir(ROOT)
        .env_clear()
        .env("ADMIN_TOKEN", ADMIN_TOKEN)
        .env("ADMIN_ADDR", host.admin_url().trim_start_matches("http://"));
    command
}

/// Its exit code, its output, and its errors.
fn run(host: &Host, arguments: &[&str]) -> (i32, String, String) {
    let output = process::output(&mut command(host, arguments));
    let [out, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code().unwrap(), out, error)
}

#[tokio::test]
async fn a_developer_sees_the_lines_and_the_trap_of_a_component() {
    let app = App::serving([shouts(), shows()]).start().await;
    for (path, id) in [
        ("/shows/log?line=from-shows", "one"),
        ("/shouts?lines=1", "two"),
        ("/shouts/trap", "three"),
    ] {
        app.get(path).header("x-request-id", id).answer().await;
    }
    let (code, lines, _) = run(&app, &["logs", "shouts"]);
    assert_eq!(code, 0, "{lines}");
    assert!(lines.contains("INFO  shouts@1 two a line\n"), "{lines}");
    assert!(
        lines.contains("ERROR shouts@1 three the component failed"),
        "{lines}"
    );
    assert!(
        lines.contains("\n    at std::process::abort"),
        "the backtrace: {lines}"
    );
    assert!(!lines.contains("from-shows"), "{lines}");

    let (_, lines, _) = run(&app, &["logs", "--request", "one", "--json"]);
    let line: Value = serde_json::from_str(lines.trim_end()).unwrap();
    assert_eq!(line["message"], "from-shows");
    let (_, lines, _) = run(
        &app,
        &[
            "logs", "shouts", "--level", "error", "--since", "10m", "--lines", "5",
        ],
    );
    assert_eq!(lines.matches("shouts@1").count(), 1, "{lines}");

    assert_eq!(run(&app, &["logs", "nobody"]).0, 6);
    let (code, _, error) = run(&app, &["logs", "--since", "yesterday"]);
    assert_eq!(code, 1);
    assert!(error.contains("10m"), "{error}");
    assert_eq!(run(&app, &["logs", "--level", "loud"]).0, 2);
}

#[tokio::test]
async fn lines_are_followed_as_they_come() {
    let app = App::serving([shows()]).start().await;
    app.get("/shows/log?line=before").answer().await.expect(200);
    let follow = Process::start(command(&app, &["logs", "shows", "--follow"]));
    follow.wait_for("before");
    app.get("/shows/log?line=after").answer().await.expect(200);
    let line = follow.wait_for("after");
    assert!(line.contains("WARN  shows@1"), "{line}");
}

#[tokio::test]
async fn the_filter_is_shown_and_changed() {
    let app = App::serving([shows()]).start().await;
    assert_eq!(run(&app, &["log-level"]).1, "info\n");
    let (code, said, _) = run(&app, &["log-level", "warn,component=debug"]);
    assert_eq!((code, &*said), (0, "warn,component=debug (at the start: info)\n"));
    let (_, json, _) = run(&app, &["log-level", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap()["filter"],
        "warn,component=debug"
    );
    let (code, _, error) = run(&app, &["log-level", "berth=loud"]);
    assert_eq!(code, 1);
    assert!(error.contains("directive 1, \"berth=loud\""), "{error}");
    assert_eq!(
        run(&app, &["log-level"]).1,
        "warn,component=debug (at the start: info)\n"
    );
}

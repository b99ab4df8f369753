//! A host from its start to its end, with a PostgreSQL of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::support::app::Host;
use crate::support::raw::Raw;
use crate::support::{App, Component, Send};

/// A folder for a host's data, which PostgreSQL's user can reach.
fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A host without a `DATABASE_URL`.
fn private(data: &Path) -> Host {
    App::with("BERTH_DATA_DIR", data.to_str().unwrap()).start_alone()
}

/// Whether a process is there.
fn lives(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The private server's process.
fn postgres(data: &Path) -> String {
    let pid = fs::read_to_string(data.join("postgres/data/postmaster.pid")).unwrap();
    pid.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_database_url_it_brings_its_own_and_keeps_the_data() {
    let data = folder();
    let mut app = private(data.path());
    let task = app.user("ann").add_titled("Buy milk").await;
    let server = postgres(data.path());
    assert!(lives(&server));
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    assert!(!lives(&server), "it stops with the host");

    let app = private(data.path());
    assert_eq!(app.user("ann").get("/api/tasks").await.expect(200).json(), json!([task]));
}

#[tokio::test]
async fn a_host_that_is_killed_loses_no_committed_task() {
    let data = folder();
    let mut app = private(data.path());
    let mut committed = Vec::new();
    for round in 0..3 {
        let ann = app.user("ann");
        for number in 0..10 {
            committed.push(ann.add_titled(&format!("{round}.{number}")).await["id"].clone());
        }
        let writing = ann.request("POST", "/api/tasks").json(&json!({ "title": "on the way" })).send();
        let _ = tokio::join!(writing, async { app.process.signal(Signal::KILL) });
        app.process.wait();
        app = private(data.path());
        let tasks = app.user("ann").get("/api/tasks?order=asc").await.expect(200).json();
        let found: Vec<_> = tasks.as_array().unwrap().iter().map(|task| &task["id"]).collect();
        for id in &committed {
            assert!(found.contains(&id), "{id} is lost");
        }
    }
}

#[tokio::test]
async fn two_hosts_do_not_share_a_data_directory() {
    let data = folder();
    let _app = private(data.path());
    let output = App::here().with("BERTH_DATA_DIR", data.path().to_str().unwrap()).run("serve");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("another Berth is running"), "{text}");
}

#[tokio::test]
async fn the_secret_it_makes_for_itself_is_kept() {
    let data = folder();
    let start =
        || App::with("BERTH_DATA_DIR", data.path().to_str().unwrap()).without("JWT_SECRET").start_alone();
    let mut app = start();
    let body = json!({ "email": "ann@example.com", "password": "correct horse" });
    let token =
        app.post("/auth/register").json(&body).answer().await.expect(201).json()["access_token"].clone();
    app.process.signal(Signal::INT);
    assert!(app.process.wait().success());
    let app = start();
    app.get("/auth/me").bearer_auth(token.as_str().unwrap()).answer().await.expect(200);
}

#[tokio::test]
async fn requests_in_flight_finish_before_it_stops() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut app = App::serving([Component::new("streams").at("/stream")]).start().await;
        let mut request = Raw::connect(&app).await;
        request.send("POST /stream/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nfirst").await;
        assert_eq!(request.line().await, "HTTP/1.1 200 OK");
        app.process.signal(signal);
        app.process.wait_for("finishing the requests in flight");
        let ready = app.get("/ready").answer().await.expect(503);
        assert!(ready.text().contains("shutting down"), "{}", ready.text());

        let answer = request.send("then!").await.rest().await;
        assert!(answer.contains("first") && answer.contains("then!"), "{answer}");
        assert!(answer.ends_with("0\r\n\r\n"), "it is complete: {answer}");
        assert!(app.process.wait().success(), "{signal:?}");
    }
}

#[tokio::test]
async fn requests_that_do_not_finish_are_broken_off_in_time() {
    let drips = Component::new("misbehaves").at("/bad").limited("time", "1h").limited("cpu", "1h");
    let mut app = App::serving([drips]).with("BERTH_DRAIN_TIMEOUT", "1s").start().await;
    let running = app.get("/bad/drip").send().await.unwrap();
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    assert!(running.bytes().await.is_err(), "it does not look complete");
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let drips = Component::new("misbehaves").at("/bad").limited("time", "1h").limited("cpu", "1h");
    let mut app = App::serving([drips]).with("BERTH_DRAIN_TIMEOUT", "1h").start().await;
    let _running = app.get("/bad/drip").send().await.unwrap();
    app.process.signal(Signal::TERM);
    app.process.wait_for("finishing the requests in flight");
    app.process.signal(Signal::TERM);
    assert!(!app.process.wait().success());
}

#[tokio::test]
async fn a_health_check_says_whether_it_lives() {
    let mut app = App::start().await;
    let check = |app: &App| App::with("PORT", app.address.port().to_string()).run("healthcheck");
    assert!(check(&app).status.success());
    app.process.signal(Signal::KILL);
    app.process.wait();
    let output = check(&app);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not answer"));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let app = App::start().await;
    let port = app.address.port().to_string();
    let output = App::with("DATABASE_URL", &app.database.url).with("PORT", &port).run("serve");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&port) && text.contains("PORT"), "{text}");
}

#[test]
fn the_command_line_explains_itself() {
    let run = |argument| Command::new(env!("CARGO_BIN_EXE_berth")).arg(argument).output().unwrap();
    let version = String::from_utf8(run("--version").stdout).unwrap();
    assert_eq!(version.trim(), concat!("berth ", env!("CARGO_PKG_VERSION")));
    let help = String::from_utf8(run("--help").stdout).unwrap();
    for word in ["serve", "check", "healthcheck", "components", "DATABASE_URL", "JWT_SECRET"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(run("sevre").status.code(), Some(2));
}

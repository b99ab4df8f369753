//! A host from its start to its end, with a PostgreSQL of its own.

use std::fs::{self, OpenOptions};
use std::io::{Write, pipe};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::app::{AppBuilder, Host};
use crate::support::patience::eventually;
use crate::support::process;
use crate::support::raw::Raw;
use crate::support::{App, Component, Send, tokens};

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
    assert_eq!(
        app.user("ann").get("/api/tasks").await.expect(200).json(),
        json!([task])
    );
}

#[tokio::test]
async fn production_without_a_database_url_is_warned() {
    let data = folder();
    let production =
        App::with("ENVIRONMENT", "production").with("BERTH_DATA_DIR", data.path().to_str().unwrap());
    let host = production.start_alone();
    let line: Value = serde_json::from_str(&host.process.wait_for("DATABASE_URL is not set")).unwrap();
    assert_eq!(line["level"], "WARN");
}

/// The lines that a host which cannot start has on standard error.
fn complaints(app: AppBuilder) -> Vec<String> {
    let output = app.run("serve");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn why_a_host_does_not_start_is_json_where_the_log_is_json() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = || App::with("PORT", taken.local_addr().unwrap().port().to_string());
    let away = |app: AppBuilder| app.with("DATABASE_URL", "postgres://berth@127.0.0.1:1/berth");
    let hello = || {
        App::serving([Component::new("hello")
            .at("/hello")
            .saying("colour = 1\ncolor = 2")])
    };
    let production = |app: AppBuilder| app.without("LOG_FORMAT").with("ENVIRONMENT", "production");
    for (app, lines, said) in [
        (App::with("PORT", "eighty"), 1, "PORT: "),
        (production(App::with("PORT", "eighty")), 1, "PORT: "),
        (production(App::here().without("JWT_SECRET")), 1, "JWT_SECRET: "),
        (
            production(App::with("LOG_FORMAT", "yaml")).with("LOG_FORMAT", "yaml"),
            1,
            "LOG_FORMAT: ",
        ),
        (App::with("RUST_LOG", "off").with("PORT", "eighty"), 1, "PORT: "),
        (
            App::with("BERTH_MANIFEST", "/nowhere/berth.toml"),
            1,
            "BERTH_MANIFEST: ",
        ),
        (hello(), 2, "unknown field"),
        (
            away(busy()).with("RUST_LOG", "off"),
            1,
            "choose another with HOST and PORT",
        ),
    ] {
        let complaints = complaints(app);
        assert_eq!(complaints.len(), lines, "{complaints:?}");
        for line in complaints {
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(
                (&line["level"], &line["target"]),
                (&json!("ERROR"), &json!("berth"))
            );
            assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
            assert!(line["message"].as_str().unwrap().contains(said), "{line}");
        }
    }
    let pretty = complaints(App::with("LOG_FORMAT", "pretty").with("PORT", "eighty"));
    assert!(pretty[0].starts_with("berth: PORT: "), "{pretty:?}");
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
        let writing = ann
            .request("POST", "/api/tasks")
            .json(&json!({ "title": "on the way" }))
            .send();
        let _ = tokio::join!(writing, async { app.process.signal(Signal::KILL) });
        app.process.wait();
        app = private(data.path());
        let tasks = app
            .user("ann")
            .get("/api/tasks?order=asc")
            .await
            .expect(200)
            .json();
        let found: Vec<_> = tasks.as_array().unwrap().iter().map(|task| &task["id"]).collect();
        for id in &committed {
            assert!(found.contains(&id), "{id} is lost");
        }
    }
}

fn send(process: &str, signal: Signal) {
    kill_process(Pid::from_raw(process.parse().unwrap()).unwrap(), signal).unwrap();
}

/// Kills the private server's first process, as the kernel does when memory runs out.
fn kill_postgres(data: &Path) {
    send(&postgres(data), Signal::KILL);
}

/// A process that this one has started.
fn child(parent: &str) -> String {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut names = processes.filter_map(|process| process.file_name().into_string().ok());
    let is_child = |name: &String| {
        let stat = fs::read_to_string(format!("/proc/{name}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)) == Some(parent)
    };
    names.find(is_child).unwrap()
}

#[tokio::test]
async fn a_private_postgresql_that_was_killed_is_started_again_and_has_lost_nothing() {
    let data = folder();
    let mut app = private(data.path());
    let task = app.user("ann").add_titled("Buy milk").await;
    for round in 0..2 {
        kill_postgres(data.path());
        let away = async || {
            let answer = app.user("ann").get("/api/tasks").await;
            assert!(
                answer.status == 200 || answer.header("retry-after").is_some(),
                "{}",
                answer.text()
            );
            (
                answer.status,
                round
                    < app
                        .process
                        .log()
                        .matches("the private PostgreSQL runs again")
                        .count(),
            )
        };
        eventually((200, true), away).await;
        assert_eq!(
            app.user("ann").get("/api/tasks").await.expect(200).json(),
            json!([task])
        );
    }
    app.wait_until_ready();
    let server = postgres(data.path());
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    assert!(
        !lives(&server),
        "the one that was started again stops with the host, too"
    );
}

#[tokio::test]
async fn while_a_private_postgresql_is_away_requests_are_told_to_come_back() {
    let data = folder();
    let app = private(data.path());
    // As long as a process of the server that was killed is there, no other starts on its data.
    let leftover = child(&postgres(data.path()));
    send(&leftover, Signal::STOP);
    kill_postgres(data.path());
    eventually(503, async || app.get("/ready").answer().await.status).await;
    let ready = app.get("/ready").answer().await;
    assert!(
        ready.text().contains("The database does not answer"),
        "{}",
        ready.text()
    );
    let answer = app.user("ann").get("/api/tasks").await.expect(503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(app.get("/health").answer().await.status, 200);

    send(&leftover, Signal::CONT);
    app.wait_until_ready();
    app.user("ann").add_titled("Buy milk").await;
}

#[tokio::test]
async fn a_private_postgresql_that_cannot_be_started_again_ends_the_host() {
    let data = folder();
    let mut app = private(data.path());
    fs::write(
        data.path().join("postgres/data/postgresql.auto.conf"),
        "no_such_setting = 1\n",
    )
    .unwrap();
    kill_postgres(data.path());
    assert_eq!(app.process.wait().code(), Some(1));
    let log = app.process.whole_log();
    let last = log.lines().last().unwrap();
    assert!(
        last.contains("ended 6 times in a row") && last.contains("no_such_setting"),
        "{last}"
    );
    assert_eq!(log.matches("starting it again").count(), 5);
}

#[tokio::test]
async fn two_hosts_do_not_share_a_data_directory() {
    let data = folder();
    let _app = private(data.path());
    let output = App::here()
        .with("BERTH_DATA_DIR", data.path().to_str().unwrap())
        .run("serve");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("another Berth is running"), "{text}");
}

#[tokio::test]
async fn the_secret_it_makes_for_itself_is_kept() {
    let data = folder();
    let start = || {
        App::with("BERTH_DATA_DIR", data.path().to_str().unwrap())
            .without("JWT_SECRET")
            .start_alone()
    };
    let mut app = start();
    let body = json!({ "email": "ann@example.com", "password": "correct horse" });
    let token = app
        .post("/auth/register")
        .json(&body)
        .answer()
        .await
        .expect(201)
        .json()["access_token"]
        .clone();
    app.process.signal(Signal::INT);
    assert!(app.process.wait().success());
    let app = start();
    app.get("/auth/me")
        .bearer_auth(token.as_str().unwrap())
        .answer()
        .await
        .expect(200);
}

#[tokio::test]
async fn requests_in_flight_finish_before_it_stops() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut app = App::serving([Component::new("streams").at("/stream")])
            .start()
            .await;
        let mut request = Raw::connect(&app).await;
        request
            .send("POST /stream/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nfirst")
            .await;
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
    let drips = Component::new("misbehaves")
        .at("/bad")
        .limited("time", "1h")
        .limited("cpu", "1h");
    let mut app = App::serving([drips])
        .with("BERTH_DRAIN_TIMEOUT", "1s")
        .start()
        .await;
    let running = app.get("/bad/drip").send().await.unwrap();
    app.process.signal(Signal::TERM);
    assert!(app.process.wait().success());
    assert!(running.bytes().await.is_err(), "it does not look complete");
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let drips = Component::new("misbehaves")
        .at("/bad")
        .limited("time", "1h")
        .limited("cpu", "1h");
    let mut app = App::serving([drips])
        .with("BERTH_DRAIN_TIMEOUT", "1h")
        .start()
        .await;
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
    let output = App::with("DATABASE_URL", &app.database.url)
        .with("PORT", &port)
        .run("serve");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&port) && text.contains("PORT"), "{text}");
}

#[test]
fn a_command_whose_output_nobody_reads_ends_as_it_would_have() {
    let folder = folder();
    let file = folder.path().join("berth.toml");
    fs::write(&file, "").unwrap();
    let run = |stdout: Stdio, stderr: Stdio, manifest: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
        command
            .arg("check")
            .env_clear()
            .env("BERTH_MANIFEST", manifest)
            .env("JWT_SECRET", tokens::SECRET);
        command.stdout(stdout).stderr(stderr).status().unwrap().code()
    };
    let closed = || Stdio::from(pipe().unwrap().1);
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert_eq!(run(closed(), closed(), &file), Some(0));
    assert_eq!(run(full(), full(), &file), Some(1), "what should be kept is not");
    assert_eq!(
        run(closed(), closed(), &folder.path().join("missing.toml")),
        Some(1)
    );
    let (_reader, mut unread) = pipe().unwrap();
    unread.write_all(&vec![b'x'; 64 * 1024]).unwrap();
    assert_eq!(
        run(closed(), unread.into(), &folder.path().join("missing.toml")),
        Some(1)
    );
}

#[test]
fn the_command_line_explains_itself() {
    let run = |argument| process::output(Command::new(env!("CARGO_BIN_EXE_berth")).arg(argument));
    let version = String::from_utf8(run("--version").stdout).unwrap();
    let (version, rest) = version.trim().split_once(" (").unwrap();
    assert_eq!(version, concat!("berth ", env!("CARGO_PKG_VERSION")));
    let (commit, wasmtime) = rest.strip_suffix(')').unwrap().split_once(", wasmtime ").unwrap();
    assert!(!commit.is_empty() && wasmtime.starts_with("48.0."), "{rest}");
    let help = String::from_utf8(run("--help").stdout).unwrap();
    for word in [
        "serve",
        "check",
        "healthcheck",
        "components",
        "DATABASE_URL",
        "JWT_SECRET",
    ] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(run("sevre").status.code(), Some(2));
}

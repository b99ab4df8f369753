//! `berth components`: what it asks a host, what it prints, and its exit codes.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::Command;

use axum::http::StatusCode;
use berth_rollout::report::{
    Changes, ComponentSummary, Difference, Failure, Origin, Outcome, ProbeAnswer, Progress, Replica,
    ReplicaState, Report, Step, StepReport, StepState, VersionState, VersionSummary,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::support::admin::{self, FakeAdmin};
use crate::support::app::ROOT;
use crate::support::process::{self, Process};

const TOKEN: &str = "the-operators-token";

/// The output and the exit code of a command.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// `berth components`, about to ask the host at `address`.
fn command(address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command
        .arg("components")
        .args(arguments)
        .current_dir(ROOT)
        .env_clear();
    command
        .env("ADMIN_ADDR", address.to_string())
        .env("ADMIN_TOKEN", TOKEN)
        .env("USER", "me");
    command
}

async fn run(mut command: Command) -> Ran {
    // Apart, since the host that the command asks may be a task of the test's own thread.
    let output = tokio::task::spawn_blocking(move || process::output(&mut command))
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

async fn berth(host: &FakeAdmin, arguments: &[&str]) -> Ran {
    run(command(host.address, arguments)).await
}

/// A host that answers everything with this.
async fn answering(status: StatusCode, body: Value) -> FakeAdmin {
    FakeAdmin::start(move |_| admin::json(status, &body)).await
}

/// A file to push, in a folder that is to be kept.
fn wasm(name: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, b"\0asm and so on").unwrap();
    (folder, file.to_str().unwrap().to_owned())
}

fn report() -> Report {
    Report {
        component: "todo".to_owned(),
        outcome: Outcome::Live,
        number: NonZeroU32::new(2),
        digest: "2b".repeat(32),
        replaced: NonZeroU32::new(1),
        steps: Vec::new(),
        failure: None,
        changes: Changes {
            imports: Difference {
                gained: vec!["wasi:config/store@0.2.0-rc.1".to_owned()],
                lost: vec!["berth:cohere/chat@1.0.0".to_owned()],
            },
            ..Changes::default()
        },
        probes: vec![ProbeAnswer {
            request: "GET /todo".to_owned(),
            status: Some(200),
            milliseconds: 1.5,
        }],
        milliseconds: 321.0,
    }
}

fn refused(step: Step, reason: &str) -> Report {
    let failure = Failure {
        step,
        reason: reason.to_owned(),
        temporary: false,
    };
    Report {
        outcome: Outcome::Refused,
        failure: Some(failure),
        ..report()
    }
}

fn step(component: &str, state: StepState) -> Progress {
    let step = StepReport {
        step: Step::Size,
        state,
        milliseconds: 2.0,
        detail: None,
    };
    Progress::Step {
        component: component.to_owned(),
        step,
    }
}

/// A swap with a step before its report.
fn swap(report: Report) -> Vec<Progress> {
    let steps = [StepState::Started, StepState::Passed].map(|state| step(&report.component, state));
    steps.into_iter().chain([Progress::Report { report }]).collect()
}

fn version(text: &str) -> VersionSummary {
    VersionSummary {
        number: NonZeroU32::new(2).unwrap(),
        digest: "2b".repeat(32),
        size: 375_000,
        state: VersionState::Live,
        origin: Origin::Push,
        by: format!("me@laptop{text}"),
        created_at: "2026-11-25T09:36:28.918273Z".to_owned(),
        live_at: Some(format!("2026-11-25T09:36:30Z{text}")),
        reason: Some(format!("none{text}")),
        kept: true,
    }
}

/// A component, with `text` in every place where a host can have words of others.
fn summary(text: &str) -> ComponentSummary {
    ComponentSummary {
        name: format!("todo{text}"),
        live: Some(version(text)),
        wanted: NonZeroU32::new(2),
        routes: vec![format!("/api/tasks/{{*rest}}{text}")],
        capabilities: vec![format!("postgres{text}")],
        rollout: format!("live on 1 of 1{text}"),
        replicas: vec![Replica {
            host: format!("web-1{text}"),
            this: true,
            number: NonZeroU32::new(2),
            state: ReplicaState::Live,
            detail: Some(format!("none{text}")),
            seen_at: format!("now{text}"),
        }],
    }
}

#[tokio::test]
async fn list_asks_with_the_token_and_prints_a_table() {
    let host = answering(StatusCode::OK, json!([summary("")])).await;
    let ran = berth(&host, &["list"]).await;
    assert_eq!(host.asked().line, "GET /admin/components");
    assert_eq!(
        host.asked().header("authorization"),
        Some(&*format!("Bearer {TOKEN}"))
    );
    let table = "NAME  VERSION  ROLLOUT         ROUTES\ntodo  2        live on 1 of 1  /api/tasks/{*rest}\n";
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (Some(0), table, ""));
}

#[tokio::test]
async fn show_and_history_ask_for_one_component() {
    let host = answering(StatusCode::OK, json!(summary(""))).await;
    let ran = berth(&host, &["show", "todo"]).await;
    assert_eq!(host.asked().line, "GET /admin/components/todo");
    assert!(ran.stdout.contains("web-1 (this one)"), "{ran:?}");

    let host = answering(StatusCode::OK, json!([version("")])).await;
    let ran = berth(&host, &["history", "todo"]).await;
    assert_eq!(host.asked().line, "GET /admin/components/todo/history");
    assert!(ran.stdout.contains("me@laptop"), "{ran:?}");
}

#[tokio::test]
async fn push_sends_the_file_shows_the_steps_and_reports() {
    let host = FakeAdmin::swapping(swap(report())).await;
    let (_folder, file) = wasm("todo.wasm");
    let ran = berth(&host, &["push", &file]).await;
    let asked = host.asked();
    assert_eq!(asked.line, "PUT /admin/components/todo");
    assert_eq!(asked.header("content-type"), Some("application/wasm"));
    assert!(
        asked.header("x-pushed-by").unwrap().starts_with("me"),
        "{:?}",
        asked.headers
    );
    assert_eq!(&*asked.body, b"\0asm and so on");
    assert_eq!(
        (ran.code, &*ran.stderr),
        (Some(0), "passed   size         2.0 ms\n")
    );
    insta::assert_snapshot!(ran.stdout);
}

#[tokio::test]
async fn a_dry_run_and_another_name_are_passed_on() {
    let (_folder, file) = wasm("todo_v2.wasm");
    let host = FakeAdmin::swapping(swap(Report {
        outcome: Outcome::Passed,
        ..report()
    }))
    .await;
    let ran = berth(&host, &["push", &file, "--component", "todo", "--dry-run"]).await;
    assert_eq!(host.asked().line, "PUT /admin/components/todo?dry_run=true");
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("would go live"), "{ran:?}");
}

#[tokio::test]
async fn rollback_names_a_version_or_leaves_it_to_the_host() {
    for (arguments, body) in [
        (&["rollback", "todo"][..], json!({ "dry_run": false })),
        (
            &["rollback", "todo", "--to", "3", "--dry-run"],
            json!({ "to": 3, "dry_run": true }),
        ),
    ] {
        let host = FakeAdmin::swapping(swap(report())).await;
        assert_eq!(berth(&host, arguments).await.code, Some(0));
        let asked = host.asked();
        assert_eq!(asked.line, "POST /admin/components/todo/rollback");
        assert_eq!(serde_json::from_slice::<Value>(&asked.body).unwrap(), body);
    }
}

#[tokio::test]
async fn json_is_what_the_host_says_and_nothing_else() {
    let (_folder, file) = wasm("todo.wasm");
    let host = FakeAdmin::swapping(swap(refused(Step::Probe, "no answer"))).await;
    let ran = berth(&host, &["push", &file, "--json"]).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(16), ""));
    assert_eq!(ran.stdout.lines().count(), 1);
    assert_eq!(
        serde_json::from_str::<Report>(&ran.stdout).unwrap(),
        refused(Step::Probe, "no answer")
    );

    // Fields of a later version of the host are printed too.
    let mut later = json!(summary(""));
    later["weather"] = json!("fine");
    let host = answering(StatusCode::OK, json!([later])).await;
    let ran = berth(&host, &["--json", "list"]).await;
    assert_eq!(
        serde_json::from_str::<Value>(&ran.stdout).unwrap(),
        json!([later])
    );
}

#[tokio::test]
async fn the_exit_code_tells_at_which_step_a_version_was_refused() {
    let (_folder, file) = wasm("todo.wasm");
    for (code, step) in (10..).zip(Step::ALL) {
        let host = FakeAdmin::swapping(swap(refused(step, "it is not good"))).await;
        for arguments in [&["push", &*file][..], &["rollback", "todo"]] {
            let ran = berth(&host, arguments).await;
            assert_eq!(ran.code, Some(code), "{ran:?}");
            assert!(ran.stdout.contains("it is not good") && ran.stdout.contains("version 1 stays live"));
        }
        assert_eq!(berth(&host, &["push", &file, "--json"]).await.code, Some(code));
    }
}

#[tokio::test]
async fn the_exit_code_tells_what_the_host_says() {
    let (_folder, file) = wasm("todo.wasm");
    for (status, code) in [
        (401, 4),
        (403, 4),
        (404, 6),
        (409, 5),
        (413, 10),
        (415, 1),
        (503, 1),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let host = answering(status, json!({ "detail": "This cannot be." })).await;
        for arguments in [
            &["push", &*file][..],
            &["push", &file, "--json"],
            &["list"],
            &["watch"],
        ] {
            let ran = berth(&host, arguments).await;
            assert_eq!((ran.code, &*ran.stdout), (Some(code), ""), "{status} {ran:?}");
            assert!(
                ran.stderr.contains("This cannot be.") && ran.stderr.lines().count() == 1,
                "{ran:?}"
            );
            assert!(!ran.stderr.contains(TOKEN), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_named() {
    // Nobody listens there, nor can anybody else while this socket is bound.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let ran = run(command(address, &["list"])).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.stderr.contains(&address.to_string()) && ran.stderr.contains("--admin"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_understood_is_a_usage_error() {
    let host = answering(StatusCode::OK, json!([])).await;
    let (_folder, file) = wasm("todo_v2.wasm");
    for arguments in [
        &["shwo", "todo"][..],
        &["show", "../health"],
        &["show"],
        &["push", &file],
        &["rollback", "todo", "--to", "0"],
        &["list", "--admin", "127.0.0.1:8001"],
    ] {
        let ran = berth(&host, arguments).await;
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{arguments:?} {ran:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let host = answering(StatusCode::OK, json!([])).await;
    let ran = berth(&host, &["push", "/nowhere/todo.wasm"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("/nowhere/todo.wasm"), "{ran:?}");
}

#[tokio::test]
async fn a_swap_whose_connection_is_lost_says_where_to_look() {
    let (_folder, file) = wasm("todo.wasm");
    let host = FakeAdmin::start(|_| admin::events(&[step("todo", StepState::Passed)], false)).await;
    let ran = berth(&host, &["push", &file]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("berth components history todo"), "{ran:?}");
}

#[tokio::test]
async fn what_a_host_says_does_nothing_to_the_terminal() {
    let evil = "\u{1b}]0;title\u{7}\u{9b}2J\r\n\u{202e}";
    let of_others = Progress::Report {
        report: Report {
            component: evil.to_owned(),
            ..report()
        },
    };
    let mut progress = swap(refused(Step::Imports, evil));
    progress.insert(0, of_others);
    let (_folder, file) = wasm("todo.wasm");
    let pushing = FakeAdmin::swapping(progress.clone()).await;
    let watching = FakeAdmin::start(move |_| admin::events(&progress, false)).await;
    for (host, arguments) in [
        (
            &answering(StatusCode::OK, json!([summary(evil)])).await,
            &["list"][..],
        ),
        (
            &answering(StatusCode::OK, json!([summary(evil)])).await,
            &["list", "--json"],
        ),
        (
            &answering(StatusCode::OK, json!(summary(evil))).await,
            &["show", "todo"],
        ),
        (
            &answering(StatusCode::OK, json!([version(evil)])).await,
            &["history", "todo"],
        ),
        (
            &answering(StatusCode::CONFLICT, json!({ "detail": evil })).await,
            &["list"],
        ),
        (&pushing, &["push", &file]),
        (&watching, &["watch"]),
        (&watching, &["watch", "--json"]),
    ] {
        let ran = berth(host, arguments).await;
        let said = ran.stdout.clone() + &ran.stderr;
        assert!(said.contains("title"), "{arguments:?} {ran:?}");
        let raw = said
            .chars()
            .find(|&c| c == '\u{202e}' || c != '\n' && c.is_control());
        assert_eq!(raw, None, "{arguments:?} {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_what_happens_until_it_is_interrupted() {
    let mut progress = swap(Report {
        component: "other".to_owned(),
        ..report()
    });
    progress.extend(swap(report()));
    let host = FakeAdmin::start(move |_| admin::events(&progress, true)).await;

    for signal in [Signal::INT, Signal::TERM] {
        let mut all = Process::start(command(host.address, &["watch"]));
        all.wait_for("todo: version 2 is live in place of 1");
        assert!(all.log().contains("other: version 2 is live"), "{}", all.log());
        all.signal(signal);
        assert_eq!(all.wait().code(), Some(0), "{signal:?}");
    }

    let one = Process::start(command(host.address, &["watch", "todo", "--json"]));
    one.wait_for("\"event\":\"report\"");
    let lines = one.log();
    let events: Vec<Progress> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 3, "{lines}");
    assert_eq!(events.last(), Some(&Progress::Report { report: report() }));
}

/// `&` in a script, and `nohup`, have a program ignore signals.
#[test]
fn watch_is_interrupted_also_when_signals_were_ignored_at_its_start() {
    let this = std::env::current_exe().unwrap();
    let mut ignoring = Command::new("sh");
    ignoring
        .args(["-c", "trap '' INT TERM; exec \"$0\" --exact \"$@\""])
        .arg(this);
    let output = process::output(
        ignoring
            .arg("command_line::watch_prints_what_happens_until_it_is_interrupted")
            .arg("--nocapture"),
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Tells a test that it was started by itself.
const STARTED_BY_ITSELF: &str = "BERTH_TEST_STARTED_BY_ITSELF";

#[test]
fn programs_that_tests_start_get_the_default_action_of_signals() {
    let mut shows = Command::new("sh");
    shows.args(["-c", "grep SigIgn /proc/self/status"]);
    #[expect(clippy::disallowed_methods, reason = "the test starts itself once more")]
    let was_started_by_itself = std::env::var_os(STARTED_BY_ITSELF).is_some();
    if was_started_by_itself {
        println!("{}", String::from_utf8_lossy(&process::output(&mut shows).stdout));
        return;
    }
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' INT QUIT TERM; exec \"$0\" --exact \"$@\""]);
    ignoring.arg(std::env::current_exe().unwrap());
    ignoring.arg("command_line::programs_that_tests_start_get_the_default_action_of_signals");
    let output = process::output(ignoring.arg("--nocapture").env(STARTED_BY_ITSELF, ""));
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, mask) = text.split_once("SigIgn:").unwrap();
    let mask = mask.split_whitespace().next().unwrap();
    let ignored = u64::from_str_radix(mask, 16).unwrap();
    for signal in [Signal::INT, Signal::QUIT, Signal::TERM] {
        assert_eq!(ignored >> (signal.as_raw() - 1) & 1, 0, "{signal:?}: {text}");
    }
}

#[tokio::test]
async fn a_token_can_come_from_a_file_and_a_host_from_an_option() {
    let host = answering(StatusCode::OK, json!([])).await;
    let elsewhere: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let url = format!("http://{}/", host.address);
    let mut command = command(elsewhere, &["list", "--admin", &url]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "from-a-file\n").unwrap();
    command
        .env_remove("ADMIN_TOKEN")
        .env("ADMIN_TOKEN_FILE", file.path());
    assert_eq!(run(command).await.code, Some(0));
    assert_eq!(host.asked().header("authorization"), Some("Bearer from-a-file"));
}

#[tokio::test]
async fn a_host_that_listens_everywhere_is_asked_on_this_machine() {
    let host = answering(StatusCode::OK, json!([])).await;
    let everywhere = SocketAddr::from(([0, 0, 0, 0], host.address.port()));
    assert_eq!(run(command(everywhere, &["list"])).await.code, Some(0));
    assert_eq!(host.asked().header("host"), Some(&*host.address.to_string()));
}

#[tokio::test]
async fn the_help_has_the_exit_codes() {
    let nowhere: SocketAddr = "127.0.0.1:1".parse().unwrap();
    for arguments in [&["--help"][..], &["push", "--help"], &["rollback", "--help"]] {
        let ran = run(command(nowhere, arguments)).await;
        assert_eq!(ran.code, Some(0));
        for step in Step::ALL {
            let word = json!(step).as_str().unwrap().to_owned();
            assert!(ran.stdout.contains(&format!("({word})")), "{word} {ran:?}");
        }
    }
}

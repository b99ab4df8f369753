//! Compiling: what is not worth it is refused before, and what is compiled takes nothing from the host and its requests.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::operator::Operator;
use crate::support::patience::eventually;
use crate::support::process::Process;
use crate::support::{App, Component, Send as _};

/// Functions that take a while to compile, and more memory than the host itself may grow by.
const MANY: usize = 10_000;

/// How long a push may take. Compiling gets what is left of a busy machine.
const PUSH_TIMEOUT: Duration = Duration::from_mins(10);

/// The maximum growth of a host that serves requests and takes a push, in KiB.
const GROWTH: u64 = 48 * 1024;

/// A host whose code cache is empty, and its operator.
struct Compiling {
    app: App,
    operator: Operator,
    data: TempDir,
}

impl Compiling {
    async fn start(memory: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let app = App::serving([Component::new("hello").at("/hello")])
            .with("BERTH_DATA_DIR", data.path().to_str().unwrap())
            .with("BERTH_COMPILE_MEMORY", memory)
            .start()
            .await;
        let operator = app.operator();
        Self { app, operator, data }
    }

    /// A push that is about to be sent, of a component of so many functions.
    fn pushing(&self, functions: usize) -> reqwest::RequestBuilder {
        self.operator
            .pushing("hello", "", component(functions, ""))
            .timeout(PUSH_TIMEOUT)
    }

    /// Pushes a component that compiles for a while, and kills the process that compiles it once `look` has seen it.
    /// Returns the report.
    async fn push_and_kill(&self, look: impl FnOnce(u32)) -> Value {
        let pushing = tokio::spawn(self.pushing(MANY).answer());
        let compiler = compiler_of(&self.app.process).await;
        look(compiler);
        kill_process(Pid::from_raw(compiler.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
        pushing.await.unwrap().expect(422).json()
    }
}

/// A component of so many functions that is refused only after it was compiled: its handler has no function.
fn component(functions: usize, imports: &str) -> Vec<u8> {
    let mut text = format!("(component {imports} (core module ");
    for number in 0..functions {
        write!(
            text,
            "(func (param i32) (result i32) local.get 0 i32.const {number} i32.mul)"
        )
        .unwrap();
    }
    text += r#") (instance $handler) (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;
    wat::parse_str(&text).unwrap()
}

/// The process in which a host compiles, once there is one.
async fn compiler_of(host: &Process) -> u32 {
    let host = host.pid().to_string();
    eventually(true, async || compiler(&host).is_some()).await;
    compiler(&host).expect("it compiles for a while")
}

fn compiler(host: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.into_iter().find(|process| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        let command = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        parent == Some(host) && command.contains("\0compile-component\0")
    })
}

/// The most memory that a process ever had, in KiB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The steps of a report.
fn steps(report: &Value) -> Vec<&str> {
    report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn too_many_functions_are_refused_before_they_are_compiled() {
    let host = Compiling::start("1GiB").await;
    let functions = "(func)".repeat(100_001);
    let many = wat::parse_str(format!("(component (core module {functions}))")).unwrap();
    let (step, reason) = host.operator.push_refused("hello", many).await;
    assert_eq!(step, "compile");
    assert!(
        reason.contains("100001 functions") && reason.contains("50000"),
        "{reason}"
    );
    assert_eq!(host.operator.history("hello").await, ["2 refused", "1 live"]);
}

#[tokio::test]
async fn what_may_not_go_live_for_its_names_is_not_compiled() {
    let host = Compiling::start("1GiB").await;
    let not_granted = r#"(import "berth:postgres/client@0.1.0" (instance))"#;
    let unknown = r#"(import "wasi:nothing/there@0.2.0" (instance))"#;
    let nobodys = r#"(import "acme:rockets/launch" (instance))"#;
    for (imports, says) in [
        (not_granted, "add \"postgres\" to `capabilities`"),
        (unknown, "which this host does not provide"),
        (nobodys, "imports = { \"acme:rockets/launch\" ="),
    ] {
        let report = host
            .operator
            .push("hello", component(10, imports))
            .await
            .expect(422)
            .json();
        assert_eq!(steps(&report), ["size", "kind", "imports"]);
        let reason = report["failure"]["reason"].as_str().unwrap();
        assert!(reason.contains(says), "{reason}");
    }
    let handles_nothing = wat::parse_str("(component (core module (func)))").unwrap();
    let report = host
        .operator
        .push("hello", handles_nothing)
        .await
        .expect(422)
        .json();
    assert_eq!(steps(&report), ["size", "kind", "exports"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_that_compiling_takes_is_not_the_hosts() {
    let host = Compiling::start("1GiB").await;
    host.app.get("/hello").answer().await.expect(200);
    let before = peak(host.app.process.pid());
    let pushing = tokio::spawn(host.pushing(MANY).answer());
    let mut served = 0;
    while !pushing.is_finished() {
        host.app.get("/hello").answer().await.expect(200);
        served += 1;
    }
    let report = pushing.await.unwrap().expect(422).json();
    // It was compiled, or it would not have come to this step.
    assert_eq!(report["failure"]["step"], "exports", "{report:#}");
    assert_eq!(steps(&report), ["size", "kind", "compile", "imports", "exports"]);
    let after = peak(host.app.process.pid());
    assert!(after < before + GROWTH, "{before} KiB have become {after} KiB");
    assert!(served > 10, "only {served} requests were served meanwhile");
}

#[tokio::test]
async fn a_component_that_needs_more_memory_than_compiling_may_take_is_refused() {
    let host = Compiling::start("64MiB").await;
    let report = host.pushing(2 * MANY).answer().await.expect(422).json();
    assert_eq!(report["failure"]["step"], "compile", "{report:#}");
    let reason = report["failure"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("64 MiB") && reason.contains("BERTH_COMPILE_MEMORY"),
        "{reason}"
    );
    host.app.get("/hello").answer().await.expect(200);
}

#[tokio::test]
async fn a_compilation_that_is_killed_is_refused_and_the_next_goes_well() {
    let host = Compiling::start("1GiB").await;
    let report = host.push_and_kill(|_| {}).await;
    assert_eq!(report["failure"]["step"], "compile");
    assert_eq!(report["failure"]["temporary"], true);
    let reason = report["failure"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("was killed") && reason.contains("BERTH_COMPILE_MEMORY"),
        "{reason}"
    );
    let left = fs::read_dir(host.data.path().join("cache")).unwrap().flatten();
    let partial = left.filter(|entry| entry.path().extension().is_some_and(|end| end == "partial"));
    assert_eq!(partial.count(), 0, "something half-written is left");
    // The same bytes again: nothing of the first attempt is in the way.
    let report = host.pushing(MANY).answer().await.expect(422).json();
    assert_eq!(report["failure"]["step"], "exports", "{report:#}");
}

#[tokio::test]
async fn the_process_that_compiles_knows_no_secret() {
    let host = Compiling::start("1GiB").await;
    host.push_and_kill(|compiler| {
        let environment = fs::read_to_string(format!("/proc/{compiler}/environ")).unwrap();
        let names: Vec<_> = environment
            .split_terminator('\0')
            .filter_map(|one| one.split('=').next())
            .collect();
        assert!(
            names.iter().all(|name| name.starts_with("MIMALLOC_")),
            "{names:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_process_that_compiles_ends_with_its_host() {
    let mut host = Compiling::start("1GiB").await;
    let pushing = tokio::spawn(host.pushing(MANY).send());
    let compiler = compiler_of(&host.app.process).await;
    host.app.process.signal(Signal::KILL);
    host.app.process.wait();
    assert!(pushing.await.unwrap().is_err());
    let is_gone = async || {
        let command = fs::read_to_string(format!("/proc/{compiler}/cmdline")).unwrap_or_default();
        !command.contains("compile-component")
    };
    eventually(true, is_gone).await;
}

//! `berth check`, and every manifest that it refuses: each with the place and the remedy.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{App, Component};

fn check(components: impl IntoIterator<Item = Component>) -> Output {
    App::serving(components).run("check")
}

/// The output, without the paths of this machine and of this run.
fn refusal(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let word = |word: &str| match word.rfind(['/']) {
        Some(end)
            if word.trim_start_matches(['`', '"', '\'', '(']).starts_with('/') && word.contains("/tmp")
                || word.contains("/host/..") =>
        {
            format!("…{}", &word[end..])
        }
        _ => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn hello() -> Component {
    Component::new("hello").at("/hello")
}

/// A component of these bytes.
fn of_bytes(folder: &TempDir, bytes: &[u8]) -> Component {
    let path = folder.path().join("made.wasm");
    std::fs::write(&path, bytes).unwrap();
    Component::from_file("made", &path).at("/made")
}

#[test]
fn a_good_manifest_is_said_to_be_good() {
    let output = check([hello(), Component::new("streams").at("/stream")]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("hello@") && text.contains("streams@") && text.contains("good"),
        "{text}"
    );
}

#[test]
fn the_projects_own_manifest_is_good() {
    let output = App::here().run("check");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_the_manifest_may_not_say_is_refused() {
    let refusals = [
        ("an unknown key", check([hello().saying("rotues = []")])),
        ("an unknown limit", check([hello().limited("momery", "1MiB")])),
        ("a limit that is none", check([hello().limited("memory", "much")])),
        (
            "a limit out of range",
            check([hello().limited("concurrency", "0")]),
        ),
        ("an unknown capability", check([hello().granted(&["postgers"])])),
        ("a route that is none", check([hello().route("hello")])),
        (
            "two routes of one shape",
            check([hello(), Component::new("streams").route("/hello/{*all}")]),
        ),
        ("a route of the host's", check([hello().route("/health")])),
        (
            "a destination that is none",
            check([hello().saying("outgoing = [\"everywhere\"]")]),
        ),
        (
            "a probe of no route",
            check([hello().saying("probe = \"GET /elsewhere\"")]),
        ),
        ("a name that is none", check([hello().called("Hello_World")])),
        (
            "a missing file",
            check([Component::from_file("made", Path::new("/tmp/nowhere.wasm")).at("/made")]),
        ),
    ];
    let text: Vec<_> = refusals
        .iter()
        .map(|(what, output)| format!("{what}:\n  {}", refusal(output)))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let output = check([
        hello().route("/x/:id").saying("colour = 1"),
        Component::new("hello").called("Two").at("/two"),
    ]);
    let text = refusal(&output);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.lines().all(|line| line.starts_with("berth: ")), "{text}");
    for part in ["write \"/x/{id}\"", "`colour`", "`Two`"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn an_empty_manifest_is_said_to_be_empty() {
    let output = check([]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("has no components"));
}

#[test]
fn a_mistyped_variable_is_a_warning_with_the_nearest_name() {
    let app = App::serving([hello()]).with("BERTH_MAX_CONECTIONS", "10");
    let said = "BERTH_MAX_CONECTIONS is not a variable that Berth reads: did you mean BERTH_MAX_CONNECTIONS?";
    let output = app.clone().run("check");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains(said));
    let json: Value = serde_json::from_slice(&app.saying("--json").run("check").stdout).unwrap();
    assert_eq!(json["warnings"], json!([said]));
}

#[test]
fn a_check_can_be_read_by_programs() {
    let json = |components: Vec<Component>| {
        let output = App::serving(components).saying("--json").run("check");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["good"], output.status.success(), "{json}");
        json
    };
    let good = json(vec![hello(), Component::new("streams").route("/{*rest}")]);
    assert_eq!(good["components"][0]["name"], "hello");
    assert_eq!(good["components"][1]["left_to_the_host"][0]["route"], "/{*rest}");
    assert_eq!(
        good["components"][1]["left_to_the_host"][0]["paths"][0],
        "/health"
    );
    let bad = json(vec![hello().route("/x/:id").saying("colour = 1")]);
    let lines: Vec<_> = bad["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["line"])
        .collect();
    assert_eq!(lines, [3, 5]);
    let bad = json(vec![Component::new("sql").at("/x")]);
    assert_eq!(
        (&bad["faults"][0]["component"], &bad["faults"][0]["step"]),
        (&json!("sql"), &json!("imports"))
    );
}

#[test]
fn what_is_no_component_for_this_host_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wat = |text: &str| wat::parse_str(text).unwrap();
    let refusals = [
        ("garbage", check([of_bytes(&folder, b"garbage")])),
        ("nothing", check([of_bytes(&folder, b"")])),
        ("a core module", check([of_bytes(&folder, &wat("(module)"))])),
        (
            "a component that handles nothing",
            check([of_bytes(&folder, &wat("(component)"))]),
        ),
        (
            "a handler of wasi:http 0.3",
            check([of_bytes(&folder, &wat(HANDLER_0_3))]),
        ),
        (
            "a release candidate",
            check([of_bytes(&folder, &wat(RELEASE_CANDIDATE))]),
        ),
        (
            "an interface of nobody's",
            check([of_bytes(&folder, &wat(UNKNOWN))]),
        ),
    ];
    let text: Vec<_> = refusals
        .iter()
        .map(|(what, output)| format!("{what}:\n  {}", refusal(output)))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

const HANDLER_0_3: &str = r#"(component
    (instance $handler)
    (export "wasi:http/handler@0.3.0" (instance $handler)))"#;

const RELEASE_CANDIDATE: &str = r#"(component
    (import "wasi:http/types@0.3.0-rc-2025-09-16" (instance))
    (instance $handler)
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;

const UNKNOWN: &str = r#"(component
    (import "acme:rockets/launch@1.0.0" (instance (export "go" (func))))
    (instance $handler)
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;

#[test]
fn a_capability_that_is_not_granted_is_named() {
    for (fixture, granted, missing) in [
        ("sql", vec![], "postgres"),
        ("shows", vec!["config", "identity"], "logging"),
        ("shows", vec!["config", "logging"], "identity"),
        ("shows", vec!["identity", "logging"], "config"),
    ] {
        let message = refusal(&check([Component::new(fixture).at("/x").granted(&granted)]));
        assert!(message.contains(&format!("\"{missing}\"")), "{message}");
        assert!(message.contains(&format!("[components.{fixture}]")), "{message}");
        assert!(message.contains("capabilities"), "{message}");
    }
}

#[test]
fn variables_that_cannot_be_used_stop_the_start_by_name() {
    let short = "a secret that is too short";
    let refusals = [
        ("JWT_SECRET", App::with("JWT_SECRET", short)),
        (
            "JWT_SECRET",
            App::with("ENVIRONMENT", "production").without("JWT_SECRET"),
        ),
        (
            "DATABASE_URL",
            App::with("DATABASE_URL", "mysql://root:hunter2@db/x"),
        ),
        ("PORT", App::with("PORT", "eighty")),
        ("CORS_ORIGINS", App::with("CORS_ORIGINS", "example.com/path")),
        ("ANONYMOUS_USER", App::with("ANONYMOUS_USER", "tasks")),
        (
            "BERTH_MANIFEST",
            App::with("BERTH_MANIFEST", "/nowhere/berth.toml"),
        ),
    ];
    for (variable, app) in refusals {
        for subcommand in ["check", "serve"] {
            let output = app.clone().run(subcommand);
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{variable}: {text}");
            assert_eq!(text.trim().lines().count(), 1, "{text}");
            assert!(text.contains(variable), "{text}");
            assert!(!text.contains(short) && !text.contains("hunter2"), "{text}");
        }
    }
}

//! Valid manifests, and manifests that are refused: each fault with its place and the remedy.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::time::Duration;

use berth_runtime::{Authentication, LogLimits};
use http::Method;

use super::*;

const WHOLE: &str = r#"
        [components.todo]
        source = "todo.wasm"
        routes = ["/api/tasks/{*rest}", "/api/stats", "/api/{user_id}/tasks/{*rest}", "/dashboard/{*rest}"]
        capabilities = ["postgres", "postgres-all-rows", "identity", "config"]
        rows = { owner = "user_id", shared = ["templates"], temporary_tables = true }
        limits = { memory = "128MiB", time = "2s 500ms", cpu = "1s", concurrency = 8, body = 1048577, rows = "5", result = "1KiB", log_lines = 7, log_bytes = "2KiB", log_burst = "3s" }
        probe = "GET /dashboard/stats?day=1"
        config = { greeting = "hello", retries = 3, verbose = true }
        authentication = "optional"
        outgoing = ["https://api.example.com:443", "http://localhost:9000/"]
        imports = { "greetings:hello/hello" = "hello" }

        [components.hello]
        source = "hello.wasm"
        routes = ["/hello"]
    "#;

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["todo.wasm", "hello.wasm"] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    directory
}

#[test]
fn every_key_is_read() {
    let directory = directory();
    let path = directory.path().join("berth.toml");
    fs::write(&path, WHOLE).unwrap();
    let components = Manifest::read(&path, &Limits::default(), &Variables::default())
        .unwrap()
        .components;
    assert_eq!(components.len(), 2);
    let (hello, todo) = (&components[0], &components[1]);

    assert_eq!(
        (&*hello.name, hello.authentication),
        ("hello", Authentication::Required)
    );
    assert_eq!(hello.limits, Limits::default());
    assert!(hello.capabilities.is_empty() && hello.outgoing.is_empty() && hello.probes.is_empty());

    assert_eq!(
        (&*todo.name, todo.authentication),
        ("todo", Authentication::Optional)
    );
    assert_eq!(todo.source, directory.path().join("todo.wasm"));
    assert_eq!(todo.routes[0].parent(), Some("/api/tasks"));
    assert_eq!(
        todo.capabilities,
        [
            Capability::Postgres,
            Capability::PostgresAllRows,
            Capability::Identity,
            Capability::Config
        ]
        .into()
    );
    let rows = RowRules {
        owner: "user_id".to_owned(),
        shared: ["templates".to_owned()].into(),
        temporary_tables: true,
    };
    assert_eq!((todo.rows.as_ref(), hello.rows.as_ref()), (Some(&rows), None));
    assert_eq!(
        todo.limits,
        Limits {
            memory: 128 * 1024 * 1024,
            time: Duration::from_millis(2500),
            cpu: Duration::from_secs(1),
            concurrency: 8,
            body: 1_048_577,
            rows: 5,
            result: 1024,
            log: LogLimits {
                lines: 7,
                bytes: 2048,
                burst: Duration::from_secs(3)
            },
        }
    );
    let probe = Probe {
        method: Method::GET,
        path: "/dashboard/stats?day=1".to_owned(),
    };
    assert_eq!(todo.probes, [probe]);
    let config = [("greeting", "hello"), ("retries", "3"), ("verbose", "true")];
    assert!(todo.config.entries().eq(config));
    let destinations =
        ["https://api.example.com", "http://localhost:9000"].map(|origin| origin.parse().unwrap());
    assert_eq!(todo.outgoing, destinations);
    assert_eq!(todo.imports["greetings:hello/hello"], "hello");
}

fn parse(text: &str, directory: &Path, variables: &Variables) -> Result<Manifest, Vec<Misplaced>> {
    let around = Around {
        directory,
        default: &Limits::default(),
        docs_page: true,
        variables,
    };
    Manifest::parse(text, &around)
}

/// The errors of the manifest with `component` in it.
fn refusal(component: &str) -> String {
    refusal_of(&format!("[components.todo]\nsource = \"todo.wasm\"\n{component}"))
}

fn refusal_of(text: &str) -> String {
    let directory = directory();
    let faults = parse(text, directory.path(), &Variables::default()).unwrap_err();
    let shown = faults.iter().map(|fault| {
        let ManifestFault {
            line, column, reason, ..
        } = ManifestFault::new("", text, fault);
        let reason = reason.replace(&*directory.path().to_string_lossy(), "DIRECTORY");
        assert!(!reason.contains('\n'), "{reason}");
        format!("{line}:{column}: {reason}")
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_a_component_may_not_say_names_the_place_and_the_remedy() {
    let refusals = [
        "routes = [",
        "rotues = []",
        "sources = 1",
        "routes = [1]",
        "routes = []\ncolour = \"red\"",
        "routes = []\ncapabilities = [\n  \"identity\",\n  \"postgre\",\n]",
        "routes = []\ncapabilities = [\"telephone\"]",
        "routes = []\nrows = { owner = \"user_id\" }",
        "routes = []\ncapabilities = [\"postgres\"]\nrows = { shared = [\"a\"] }",
        "routes = []\ncapabilities = [\"postgres\"]\nrows = { owner = \"User\", shared = [\"public.a\"] }",
        "routes = []\ncapabilities = [\"postgres\", \"postgres-all-rows\"]",
        "routes = []\nlimits = { memry = \"1MiB\" }",
        "routes = []\nlimits = { memory = \"1023KiB\" }",
        "routes = []\nlimits = { memory = \"much\" }",
        "routes = []\nlimits = { time = 10 }",
        "routes = []\nlimits = { concurrency = 0 }",
        "routes = []\nlimits = { concurrency = true }",
        "routes = []\nprobe = \"POST /\"",
        "routes = [\"/a/{*rest}\"]\nprobe = \"GET /b\"",
        "routes = [\"/a/{*rest}\"]\nprobe = [\"GET /a\", \"GET /b\"]",
        "routes = []\nprobe = [\"GET /a\", \"/b\"]",
        "routes = []\nprobe = 1",
        "routes = []\nconfig = { a = \"b\" }",
        "routes = []\ncapabilities = [\"config\"]\nconfig = { a = [] }",
        "routes = []\nauthentication = \"require\"",
        "routes = []\noutgoing = [\"api.example.com\"]",
        "routes = []\noutgoing = [\"https://example.com/path\"]",
        "routes = []\nimports = { tasks = \"todo\" }",
        "routes = []\nimports = { \"berth:identity/caller\" = \"todo\" }",
        "routes = []\nimports = { \"todo:tasks/tasks\" = \"tood\" }",
    ];
    insta::assert_snapshot!(refusals.map(refusal).join("\n"));
}

#[test]
fn routes_that_cannot_be_used_are_refused() {
    let refusals = [
        "tasks",
        "/tasks/",
        "/a//b",
        "/a?b=c",
        "/a b",
        "/a/{",
        "/a/{b}{c}",
        "/a/{*rest}/b",
        "/a/:id",
        "/a/*",
        "/health",
        "/docs/x",
        "/auth/login",
        "/api/auth/{*rest}",
        "/auth",
    ];
    insta::assert_snapshot!(
        refusals
            .map(|route| refusal(&format!("routes = [{route:?}]")))
            .join("\n")
    );
}

#[test]
fn routes_that_clash_are_refused_and_both_are_named() {
    let clash = |todo: &str, hello: &str| {
        refusal_of(&format!(
            "[components.todo]\nsource = \"todo.wasm\"\nroutes = {todo}\n\
             [components.hello]\nsource = \"hello.wasm\"\nroutes = {hello}"
        ))
    };
    let clashes = [
        clash(r#"["/a"]"#, r#"["/a"]"#),
        clash(r#"["/{user_id}/a"]"#, r#"["/{name}/a"]"#),
        clash(r#"["/a/{*rest}"]"#, r#"["/a"]"#),
        clash(r#"["/a/{*rest}"]"#, r#"["/a/{id}"]"#),
        clash(r#"["/a", "/b", "/a"]"#, "[]"),
        clash(r#"["/a/{*rest}", "/a"]"#, "[]"),
    ];
    insta::assert_snapshot!(clashes.join("\n"));
}

#[test]
fn all_faults_are_told_at_once_and_none_that_follows_from_another() {
    let text = r#"
            [component.todo]
            [components.todo]
            source = "todo.wasm"
            routes = ["/a/:id", "/a/{*rest}", "/health"]
            probe = "GET /b"
            colour = "red"
            limits = { memory = "much", tmie = "1s" }
            [components.hello]
            source = "missing.wasm"
            routes = ["/a"]
            capabilities = ["postgers", "telephone"]
            imports = { "a:b/c" = "nobody" }
            [components.third]
            routes = ["/third"]
            [components.Fourth]
            source = 4
            routes = ["/fourth"]
        "#;
    insta::assert_snapshot!(refusal_of(text));
}

#[test]
fn values_come_from_the_hosts_environment_and_from_files() {
    let directory = directory();
    fs::write(directory.path().join("token"), "from a file\r\n").unwrap();
    let variables = [("STRIPE_KEY", "hidden"), ("JWT_SECRET", "hidden")]
        .into_iter()
        .collect();
    let parse_with = |more: &str| {
        let text = format!("[components.todo]\nsource = \"todo.wasm\"\nroutes = []\n{more}");
        parse(&text, directory.path(), &variables)
    };
    let manifest = parse_with(
        "capabilities = [\"config\"]\nconfig = { key = { env = \"STRIPE_KEY\" } }\n\
         environment = { A = 1, TOKEN = { file = \"token\" } }",
    );
    let todo = &manifest.unwrap().components[0];
    assert_eq!(todo.config.get("key"), Some("hidden"));
    assert_eq!(
        (todo.environment.get("A"), todo.environment.get("TOKEN")),
        (Some("1"), Some("from a file"))
    );
    assert!(!format!("{todo:?} {variables:?}").contains("hidden"));
    for (value, reason) in [
        (
            "{ env = \"MISSING\" }",
            "the environment of the host has no MISSING",
        ),
        ("{ env = \"JWT_SECRET\" }", "no component reads"),
        ("{ file = \"missing\" }", "cannot be read"),
        ("{ evn = \"A\" }", "write a string, { env"),
        ("[]", "not arrays"),
    ] {
        let faults = parse_with(&format!("environment = {{ A = {value} }}")).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].reason.contains(reason), "{faults:?}");
    }
    assert!(parse_with("environment = { \"A=B\" = 1 }").is_err());
}

#[test]
fn everything_below_the_root_is_the_root_too() {
    let text = "[components.todo]\nsource = \"todo.wasm\"\nroutes = [\"/{*rest}\"]\nprobe = \"GET /\"";
    let manifest = parse(text, directory().path(), &Variables::default()).unwrap();
    assert!(manifest.components[0].routes[0].answers_root());
    assert!(refusal_of("components = 3").contains("[components.NAME]"));
    let twice = format!("{text}\n[components.hello]\nsource = \"hello.wasm\"\nroutes = [\"/\"]");
    assert!(refusal_of(&twice).contains("clashes"));
}

#[test]
fn a_literal_segment_beside_a_parameter_is_no_clash() {
    let text = "[components.todo]\nsource = \"todo.wasm\"\n\
                routes = [\"/api/{user_id}/tasks/{*rest}\", \"/api/auth-codes/tasks/{*rest}\", \"/{*rest}\"]";
    assert!(parse(text, directory().path(), &Variables::default()).is_ok());
}

#[test]
fn components_have_names_that_a_database_takes_and_files_that_exist() {
    let named = |name: &str| {
        refusal_of(&format!(
            "[components.{name:?}]\nsource = \"todo.wasm\"\nroutes = []"
        ))
    };
    let long = "a".repeat(32);
    let refusals = ["", "Todo", "1st", "a_b", "public", "pg-catalog", &long].map(named);
    let missing = refusal_of("[components.todo]\nsource = \"missing.wasm\"\nroutes = []");
    let nameless = refusal_of("[component.todo]\nsource = \"todo.wasm\"\nroutes = []");
    insta::assert_snapshot!(format!("{}\n{missing}\n{nameless}", refusals.join("\n")));
}

#[test]
fn a_manifest_that_is_not_there_is_refused_by_its_variable() {
    let error = Manifest::read(
        Path::new("/nowhere/berth.toml"),
        &Limits::default(),
        &Variables::default(),
    )
    .unwrap_err()
    .to_string();
    insta::assert_snapshot!(error, @"BERTH_MANIFEST: /nowhere/berth.toml cannot be read (No such file or directory (os error 2)): name the manifest, or start in the directory of berth.toml");
}

#[test]
fn routes_that_the_host_gives_up_are_a_components() {
    let text = "[components.todo]\nsource = \"todo.wasm\"\nroutes = [\"/health\", \"/docs/{*rest}\"]";
    assert!(refusal_of(text).contains("or move the host's by `health` in [http]"));
    let moved = format!("{text}\n[http]\nhealth = \"/healthz\"\ndocs = false");
    assert!(parse(&moved, directory().path(), &Variables::default()).is_ok());
    assert!(refusal_of("http = 3").contains("1:8"));
    for path in ["/health/", "/docs/start.js", "/auth/me?a=b"] {
        let probed = refusal(&format!("routes = [\"/{{*rest}}\"]\nprobe = \"GET {path}\""));
        assert!(probed.contains("the host answers"), "{probed}");
    }
}

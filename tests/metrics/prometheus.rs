//! A real Prometheus scrapes a host under load. Every query of the dashboard and of the alerts must find series there.
//!
//! `cargo xtask test` provides Prometheus. Without it the tests say that they are skipped, unless `CI` is set.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fake_cohere::FakeCohere;
use serde_json::{Value, json};

use super::Page;
use crate::support::app::ROOT;
use crate::support::http::client;
use crate::support::operator::ADMIN_TOKEN;
use crate::support::patience::eventually;
use crate::support::postgres::free_port;
use crate::support::process::{self, Process};
use crate::support::{App, Send as _};

const COMPONENT: &str = "k8s/components/monitoring";

/// A program of Prometheus. `None` skips the test.
fn program(name: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "to look for a program")]
    let (path, is_ci) = (
        std::env::var_os("PATH").unwrap_or_default(),
        std::env::var_os("CI").is_some(),
    );
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    if found.is_none() {
        assert!(!is_ci, "{name} is not on this machine: run `cargo xtask test`");
        eprintln!("Skipped: {name} is not on this machine; `cargo xtask test` downloads it");
    }
    found
}

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{path}")).unwrap()
}

/// The groups of the alerts, as Prometheus' own files have them.
fn rules() -> Value {
    let resource: Value = serde_saphyr::from_str(&read(&format!("{COMPONENT}/rules.yaml"))).unwrap();
    json!({ "groups": resource["spec"]["groups"] })
}

fn alerts() -> Vec<(String, String)> {
    let rules = rules();
    let rules = rules["groups"][0]["rules"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules
        .map(|rule| (text(&rule["alert"]), text(&rule["expr"])))
        .collect()
}

/// The selectors of metrics in a query: `berth_x{state="behind"}`.
fn selectors(query: &str) -> BTreeSet<String> {
    let mut selectors = BTreeSet::new();
    for (at, _) in query.match_indices("berth_") {
        let rest = &query[at..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let labels = match rest[end..].strip_prefix('{') {
            Some(labels) => &rest[end..end + labels.find('}').unwrap() + 2],
            None => "",
        };
        selectors.insert(format!("{}{labels}", &rest[..end]));
    }
    selectors
}

#[test]
fn every_alert_has_its_paragraph_in_the_documentation() {
    let page = read("docs/operations.md");
    let alerts = alerts();
    assert!(alerts.len() >= 10);
    for (alert, _) in alerts {
        assert!(page.contains(&format!("| `{alert}` |")), "{alert}");
    }
}

#[test]
fn promtool_accepts_the_rules() {
    let Some(promtool) = program("promtool") else {
        return;
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(rules().to_string().as_bytes()).unwrap();
    let output = process::output(Command::new(promtool).args(["check", "rules"]).arg(file.path()));
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn promtool_accepts_the_page() {
    let Some(promtool) = program("promtool") else {
        return;
    };
    let app = App::start().await;
    app.user("ann").get("/api/tasks").await.expect(200);
    let page = Page::of(&app).await.0;
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "", "it finds nothing to say");
}

/// The series that a query finds.
async fn found(prometheus: &str, query: &str) -> usize {
    let request = client()
        .get(format!("{prometheus}/api/v1/query"))
        .query(&[("query", query)]);
    let Ok(answer) = request.try_answer().await else {
        return 0;
    };
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    answer["data"]["result"].as_array().unwrap().len()
}

#[tokio::test]
async fn every_query_of_dashboard_and_alerts_finds_series_of_a_host_under_load() {
    let Some(prometheus) = program("prometheus") else {
        return;
    };
    let cohere = FakeCohere::start(0).await.unwrap();
    let app = App::with("COHERE_API_KEY", "a-key").with("COHERE_BASE_URL", cohere.base_url());
    let app = app.start().await;
    let files = tempfile::tempdir().unwrap();
    let settings = json!({
        "global": { "scrape_interval": "500ms", "scrape_timeout": "400ms" },
        "scrape_configs": [{
            "job_name": "berth",
            "authorization": { "credentials": ADMIN_TOKEN },
            "static_configs": [{ "targets": [app.admin_url().trim_start_matches("http://")] }],
        }],
    });
    let file = files.path().join("prometheus.yml");
    std::fs::write(&file, settings.to_string()).unwrap();
    let port = free_port();
    let mut command = Command::new(prometheus);
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            files.path().join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _prometheus = Process::start(command);
    let url = format!("http://127.0.0.1:{port}");

    let ann = app.user("ann");
    for _ in 0..5 {
        ann.get("/api/tasks").await.expect(200);
        ann.post("/api/chat", json!({ "message": "add milk" }))
            .await
            .expect(200);
    }
    let dashboard: Value = serde_json::from_str(&read(&format!("{COMPONENT}/grafana.json"))).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let panels = panels.filter_map(|panel| panel["targets"][0]["expr"].as_str());
    let mut queries: BTreeSet<String> = panels
        .map(|query| query.replace("$__rate_interval", "1m"))
        .collect();
    assert!(queries.len() > 50);
    // No component of the project's own may send requests, so there is no distribution of their times.
    queries.retain(|query| !query.contains("berth_outgoing_request_duration_seconds"));
    queries.extend(alerts().iter().flat_map(|(_, query)| selectors(query)));
    for query in queries {
        eventually(true, async || {
            ann.get("/api/tasks").await.expect(200);
            found(&url, &query).await > 0
        })
        .await;
    }
}

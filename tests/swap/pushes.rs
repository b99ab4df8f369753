//! Pushes that go well.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::Swapping;
use crate::support::Send as _;
use crate::support::versions::version;

/// A report without what differs from run to run.
fn shape(mut report: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    match name.as_str() {
                        "milliseconds" => *field = json!("…"),
                        "digest" => *field = json!(format!("{} digits", field.as_str().unwrap().len())),
                        _ => walk(field),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut report);
    for step in report["steps"].as_array_mut().unwrap() {
        // How large it is, and whether an earlier run of the tests has compiled it.
        if step["step"] == "size" || step["step"] == "compile" {
            step["detail"] = json!("…");
        }
    }
    report
}

#[tokio::test]
async fn a_push_goes_live_and_says_what_it_did() {
    let swapping = Swapping::start("name=one migrations=1", |one| {
        one.saying("probe = \"GET /version/probe\"")
    })
    .await;
    assert_eq!(swapping.answer().await, "version@1 one");
    let report = swapping
        .operator
        .push_live("version", version("name=two migrations=1,2"))
        .await;
    assert_eq!(swapping.answer().await, "version@2 two");
    assert_json_snapshot!(shape(report));
    assert_eq!(
        swapping.operator.history("version").await,
        ["2 live", "1 retired"]
    );
    let health = swapping.app.get("/health").answer().await.json();
    assert_eq!(
        health["components"]["version"],
        json!({ "version": "2", "state": "live" })
    );
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let swapping = Swapping::start("name=one migrations=1", |one| {
        one.saying("probe = \"GET /version/probe\"")
    })
    .await;
    let wasm = version("name=two migrations=1,2!");
    let report = swapping
        .operator
        .pushing("version", "?dry_run=true", wasm.clone())
        .answer()
        .await;
    let report = report.expect(200).json();
    assert_eq!(
        (&report["outcome"], &report["number"]),
        (&json!("passed"), &json!(null)),
        "{report:#}"
    );
    assert_eq!(
        report["changes"]["migrations"]["gained"],
        json!(["2 make table 2"])
    );
    assert_eq!(report["probes"][0]["status"], 200);
    assert_eq!(swapping.answer().await, "version@1 one");
    assert_eq!(swapping.operator.history("version").await, ["1 live"]);
    // Its migration was taken back: it is there to run.
    let report = swapping.operator.push_live("version", wasm).await;
    let migrations = &report["steps"].as_array().unwrap()[5];
    assert_eq!(
        (&migrations["step"], &migrations["detail"]),
        (&json!("migrations"), &json!("ran 2"))
    );
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_refused() {
    let swapping = Swapping::start("name=one", |one| one).await;
    let report = swapping
        .operator
        .pushing("version", "?dry_run=true", b"garbage".to_vec())
        .answer()
        .await;
    assert_eq!(report.expect(422).json()["failure"]["step"], "kind");
    assert_eq!(swapping.operator.history("version").await, ["1 live"]);
}

#[tokio::test]
async fn what_is_live_already_is_left_alone() {
    let swapping = Swapping::start("name=one", |one| one).await;
    let report = swapping
        .operator
        .push("version", version("name=one"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&report["outcome"], &report["number"]),
        (&json!("unchanged"), &json!(1))
    );
    assert_eq!(report["steps"], json!([]));
    assert_eq!(swapping.operator.history("version").await, ["1 live"]);
}

#[tokio::test]
async fn bytes_that_were_seen_keep_their_number() {
    let swapping = Swapping::start("name=one", |one| one).await;
    swapping.operator.push_live("version", version("name=two")).await;
    let report = swapping.operator.push_live("version", version("name=one")).await;
    assert_eq!((&report["number"], &report["replaced"]), (&json!(1), &json!(2)));
    assert_eq!(swapping.answer().await, "version@1 one");
    assert_eq!(
        swapping.operator.history("version").await,
        ["2 retired", "1 live"]
    );
}

#[tokio::test]
async fn who_pushed_is_written_down() {
    let swapping = Swapping::start("name=one", |one| one).await;
    let request = swapping.operator.pushing("version", "", version("name=two"));
    request
        .header("x-pushed-by", "ann@laptop")
        .answer()
        .await
        .expect(200);
    swapping
        .operator
        .push_live("version", version("name=three"))
        .await;
    let live = swapping.operator.show("version").await["live"].clone();
    assert_eq!(
        (&live["by"], &live["origin"]),
        (&json!("127.0.0.1"), &json!("push"))
    );
    let history = swapping
        .operator
        .request("GET", "/components/version/history")
        .answer()
        .await
        .json();
    assert_eq!(history[1]["by"], "ann@laptop");
    assert_eq!(history[2]["origin"], "manifest");
    assert!(
        history[2]["created_at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok(),
        "{history:#}"
    );
}

#[tokio::test]
async fn the_steps_are_told_as_they_happen() {
    let swapping = Swapping::start("name=one", |one| one).await;
    let request = swapping.operator.pushing("version", "", version("name=two"));
    let events = request
        .header("accept", "text/event-stream")
        .answer()
        .await
        .expect(200);
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let text = events.text();
    let told: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    let (last, steps) = told.split_last().unwrap();
    assert_eq!(
        (*last, steps.iter().all(|name| *name == "step")),
        ("report", true),
        "{text}"
    );
    let data: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(data[0]["step"], "size");
    assert_eq!(
        (&data[0]["state"], &data[1]["state"]),
        (&json!("started"), &json!("passed"))
    );
    assert_eq!(data.last().unwrap()["outcome"], "live");
}

#[tokio::test]
async fn the_last_ten_versions_keep_their_bytes() {
    let swapping = Swapping::start("name=one", |one| one).await;
    for number in 2..=12 {
        swapping
            .operator
            .push_live("version", version(&format!("name={number}")))
            .await;
    }
    let history = swapping
        .operator
        .request("GET", "/components/version/history")
        .answer()
        .await
        .json();
    let kept: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kept"].as_bool().unwrap())
        .collect();
    assert_eq!(kept, [[true; 10].as_slice(), &[false; 2]].concat());
    assert_eq!(
        swapping.operator.roll_back("version", Some(2)).await.failure().0,
        404
    );
    swapping.operator.roll_back("version", Some(3)).await.expect(200);
    assert_eq!(swapping.answer().await, "version@3 3");
}

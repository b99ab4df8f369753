//! Probes: what a version must answer before it goes live.

use serde_json::json;
use sqlx::Row as _;

use super::Swapping;
use crate::support::Send as _;
use crate::support::versions::version;

async fn probed() -> Swapping {
    Swapping::start("name=one migrations=1", |one| {
        one.saying("probe = [\"GET /version\", \"GET /version/probe\"]")
    })
    .await
}

#[tokio::test]
async fn a_probe_that_fails_hangs_traps_or_breaks_off_keeps_a_version_from_going_live() {
    let swapping = probed().await;
    let mut refusals = Vec::new();
    for probe in ["fails", "hangs", "traps", "breaks"] {
        let wasm = version(&format!("name=two migrations=1 probe={probe}"));
        let (step, reason) = swapping.operator.push_refused("version", wasm).await;
        assert_eq!(swapping.answer().await, "version@1 one");
        refusals.push(format!("{probe}\n  {step}: {reason}"));
    }
    insta::assert_snapshot!(refusals.join("\n"));
}

#[tokio::test]
async fn every_probe_is_made_several_times_and_told() {
    let swapping = probed().await;
    let report = swapping
        .operator
        .push_live("version", version("name=two migrations=1"))
        .await;
    let probes = report["probes"].as_array().unwrap();
    let made: Vec<_> = probes
        .iter()
        .map(|probe| probe["request"].as_str().unwrap())
        .collect();
    assert_eq!(made, ["GET /version", "GET /version/probe"].repeat(3));
    assert!(probes.iter().all(|probe| probe["status"] == 200), "{report:#}");
}

#[tokio::test]
async fn a_version_that_is_refused_takes_its_migrations_with_it() {
    let swapping = probed().await;
    for probe in ["fails", "hangs", "traps"] {
        let wasm = version(&format!("name=two migrations=1,2! probe={probe}"));
        assert_eq!(swapping.operator.push_refused("version", wasm).await.0, "probe");
        let mut database = swapping.app.database.connect().await;
        let tables = "SELECT to_regclass('version.table_1')::text, to_regclass('version.table_2')::text";
        let row = sqlx::query(tables).fetch_one(&mut database).await.unwrap();
        let there: [Option<String>; 2] = [row.get(0), row.get(1)];
        assert_eq!(there.map(|name| name.is_some()), [true, false], "{probe}");
    }
    // And the way is free for a better one.
    let report = swapping
        .operator
        .push_live("version", version("name=three migrations=1,2!"))
        .await;
    assert_eq!(
        report["changes"]["migrations"]["gained"],
        json!(["2 make table 2"])
    );
}

#[tokio::test]
async fn the_projects_own_components_are_probed_as_a_caller_of_their_own() {
    let app = crate::support::App::start().await;
    let log = app.process.log();
    for probe in ["/dashboard/stats", "/api/conversations"] {
        let requests = log
            .lines()
            .filter(|line| line.contains("\"request\"") && line.contains(probe));
        assert_eq!(requests.clone().count(), 3, "{log}");
        assert!(requests.clone().all(|line| line.contains("200")), "{log}");
        assert!(
            requests.clone().all(|line| line.contains("\"probe\":true")),
            "{log}"
        );
    }
    app.get("/dashboard/stats").answer().await;
    let of_client = |line: &&str| line.contains("/dashboard/stats") && !line.contains("\"probe\"");
    assert_eq!(
        app.process.log().lines().filter(of_client).count(),
        1,
        "a client's request is no probe"
    );
}

//! Back to a version that was live before.

use serde_json::json;

use super::Swapping;
use crate::support::Send as _;
use crate::support::versions::version;

#[tokio::test]
async fn a_rollback_goes_back_to_the_version_before_without_compiling() {
    let swapping = Swapping::start("name=one", |one| one.saying("probe = \"GET /version/probe\"")).await;
    swapping.operator.push_live("version", version("name=two")).await;
    swapping
        .operator
        .push_live("version", version("name=three"))
        .await;
    let report = swapping
        .operator
        .roll_back("version", None)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&report["number"], &report["replaced"]),
        (&json!(2), &json!(3)),
        "{report:#}"
    );
    let steps = report["steps"].as_array().unwrap();
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["compile", "imports", "exports", "migrations", "probe", "live"]
    );
    assert_eq!(steps[0]["detail"], "from the code cache");
    assert_eq!(swapping.answer().await, "version@2 two");

    // The one before is now the third; the first is asked for by its number.
    swapping.operator.roll_back("version", None).await.expect(200);
    assert_eq!(swapping.answer().await, "version@3 three");
    swapping.operator.roll_back("version", Some(1)).await.expect(200);
    assert_eq!(swapping.answer().await, "version@1 one");
    assert_eq!(
        swapping.operator.history("version").await,
        ["3 retired", "2 retired", "1 live"]
    );
}

#[tokio::test]
async fn there_is_no_way_back_over_a_migration_that_only_the_newer_version_knows() {
    let swapping = Swapping::start("name=one migrations=1", |one| one).await;
    swapping
        .operator
        .push_live("version", version("name=two migrations=1,2!"))
        .await;
    let report = swapping
        .operator
        .roll_back("version", None)
        .await
        .expect(422)
        .json();
    assert_eq!(report["failure"]["step"], "migrations");
    let reason = report["failure"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("2 `make table 2`") && reason.contains("compatible"),
        "{reason}"
    );
    assert_eq!(swapping.answer().await, "version@2 two");
    // Nor by a push.
    let (step, _) = swapping
        .operator
        .push_refused("version", version("name=three migrations=1"))
        .await;
    assert_eq!(step, "migrations");
    assert_eq!(
        swapping.operator.history("version").await,
        ["3 refused", "2 live", "1 retired"]
    );
}

#[tokio::test]
async fn a_migration_that_is_declared_compatible_leaves_the_way_back_open() {
    let swapping = Swapping::start("name=one migrations=1", |one| one).await;
    swapping
        .operator
        .push_live("version", version("name=two migrations=1,2"))
        .await;
    swapping.operator.roll_back("version", None).await.expect(200);
    assert_eq!(swapping.answer().await, "version@1 one");
    let report = swapping
        .operator
        .roll_back("version", Some(2))
        .await
        .expect(200)
        .json();
    assert_eq!(
        report["changes"]["migrations"]["gained"],
        json!(["2 make table 2"])
    );
}

#[tokio::test]
async fn what_was_never_live_is_nothing_to_go_back_to() {
    let swapping = Swapping::start("name=one", |one| one.saying("probe = \"GET /version/probe\"")).await;
    let (status, detail) = swapping.operator.roll_back("version", None).await.failure();
    assert_eq!(
        (status, detail.as_str()),
        (404, "The component version has no version that was live before")
    );
    swapping
        .operator
        .push_refused("version", version("name=two probe=fails"))
        .await;
    for number in [2, 7] {
        let (status, detail) = swapping
            .operator
            .roll_back("version", Some(number))
            .await
            .failure();
        assert_eq!(status, 404);
        assert_eq!(
            detail,
            format!("The component version has no version {number} to roll back to")
        );
    }
    let same = swapping
        .operator
        .roll_back("version", Some(1))
        .await
        .expect(200)
        .json();
    assert_eq!(same["outcome"], "unchanged");
}

#[tokio::test]
async fn a_dry_run_of_a_rollback_changes_nothing() {
    let swapping = Swapping::start("name=one", |one| one).await;
    swapping.operator.push_live("version", version("name=two")).await;
    let request = swapping.operator.request("POST", "/components/version/rollback");
    let report = request
        .json(&json!({ "dry_run": true }))
        .answer()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&report["outcome"], &report["number"]),
        (&json!("passed"), &json!(1))
    );
    assert_eq!(swapping.answer().await, "version@2 two");
}

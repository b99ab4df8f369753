//! The stages on a real PostgreSQL, with a fake prober.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::FutureExt as _;
use http::StatusCode;

use super::*;
use crate::report::{StepReport, StepState};
use crate::swap::{dry_run, swap};
use crate::testing::{FakeProber, TestDatabase, TestHost, component, importer, passed, plan, refused};

const TABLE: &str = "CREATE TABLE notes (id int)";

fn good() -> FakeProber {
    FakeProber::with_status(StatusCode::OK)
}

/// The steps of a report, as in `passed size`.
fn steps(report: &Report) -> Vec<String> {
    let line = |step: &StepReport| format!("{:?} {}", step.state, step.step.as_str()).to_lowercase();
    report.steps.iter().map(line).collect()
}

#[tokio::test]
async fn versions_that_pass_every_stage_are_live_together() {
    let database = TestDatabase::start().await;
    let tried = Arc::new(Mutex::new(Vec::new()));
    let prober = {
        let tried = Arc::clone(&tried);
        FakeProber::new(move |registry| {
            let labels = registry.current();
            let labels = labels.versions().values().map(|version| version.label());
            tried.lock().unwrap().push(labels.collect::<Vec<_>>().join(" "));
            async { StatusCode::OK }.boxed()
        })
    };
    let host = TestHost::new(&database, "one", prober);
    let components = || [component("notes", "a", &[TABLE]), component("plain", "a", &[])];
    let reports = passed(swap(&host.rollout, host.permit().await, plan(components())).await);

    assert_eq!((host.live("notes"), host.live("plain")), (Some(1), Some(1)));
    assert_eq!(database.tables("notes").await, ["notes"]);
    assert_eq!(host.history("notes").await, ["1 live"]);
    let all = [
        "passed size",
        "passed kind",
        "passed compile",
        "passed imports",
        "passed exports",
        "passed migrations",
        "passed probe",
        "passed live",
    ];
    assert_eq!(steps(&reports[0]), all);
    assert_eq!(steps(&reports[1])[5], "skipped migrations");
    assert_eq!(
        *tried.lock().unwrap(),
        ["notes@1 plain@1"; 6],
        "three rounds each"
    );

    let next = [component("plain", "b", &[])];
    let next = Plan {
        components: plan(components()).components,
        ..plan(next)
    };
    let reports = passed(swap(&host.rollout, host.permit().await, next).await);
    assert_eq!(
        (reports[0].number, reports[0].replaced),
        (NonZeroU32::new(2), NonZeroU32::new(1))
    );
    assert_eq!((host.live("notes"), host.live("plain")), (Some(1), Some(2)));
}

#[tokio::test]
async fn bytes_that_are_no_component_are_refused_before_they_have_a_number() {
    let database = TestDatabase::start().await;
    let host = TestHost::new(&database, "one", good());
    let plan = plan([(component("plain", "a", &[]).0, b"nonsense".to_vec())]);
    let refused = refused(Verified::<NonZeroU32>::verify(&host.rollout, host.permit().await, plan).await);
    assert_eq!((&*refused.component, refused.failure.step), ("plain", Step::Kind));
    assert_eq!(steps(&refused.reports[0]), ["passed size", "failed kind"]);
    assert!(host.history("plain").await.is_empty());

    // The refusal has released the swap lock, but other swaps on this host wait for its permit.
    assert!(host.rollout.exclusive.try_swap_lock().await.unwrap().is_some());
    assert!(host.rollout.exclusive.this_host().now_or_never().is_none());
    drop(refused.permit);
    assert!(host.rollout.exclusive.this_host().now_or_never().is_some());
}

#[tokio::test]
async fn a_component_whose_callee_is_missing_is_not_compatible() {
    let database = TestDatabase::start().await;
    let host = TestHost::new(&database, "one", good());
    let plan = plan([component("plain", "a", &[]), importer("caller", "nobody")]);
    let verified = Verified::<NonZeroU32>::verify(&host.rollout, host.permit().await, plan).await;
    let refused = refused(Compatible::check(passed(verified)).await);
    assert_eq!(
        (&*refused.component, refused.failure.step),
        ("caller", Step::Imports)
    );
    assert_eq!(steps(&refused.reports[1]).last().unwrap(), "failed imports");
    let other = refused.reports[0].failure.as_ref().unwrap();
    assert_eq!(other.reason, "`caller`, which was to change with it, was refused");
    assert_eq!(host.history("caller").await, ["1 refused"]);
}

#[tokio::test]
async fn a_migration_that_fails_rolls_back_those_of_the_components_before_it() {
    let database = TestDatabase::start().await;
    let host = TestHost::new(&database, "one", good());
    let plan = plan([
        component("notes", "a", &[TABLE]),
        component("wrong", "a", &["CREATE NONSENSE"]),
    ]);
    let refused = refused(swap(&host.rollout, host.permit().await, plan).await);
    assert_eq!(
        (&*refused.component, refused.failure.step),
        ("wrong", Step::Migrations)
    );
    assert!(database.tables("notes").await.is_empty());
    assert_eq!(host.history("notes").await, ["1 refused"]);
    assert!(!host.rollout.live.is_complete());
}

#[tokio::test]
async fn a_prepared_swap_is_seen_by_nobody_until_it_is_live_and_can_be_aborted() {
    let database = TestDatabase::start().await;
    let host = TestHost::new(&database, "one", good());
    let plan = plan([component("notes", "a", &[TABLE])]);
    let verified = Verified::<NonZeroU32>::verify(&host.rollout, host.permit().await, plan).await;
    let compatible = Compatible::check(passed(verified)).await;
    let prepared = passed(Prepared::prepare(passed(compatible)).await);
    assert!(database.tables("notes").await.is_empty());
    assert_eq!(host.history("notes").await, ["1 staged"]);

    let failure = Failure {
        step: Step::Probe,
        reason: "as the test says".to_owned(),
        temporary: false,
    };
    let refused = prepared.abort(Refusal::new("notes", failure.clone())).await;
    assert_eq!(refused.reports[0].failure, Some(failure));
    assert_eq!(host.history("notes").await, ["1 refused"]);
    drop(refused);
    // The rollback has released the locks of the migration, and the number is kept for the same bytes.
    let plan = self::plan([component("notes", "a", &[TABLE])]);
    let reports = passed(swap(&host.rollout, host.permit().await, plan).await);
    assert_eq!(reports[0].number, NonZeroU32::new(1));
    assert_eq!(database.tables("notes").await, ["notes"]);
}

#[tokio::test]
async fn a_version_that_answers_its_probe_badly_leaves_nothing_behind() {
    let database = TestDatabase::start().await;
    let host = TestHost::new(&database, "one", FakeProber::with_status(StatusCode::IM_A_TEAPOT));
    let plan = plan([component("notes", "a", &[TABLE])]);
    let refused = refused(swap(&host.rollout, host.permit().await, plan).await);
    assert_eq!(refused.failure.step, Step::Probe);
    assert!(refused.failure.reason.contains("418") && refused.failure.reason.contains("the fake's answer"));
    assert_eq!(refused.reports[0].probes.len(), 1);
    assert!(database.tables("notes").await.is_empty());
    assert_eq!(host.history("notes").await, ["1 refused"]);
}

#[tokio::test]
async fn a_dry_run_takes_all_steps_but_the_last_and_gives_no_number() {
    let database = TestDatabase::start().await;
    let host = TestHost::new(&database, "one", good());
    let plan = plan([component("notes", "a", &[TABLE])]);
    let reports = passed(dry_run(&host.rollout, host.permit().await, plan).await);
    assert_eq!((reports[0].outcome, reports[0].number), (Outcome::Passed, None));
    assert_eq!(reports[0].steps.last().unwrap().state, StepState::Skipped);
    assert!(database.tables("notes").await.is_empty());
    assert!(host.history("notes").await.is_empty());
    assert!(host.rollout.exclusive.try_swap_lock().await.unwrap().is_some());
}

#[tokio::test]
async fn a_decision_that_cannot_be_stored_rolls_everything_back() {
    let database = Arc::new(TestDatabase::start().await);
    let ended = Arc::new(AtomicI64::new(0));
    let prober = {
        let (database, ended) = (Arc::clone(&database), Arc::clone(&ended));
        FakeProber::new(move |_| {
            let (database, ended) = (Arc::clone(&database), Arc::clone(&ended));
            async move {
                ended.fetch_add(database.end_session_of_swap_lock().await, Ordering::Relaxed);
                StatusCode::OK
            }
            .boxed()
        })
    };
    let host = TestHost::new(&database, "one", prober);
    let plan = plan([component("notes", "a", &[TABLE])]);
    let refused = refused(swap(&host.rollout, host.permit().await, plan).await);
    assert_eq!(ended.load(Ordering::Relaxed), 1);
    assert_eq!(
        (refused.failure.step, refused.failure.temporary),
        (Step::Live, true)
    );
    assert!(database.tables("notes").await.is_empty());
    assert_eq!(host.history("notes").await, ["1 refused"]);
}

//! Operators' intents on a real PostgreSQL, with a fake prober.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use http::StatusCode;

use super::*;
use crate::swap::swap;
use crate::testing::{FakeProber, TestDatabase, TestHost, component, passed, plan};

/// A host with version 1 of the component `plain`.
async fn host(database: &TestDatabase) -> TestHost {
    let host = TestHost::new(database, "one", FakeProber::with_status(StatusCode::OK));
    let plan = plan([component("plain", "a", &[])]);
    passed(swap(&host.rollout, host.permit().await, plan).await);
    host
}

fn push(text: &str) -> Intent {
    let (_, bytes) = component("plain", text, &[]);
    Intent::push("plain", bytes.into(), "an operator".to_owned())
}

async fn report(host: &TestHost, intent: Intent) -> Report {
    let requested = intent.request(&host.rollout).await.unwrap();
    requested.run(None).await.unwrap()
}

#[tokio::test]
async fn a_push_a_dry_run_and_rollbacks_make_the_version_live_that_they_name() {
    let database = TestDatabase::start().await;
    let host = host(&database).await;
    let dry_run = report(&host, push("b").with_dry_run(true)).await;
    assert_eq!((dry_run.outcome, host.live("plain")), (Outcome::Passed, Some(1)));
    assert_eq!(report(&host, push("b")).await.number, NonZeroU32::new(2));
    assert_eq!(host.live("plain"), Some(2));
    assert_eq!(report(&host, push("b")).await.outcome, Outcome::Unchanged);

    report(&host, Intent::roll_back("plain", None)).await;
    assert_eq!(host.live("plain"), Some(1));
    report(&host, Intent::roll_back("plain", NonZeroU32::new(2))).await;
    assert_eq!(host.live("plain"), Some(2));
    let nowhere = Intent::roll_back("plain", NonZeroU32::new(3));
    let refused = nowhere.request(&host.rollout).await.err().unwrap();
    assert!(matches!(refused, OperatorError::UnknownVersion { number: 3, .. }));
}

#[tokio::test]
async fn a_request_holds_the_swap_lock_until_it_is_carried_out() {
    let database = TestDatabase::start().await;
    let host = host(&database).await;
    let requested = push("b").request(&host.rollout).await.unwrap();
    let busy = push("c").request(&host.rollout).await.err().unwrap();
    assert!(matches!(busy, OperatorError::Busy));
    requested.run(None).await.unwrap();
    assert_eq!(report(&host, push("c")).await.outcome, Outcome::Live);
    assert_eq!(host.live("plain"), Some(3));
}

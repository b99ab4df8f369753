//! Two hosts on one database.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Mutex;

use futures_util::FutureExt as _;
use http::StatusCode;

use super::*;
use crate::report::ReplicaState;
use crate::swap::swap;
use crate::testing::{FakeProber, TestDatabase, TestHost, component, passed, plan};

/// Two hosts that have version 1 of the component `plain`. The second host answers probes with the status in the
/// result.
async fn two_hosts(database: &TestDatabase) -> (TestHost, HostSync, Arc<Mutex<StatusCode>>) {
    let first = TestHost::new(database, "one", FakeProber::with_status(StatusCode::OK));
    let status = Arc::new(Mutex::new(StatusCode::OK));
    let prober = {
        let status = Arc::clone(&status);
        FakeProber::new(move |_| {
            let status = *status.lock().unwrap();
            async move { status }.boxed()
        })
    };
    let second = TestHost::new(database, "two", prober);
    let bytes = || plan([component("plain", "a", &[])]);
    for host in [&first, &second] {
        passed(swap(&host.rollout, host.permit().await, bytes()).await);
    }
    (first, HostSync::new(Arc::clone(&second.rollout)), status)
}

#[tokio::test]
async fn a_version_that_is_live_elsewhere_is_taken() {
    let database = TestDatabase::start().await;
    let (first, mut second, _) = two_hosts(&database).await;
    let next = plan([component("plain", "b", &[])]);
    passed(swap(&first.rollout, first.permit().await, next).await);
    assert_eq!(second.rollout.live.number("plain"), NonZeroU32::new(1));
    second.catch_up().await.unwrap();
    assert_eq!(second.rollout.live.number("plain"), NonZeroU32::new(2));
    let hosts = first.rollout.stores.hosts.all().await.unwrap();
    let of_second = hosts["plain"].iter().find(|host| host.host == "two").unwrap();
    assert_eq!(
        (of_second.number, of_second.state),
        (NonZeroU32::new(2), ReplicaState::Live)
    );
}

#[tokio::test]
async fn a_host_that_cannot_take_a_version_stays_behind_and_tries_it_once() {
    let database = TestDatabase::start().await;
    let (first, mut second, status) = two_hosts(&database).await;
    let next = plan([component("plain", "b", &[])]);
    passed(swap(&first.rollout, first.permit().await, next).await);
    *status.lock().unwrap() = StatusCode::INTERNAL_SERVER_ERROR;
    second.catch_up().await.unwrap();
    let behind = second.rollout.live.statuses().all()["plain"].clone();
    assert_eq!(
        (behind.live, behind.wanted),
        (NonZeroU32::new(1), NonZeroU32::new(2))
    );
    assert_eq!(behind.state, ReplicaState::Behind);
    assert!(behind.detail.unwrap().starts_with("probe: "));

    // The version would pass now, but the host does not try it again.
    *status.lock().unwrap() = StatusCode::OK;
    second.catch_up().await.unwrap();
    assert_eq!(second.rollout.live.number("plain"), NonZeroU32::new(1));
}

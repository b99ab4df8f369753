//! Several hosts on one database: the versions of each host, the swaps on it, and the states of all hosts.

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Page, counts};
use crate::support::app::{AppBuilder, Host};
use crate::support::patience::eventually;
use crate::support::versions::{version, versioned};
use crate::support::{App, Component, Send as _};

const COMPONENT: &str = r#"component="version""#;

/// A host of the fixture `version`, about to start.
fn host(files: &TempDir, manifest: impl FnOnce(Component) -> Component) -> AppBuilder {
    App::serving([manifest(versioned(files.path(), "name=one"))])
        // A host for development would run its file at each start.
        .with("ENVIRONMENT", "production")
        .with("BERTH_FOLLOW_INTERVAL", "1s")
}

/// Waits until a host has these versions live and wanted.
async fn has_versions(host: &Host, live: f64, wanted: f64) {
    counts(host, "berth_component_wanted_version", &[COMPONENT], wanted).await;
    counts(host, "berth_component_live_version", &[COMPONENT], live).await;
}

/// Waits until a host has seen these numbers of hosts: live, compiling, behind.
async fn sees(host: &Host, expected: [f64; 3]) {
    let look = async || {
        let page = Page::of(host).await;
        let states = [r#"state="live""#, r#"state="compiling""#, r#"state="behind""#];
        states.map(|state| page.sum("berth_hosts", &[COMPONENT, state]))
    };
    eventually(expected.map(Some), look).await;
}

/// The swaps on a host with this outcome.
async fn swaps(host: &Host, outcome: &str) -> Option<f64> {
    let outcome = format!("outcome=\"{outcome}\"");
    let page = Page::of(host).await;
    page.sum("berth_swaps_total", &[COMPONENT, &outcome])
}

/// Waits until a host has brought this many versions live.
async fn has_swapped(host: &Host, live: f64) {
    eventually(Some(live), async || swaps(host, "live").await).await;
}

#[tokio::test]
async fn a_push_to_one_host_is_counted_on_all() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, |one| one).start().await;
    let mut second = host(&files, |one| one).start_beside(&first);
    for host in [&first, &second] {
        has_versions(host, 1.0, 1.0).await;
        has_swapped(host, 1.0).await;
        sees(host, [2.0, 0.0, 0.0]).await;
    }
    first.get("/version").answer().await.expect(200);
    let requests = "berth_component_requests_total";
    counts(&first, requests, &[COMPONENT], 1.0).await;

    first.operator().push_live("version", version("name=two")).await;
    for host in [&first, &second] {
        has_versions(host, 2.0, 2.0).await;
        has_swapped(host, 2.0).await;
        sees(host, [2.0, 0.0, 0.0]).await;
        let state = [COMPONENT, r#"state="live""#];
        counts(host, "berth_component_state", &state, 1.0).await;
        counts(host, "berth_component_versions_kept", &[COMPONENT], 2.0).await;
    }
    // The numbers of the component go on with the new version.
    first.get("/version").answer().await.expect(200);
    counts(&first, requests, &[COMPONENT], 2.0).await;

    // A swap that changes nothing is counted on the host that was asked for it.
    let operator = first.operator();
    let (step, _) = operator.push_refused("version", b"no component".to_vec()).await;
    let dry = operator.pushing("version", "?dry_run=true", version("name=three"));
    dry.answer().await.expect(200);
    let page = Page::of(&first).await;
    let step = [COMPONENT, r#"outcome="refused""#, &format!("step=\"{step}\"")];
    assert_eq!(page.sum("berth_swaps_total", &step), Some(1.0));
    assert_eq!(swaps(&first, "refused").await, Some(1.0));
    assert_eq!(swaps(&first, "passed").await, Some(1.0));

    second.operator().roll_back("version", None).await.expect(200);
    for host in [&first, &second] {
        has_versions(host, 1.0, 1.0).await;
        has_swapped(host, 3.0).await;
        sees(host, [2.0, 0.0, 0.0]).await;
    }
    for outcome in ["refused", "passed"] {
        assert_eq!(swaps(&second, outcome).await, None, "{outcome}");
    }

    second.process.signal(Signal::TERM);
    assert!(second.process.wait().success());
    sees(&first, [1.0, 0.0, 0.0]).await;
}

#[tokio::test]
async fn a_host_that_cannot_take_a_version_is_counted_as_behind_on_all() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, |one| one).start().await;
    // On this host, a probe is required that the next version does not answer.
    let second = host(&files, |one| one.saying("probe = \"GET /version/probe\"")).start_beside(&first);
    let failing = version("name=two probe=fails");
    first.operator().push_live("version", failing).await;
    for host in [&first, &second] {
        sees(host, [1.0, 0.0, 1.0]).await;
    }
    has_versions(&first, 2.0, 2.0).await;
    has_versions(&second, 1.0, 2.0).await;
    let page = Page::of(&second).await;
    for (state, value) in [("live", 0.0), ("compiling", 0.0), ("behind", 1.0)] {
        let label = format!("state=\"{state}\"");
        let found = page.sum("berth_component_state", &[COMPONENT, &label]);
        assert_eq!(found, Some(value), "{state}");
    }
    let refused = [COMPONENT, r#"outcome="refused""#, r#"step="probe""#];
    assert_eq!(page.sum("berth_swaps_total", &refused), Some(1.0));
    assert_eq!(swaps(&second, "live").await, Some(1.0), "its start");
    assert_eq!(swaps(&first, "live").await, Some(2.0));
    assert_eq!(swaps(&first, "refused").await, None);

    first.operator().push_live("version", version("name=three")).await;
    for (host, live) in [(&first, 3.0), (&second, 2.0)] {
        has_versions(host, 3.0, 3.0).await;
        has_swapped(host, live).await;
        sees(host, [2.0, 0.0, 0.0]).await;
    }
    // The host has tried the version that it could not take only once.
    assert_eq!(swaps(&second, "refused").await, Some(1.0));
}

//! A manifest at the start of a host, on a real PostgreSQL and with a fake prober.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Arc;

use futures_util::FutureExt as _;
use http::StatusCode;
use tempfile::TempDir;

use super::*;
use crate::testing::{FakeProber, TestDatabase, TestHost, component};

/// The component `plain`, whose file is in `folder` and has bytes of its own for each `text`.
fn manifest(folder: &TempDir, text: &str) -> Components {
    let (mut spec, bytes) = component("plain", text, &[]);
    spec.source = folder.path().join("plain.wasm");
    std::fs::write(&spec.source, bytes).unwrap();
    vec![Arc::new(spec)].into()
}

#[tokio::test]
async fn a_host_that_decides_nothing_new_waits_for_no_swap_lock() {
    let (database, folder) = (TestDatabase::start().await, tempfile::tempdir().unwrap());
    let first = TestHost::new(&database, "one", FakeProber::with_status(StatusCode::OK));
    apply_manifest(&first.rollout, manifest(&folder, "a"))
        .await
        .unwrap();

    let _another_swap = first.rollout.exclusive.try_swap_lock().await.unwrap().unwrap();
    let second = TestHost::new(&database, "two", FakeProber::with_status(StatusCode::OK));
    apply_manifest(&second.rollout, manifest(&folder, "a"))
        .await
        .unwrap();
    assert_eq!(second.live("plain"), Some(1));
}

#[tokio::test]
async fn where_a_new_file_is_refused_the_version_of_before_goes_live() {
    let (database, folder) = (TestDatabase::start().await, tempfile::tempdir().unwrap());
    let passes_version_1 = FakeProber::new(|registry| {
        let version = registry.current().version("plain").unwrap();
        let status = match version.label().as_str() {
            "plain@1" => StatusCode::OK,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        async move { status }.boxed()
    });
    let first = TestHost::new(&database, "one", passes_version_1.clone());
    apply_manifest(&first.rollout, manifest(&folder, "a"))
        .await
        .unwrap();

    let restarted = TestHost::new(&database, "two", passes_version_1);
    apply_manifest(&restarted.rollout, manifest(&folder, "b"))
        .await
        .unwrap();
    assert_eq!(restarted.live("plain"), Some(1));
    assert_eq!(restarted.history("plain").await, ["2 refused", "1 live"]);

    // A host that has live versions already keeps them, and reports the refusal.
    let refused = apply_manifest(&restarted.rollout, manifest(&folder, "c")).await;
    assert!(matches!(refused, Err(ApplyManifestError::Refused { component, .. }) if component == "plain"));
    assert_eq!(restarted.live("plain"), Some(1));
}

//! Swaps while requests are served: none of them fails, and nothing is left of the versions that are gone.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::Swapping;
use crate::support::Send as _;
use crate::support::versions::version;

/// Requests in flight at any time.
const AT_ONCE: usize = 200;

/// Swaps between two versions.
const SWAPS: u32 = 200;

/// After how many of them the host has grown as large as it will be.
const WARM: u32 = 50;

/// The resources of a process: resident kibibytes, file descriptors.
fn resources(pid: u32) -> (usize, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (resident, fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count())
}

/// A request that takes a while, most of it without work: several swaps happen before it is answered whole.
const REQUEST: &str = "/version/stream?times=3&pause=200";

/// One client: sends one request after another, and returns the version and the text of each response.
async fn client(
    swapping: Arc<Swapping>,
    stop: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        let answer = swapping.app.get(REQUEST).answer().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        seen.insert(format!(
            "{} {}",
            answer.header("x-component").unwrap(),
            answer.text().trim_end()
        ));
        served.fetch_add(1, Ordering::Relaxed);
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_swaps_fail_no_request() {
    let swapping = Swapping::start("name=one", |one| {
        let patient = one
            .limited("concurrency", "300")
            .limited("time", "30m")
            .limited("cpu", "30m");
        patient.saying("probe = \"GET /version/probe\"")
    });
    let swapping = Arc::new(swapping.await);
    // Both versions are known before anything is measured, so that what follows compiles nothing.
    swapping.operator.push_live("version", version("name=two")).await;

    // One answer that is streamed for the whole time, by the version that was live when it began.
    let mut streaming = reqwest::get(swapping.app.url("/version/stream?times=1000000&pause=10"))
        .await
        .unwrap();
    assert_eq!(streaming.headers()["x-component"], "version@2");

    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..AT_ONCE {
        clients.spawn(client(
            Arc::clone(&swapping),
            Arc::clone(&stop),
            Arc::clone(&served),
        ));
    }
    let pid = swapping.app.process.pid();
    let mut before = (0, 0);
    for swap in 0..SWAPS {
        let report = swapping
            .operator
            .roll_back("version", Some(1 + swap % 2))
            .await
            .expect(200)
            .json();
        assert_eq!(report["outcome"], "live", "{report:#}");
        assert!(streaming.chunk().await.unwrap().is_some(), "the stream has ended");
        if swap == WARM {
            before = resources(pid);
        }
    }
    let after = resources(pid);
    stop.store(true, Ordering::Relaxed);
    let mut seen = BTreeSet::new();
    while let Some(client) = clients.join_next().await {
        seen.extend(client.unwrap());
    }
    // Each answer came whole from one version, and from the one that it names.
    assert_eq!(
        seen.iter().map(String::as_str).collect::<Vec<_>>(),
        ["version@1 one one one", "version@2 two two two"]
    );
    assert!(served.load(Ordering::Relaxed) > 2 * AT_ONCE, "there was no load");
    // Many swaps later. What one version takes is more than half a mebibyte, and a connection or more: a leak would show.
    assert!(
        after.0 < before.0 + 40 * 1024,
        "{} KiB have become {} KiB",
        before.0,
        after.0
    );
    assert!(
        after.1 < before.1 + 20,
        "{} file descriptors have become {}",
        before.1,
        after.1
    );
}

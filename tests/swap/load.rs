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
const SWAPS: usize = 200;

/// What a process has: resident kibibytes, file descriptors.
fn resources(pid: u32) -> (usize, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (resident, fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_swaps_fail_no_request() {
    let limits = |one: crate::support::Component| {
        one.saying("probe = \"GET /version/probe\"")
            .limited("concurrency", "300")
            .limited("time", "10m")
            .limited("cpu", "10m")
    };
    let swapping = Arc::new(Swapping::start("name=one", limits).await);
    // Both versions are known before anything is measured, so that what follows compiles nothing.
    swapping.operator.push_live("version", version("name=two")).await;

    // One answer that is streamed for the whole time, by the version that was live when it began.
    let url = swapping.app.url("/version/stream?times=1000000");
    let mut streaming = reqwest::get(&url).await.unwrap();
    assert_eq!(streaming.headers()["x-component"], "version@2");

    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (swapping, stop, served) = (Arc::clone(&swapping), Arc::clone(&stop), Arc::clone(&served));
        clients.spawn(async move {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = swapping.app.get("/version").answer().await;
                assert_eq!(answer.status, 200, "{}", answer.text());
                seen.insert(format!("{} {}", answer.header("x-component").unwrap(), answer.text()));
                served.fetch_add(1, Ordering::Relaxed);
            }
            seen
        });
    }
    let pid = swapping.app.process.pid();
    let mut after_warming = (0, 0);
    for swap in 0..SWAPS {
        let number = if swap % 2 == 0 { 1 } else { 2 };
        let report = swapping.operator.roll_back("version", Some(number)).await.expect(200).json();
        assert_eq!(report["outcome"], "live", "{report:#}");
        let piece = streaming.chunk().await.unwrap().expect("the stream goes on");
        assert!(piece.starts_with(b"two") || piece.starts_with(b" ") || piece.ends_with(b" "), "{piece:?}");
        if swap == SWAPS / 4 {
            after_warming = resources(pid);
        }
    }
    let (resident, files) = resources(pid);
    stop.store(true, Ordering::Relaxed);
    let mut seen = BTreeSet::new();
    while let Some(client) = clients.join_next().await {
        seen.extend(client.unwrap());
    }
    // Each answer came from exactly one version, and from the one that it names.
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), ["version@1 one", "version@2 two"]);
    assert!(served.load(Ordering::Relaxed) > SWAPS, "there was no load");
    // 150 swaps later: what one version takes is more than a mebibyte, so a leak would show.
    let (resident_before, files_before) = after_warming;
    assert!(resident < resident_before + 40 * 1024, "{resident_before} KiB have become {resident} KiB");
    assert!(files < files_before + 20, "{files_before} file descriptors have become {files}");
}

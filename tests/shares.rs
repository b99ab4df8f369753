//! Memory and processors, which components share: no component can take the share of another.

use futures_util::future::join_all;
use reqwest::Response;

use crate::support::app::AppBuilder;
use crate::support::patience::eventually;
use crate::support::{App, Component, Send};

const MIB: u64 = 1 << 20;

/// A component that takes what it can get, and its neighbour.
fn neighbours(memory: &str) -> AppBuilder {
    let bad = Component::new("misbehaves").at("/bad").limited("memory", "64MiB");
    let bad = bad.limited("time", "1h").limited("cpu", "1h");
    App::serving([bad, Component::new("hello").at("/hello")]).with("BERTH_GUEST_MEMORY", memory)
}

/// Holds four mebibytes, and what the guest has beside, in each of as many requests as are let in at first.
async fn hold_all(app: &App) -> Vec<Response> {
    let path = format!("/bad/hold?bytes={}", 4 * MIB);
    let responses = join_all((0..12).map(|_| app.get(&path).send())).await;
    responses
        .into_iter()
        .map(Result::unwrap)
        .filter(|response| response.status() == 200)
        .collect()
}

#[tokio::test]
async fn an_instance_cannot_have_more_than_the_host_has_for_all() {
    let app = neighbours("16MiB").start().await;
    for _ in 0..3 {
        let answer = app.get("/bad/hoard").answer().await.expect(503);
        assert!(
            answer.header("retry-after").is_some(),
            "it had not reached its own limit"
        );
        assert_eq!(
            app.get("/hello").answer().await.status,
            200,
            "what it had is free again"
        );
    }
    let line = app.process.wait_for("no memory is left");
    assert!(
        line.contains("BERTH_GUEST_MEMORY") && line.contains("misbehaves"),
        "{line}"
    );
}

#[tokio::test]
async fn a_component_that_holds_all_it_can_get_leaves_its_neighbours_their_share() {
    let app = neighbours("32MiB").start().await;
    let held = hold_all(&app).await;
    assert!((1..8).contains(&held.len()), "{} of 12 were let in", held.len());
    let answers = join_all((0..20).map(|_| app.get("/hello").answer())).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    drop(held);
    assert_eq!(app.get("/bad").answer().await.status, 200);
}

#[tokio::test]
async fn a_request_that_finds_no_memory_is_answered_when_another_gives_it_back() {
    let app = neighbours("32MiB").start().await;
    let held = hold_all(&app).await;
    let path = format!("/bad/hoard?bytes={}", 16 * MIB);
    let waits = app.get(&path).answer();
    let (answer, ()) = tokio::join!(waits, async {
        // Answered on the same connections, so that the request before has been received.
        app.get("/hello").answer().await.expect(200);
        drop(held);
    });
    answer.expect(200);
}

#[tokio::test]
async fn sixteen_instances_of_60_mib_take_no_more_than_the_budget_and_give_it_back() {
    const SLACK: u64 = 24 * MIB;
    let app = neighbours("128MiB").start().await;
    join_all((0..16).map(|_| app.get("/bad").answer())).await;
    let process = format!("/proc/{}", app.process.pid());
    let resident = |line: &str| {
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let line = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    };
    let before = resident("VmRSS:");
    // Has the peak begin anew, see proc(5).
    std::fs::write(format!("{process}/clear_refs"), "5").unwrap();
    let path = format!("/bad/hoard?bytes={}", 60 * MIB);
    let answers = join_all((0..16).map(|_| app.get(&path).answer())).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 503)));
    assert!(answers.iter().any(|answer| answer.status == 200));
    let peak = resident("VmHWM:").saturating_sub(before);
    assert!(peak <= 128 * MIB + SLACK, "{} MiB", peak / MIB);
    eventually(true, async || resident("VmRSS:") <= before + SLACK).await;
}

#[tokio::test]
async fn what_spins_does_so_at_low_priority_and_ends_with_its_client() {
    let bad = Component::new("misbehaves")
        .at("/bad")
        .limited("concurrency", "1");
    let app = App::serving([bad.limited("time", "1h").limited("cpu", "1h")])
        .start()
        .await;
    let spins = app.get("/bad/loop").send();
    tokio::select! {
        answer = spins => panic!("it never answers: {answer:?}"),
        () = eventually(true, async || background_seconds(&app) >= 0.2) => {}
    }
    // There is room for one alone: it is answered because the one before has ended.
    assert_eq!(app.get("/bad").answer().await.expect(200).text(), "well-behaved");
}

/// The processor time of the threads that guests go on on, all of which have a lower priority than the host.
fn background_seconds(app: &App) -> f64 {
    let process = format!("/proc/{}", app.process.pid());
    let own = niceness(&std::fs::read_to_string(format!("{process}/stat")).unwrap());
    let tasks = std::fs::read_dir(format!("{process}/task")).unwrap();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    let mut ticks = 0;
    for stat in stats.filter(|stat| stat.contains("(background)")) {
        let times = fields(&stat);
        assert_eq!(niceness(&stat), (own + 10).min(19), "{stat}");
        ticks += times[11].parse::<u32>().unwrap() + times[12].parse::<u32>().unwrap();
    }
    f64::from(ticks) / 100.0
}

fn niceness(stat: &str) -> i32 {
    fields(stat)[16].parse().unwrap()
}

/// The fields of a line of `proc_pid_stat(5)`, from the third.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').unwrap().1.split_whitespace().collect()
}

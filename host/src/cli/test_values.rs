//! Example responses of a host, for the tests of the output.

use std::num::NonZeroU32;

use berth_rollout::report::{
    Changes, ComponentSummary, Difference, Origin, Outcome, ProbeAnswer, Replica, ReplicaState, Report, Step,
    StepReport, StepState, VersionState, VersionSummary,
};

pub(super) fn step(step: Step, state: StepState, milliseconds: f64, detail: Option<&str>) -> StepReport {
    StepReport {
        step,
        state,
        milliseconds,
        detail: detail.map(str::to_owned),
    }
}

pub(super) fn report() -> Report {
    let only = |gained: &[&str], lost: &[&str]| Difference {
        gained: strings(gained),
        lost: strings(lost),
    };
    Report {
        component: "todo".to_owned(),
        outcome: Outcome::Live,
        number: NonZeroU32::new(4),
        digest: "4a".repeat(32),
        replaced: NonZeroU32::new(3),
        steps: vec![step(Step::Live, StepState::Passed, 0.1, None)],
        failure: None,
        changes: Changes {
            imports: only(&["wasi:config/store@0.2.0-rc.1"], &["berth:cohere/chat@1.0.0"]),
            exports: only(&["todo:tasks/tasks@1.1.0"], &[]),
            migrations: only(&["3 add a column"], &[]),
        },
        probes: vec![
            ProbeAnswer {
                request: "GET /dashboard/stats".to_owned(),
                status: Some(200),
                milliseconds: 12.3,
            },
            ProbeAnswer {
                request: "GET /dashboard/stats".to_owned(),
                status: Some(200),
                milliseconds: 1.2,
            },
        ],
        milliseconds: 1240.0,
    }
}

pub(super) fn summary() -> ComponentSummary {
    let replica = |host: &str, number, state, detail: Option<&str>| Replica {
        host: host.to_owned(),
        this: host.starts_with("web-1"),
        number: NonZeroU32::new(number),
        state,
        detail: detail.map(str::to_owned),
        seen_at: "2026-11-25T09:40:00.5Z".to_owned(),
    };
    ComponentSummary {
        name: "todo".to_owned(),
        live: versions()
            .into_iter()
            .find(|version| version.state == VersionState::Live),
        wanted: NonZeroU32::new(4),
        routes: strings(&["/api/tasks/{*rest}", "/dashboard/{*rest}"]),
        capabilities: strings(&["identity", "postgres"]),
        rollout: "live on 1 of 3, 1 compiling, 1 behind".to_owned(),
        replicas: vec![
            replica("web-1/17", 3, ReplicaState::Compiling, None),
            replica("web-2/9", 4, ReplicaState::Live, None),
            replica(
                "web-3/11",
                3,
                ReplicaState::Behind,
                Some("it answers the probe with 500\u{1b}[8m"),
            ),
        ],
    }
}

pub(super) fn versions() -> Vec<VersionSummary> {
    let version = |number: u32, state, origin, by: &str, reason: Option<&str>| VersionSummary {
        number: NonZeroU32::MIN.saturating_add(number - 1),
        digest: format!("{number}b").repeat(32),
        size: 375_000 + 1000 * u64::from(number),
        state,
        origin,
        by: by.to_owned(),
        created_at: format!("2026-11-2{number}T09:36:28.918273Z"),
        live_at: Some(format!("2026-11-2{number}T09:36:30Z")),
        reason: reason.map(str::to_owned),
        kept: number > 1,
    };
    let reason = "it imports berth:cohere/chat, which is not granted:\nadd \"cohere\" to its capabilities";
    vec![
        version(
            4,
            VersionState::Refused,
            Origin::Push,
            "me@laptop\u{7}",
            Some(reason),
        ),
        version(3, VersionState::Live, Origin::Push, "me@laptop", None),
        version(2, VersionState::Retired, Origin::Push, "someone.else@desk", None),
        version(1, VersionState::Retired, Origin::Manifest, "berth.toml", None),
    ]
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

//! The parts of tests: a PostgreSQL, a host on it without routes, a fake prober, and components.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod component;
mod database;
mod prober;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use berth_runtime::{CodeCache, ComponentSpec};
use tempfile::TempDir;

pub(crate) use component::{component, importer};
pub(crate) use database::TestDatabase;
pub(crate) use prober::FakeProber;

use crate::components::Components;
use crate::live_versions::LiveVersions;
use crate::permit::SwapPermit;
use crate::plan::{Change, Plan, Source};
use crate::precedence::Precedence;
use crate::report::{Origin, VersionSummary};
use crate::rollout::{Rollout, RolloutSettings};
use crate::stages::Refused;

/// A host without routes, whose probes a fake answers.
pub(crate) struct TestHost {
    pub(crate) rollout: Arc<Rollout>,
    _code: TempDir,
}

impl TestHost {
    /// A host with this name and without live versions.
    pub(crate) fn new(database: &TestDatabase, name: &str, prober: FakeProber) -> Self {
        // Another test may have installed the provider first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let code = tempfile::tempdir().unwrap();
        let settings = RolloutSettings {
            host: name.to_owned(),
            poll_interval: Some(Duration::from_hours(1)),
            precedence: Precedence::Database,
            guest_memory: u64::MAX,
            component_connections: 2,
            code_cache: CodeCache {
                ahead: None,
                own: code.path().join("cache"),
            },
            compiler: None,
        };
        let cohere = berth_cohere::Settings::new("http://localhost:1".parse().unwrap());
        let rollout = Rollout::new(
            settings,
            &Components::default(),
            database.host(),
            berth_cohere::Client::new(cohere).unwrap(),
            berth_traces::Traces::off(),
            LiveVersions::new(&Components::default()),
            Box::new(prober),
        );
        Self {
            rollout: Arc::new(rollout.unwrap()),
            _code: code,
        }
    }

    /// The right to decide for all hosts.
    pub(crate) async fn permit(&self) -> SwapPermit {
        let exclusive = &self.rollout.exclusive;
        let swap_lock = exclusive.try_swap_lock().await.unwrap();
        SwapPermit::for_all_hosts(
            exclusive.this_host().await,
            swap_lock.unwrap_or_else(|| panic!("another swap holds the swap lock")),
        )
    }

    /// The number of a component's version that is live on this host.
    pub(crate) fn live(&self, component: &str) -> Option<u32> {
        self.rollout.live.number(component).map(NonZeroU32::get)
    }

    /// The versions in the database, newest first, as in `2 refused`.
    pub(crate) async fn history(&self, component: &str) -> Vec<String> {
        let history = self.rollout.stores.versions.history(component).await.unwrap();
        let line =
            |version: &VersionSummary| format!("{} {:?}", version.number, version.state).to_lowercase();
        history.iter().map(line).collect()
    }
}

/// The plan to have these components, each with new bytes.
pub(crate) fn plan(components: impl IntoIterator<Item = (ComponentSpec, Vec<u8>)>) -> Plan {
    let changes: Vec<_> = components
        .into_iter()
        .map(|(spec, bytes)| Change {
            spec: Arc::new(spec),
            source: Source::bytes(bytes.into(), Origin::Push, "a test"),
        })
        .collect();
    let components: Vec<_> = changes.iter().map(|change| Arc::clone(&change.spec)).collect();
    Plan::new(components.into(), changes)
}

/// The value of a swap or a stage that was not refused.
pub(crate) fn passed<T>(result: Result<T, Refused>) -> T {
    result.unwrap_or_else(|refused| panic!("{}: {:?}", refused.component, refused.failure))
}

/// The refusal of a swap or a stage.
pub(crate) fn refused<T>(result: Result<T, Refused>) -> Refused {
    result.err().unwrap_or_else(|| panic!("the swap was not refused"))
}

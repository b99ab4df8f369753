//! The resources for a component's grants, shared by its versions: a swap doubles neither its connections nor its
//! instances.

use std::sync::Arc;

use berth_database::SessionPool;
use tokio::sync::Semaphore;

use super::background::ProcessorUse;
use crate::capabilities::Services;
use crate::metrics::ComponentMetrics;
use crate::request::log_budget::LogBudget;
use crate::request::traps::Traps;
use crate::spec::ComponentSpec;

/// Instances of a version that is tried: the probed one, and those that called components call in turn.
const TRIAL_CONCURRENCY: usize = 4;

/// The database, the language models and the permits of one component. Clones share them.
#[derive(Clone)]
pub struct Resources {
    /// One permit for each instance that may live at the same time.
    pub(crate) permits: Arc<Semaphore>,
    /// The processor use of its instances.
    pub(crate) processors: ProcessorUse,
    /// Whether the version with these resources is being tried, and not live.
    pub(crate) is_trial: bool,
    /// The services behind the grants.
    pub(crate) services: Services,
    /// The component's log budget.
    pub(crate) log: LogBudget,
    /// The component's last failures.
    pub(crate) traps: Traps,
    /// The component's numbers.
    pub(crate) metrics: Arc<ComponentMetrics>,
}

impl Resources {
    /// Creates the resources of the component that `spec` describes. `database` is the component's own, `all_rows`
    /// sees the rows of all users in it, and `cohere` is the host's, each if granted. `before` are the component's
    /// resources so far, whose numbers go on.
    #[must_use]
    pub fn new(
        spec: &ComponentSpec,
        database: Option<SessionPool>,
        all_rows: Option<SessionPool>,
        cohere: Option<berth_cohere::Client>,
        before: Option<&Self>,
    ) -> Self {
        let metrics = before.map_or_else(Arc::default, |before| Arc::clone(&before.metrics));
        let log = before.map_or_else(
            || LogBudget::new(&spec.name, &spec.limits.log),
            |before| before.log.with_limits(&spec.limits.log),
        );
        let gate = log.clone();
        Self {
            permits: Arc::new(Semaphore::new(spec.limits.concurrency)),
            processors: ProcessorUse::new(),
            is_trial: false,
            services: Services {
                database,
                all_rows,
                cohere: cohere.map(|cohere| {
                    cohere
                        .logging_if(move |bytes| gate.admit(bytes))
                        .counting(Arc::clone(&metrics.cohere))
                }),
            },
            log,
            traps: Traps::new(),
            metrics,
        }
    }

    /// The component's last failures.
    #[must_use]
    pub fn traps(&self) -> &Traps {
        &self.traps
    }

    /// The component's numbers.
    #[must_use]
    pub fn metrics(&self) -> &Arc<ComponentMetrics> {
        &self.metrics
    }

    /// The pools of the component's sessions with PostgreSQL: its own, and the one that sees the rows of all users.
    #[must_use]
    pub fn session_pools(&self) -> [Option<&SessionPool>; 2] {
        [self.services.database.as_ref(), self.services.all_rows.as_ref()]
    }

    /// The resources of a version that is tried, with separate permits: its trial neither waits for requests nor delays
    /// them. `database` and `all_rows` see the changes of the version's migrations.
    #[must_use]
    pub fn for_trial(&self, database: Option<SessionPool>, all_rows: Option<SessionPool>) -> Self {
        // A trial's requests are not those of clients.
        let metrics = Arc::<ComponentMetrics>::default();
        let cohere = self.services.cohere.clone();
        Self {
            permits: Arc::new(Semaphore::new(TRIAL_CONCURRENCY)),
            processors: ProcessorUse::new(),
            is_trial: true,
            services: Services {
                database,
                all_rows,
                cohere: cohere.map(|cohere| cohere.counting(Arc::clone(&metrics.cohere))),
            },
            metrics,
            ..self.clone()
        }
    }
}

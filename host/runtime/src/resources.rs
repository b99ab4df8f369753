//! What is behind the grants of a component, shared by its versions: a swap doubles neither its connections nor its
//! instances.

use std::sync::Arc;

use berth_database::SessionPool;
use tokio::sync::Semaphore;

use crate::background::ProcessorUse;
use crate::log_budget::LogBudget;
use crate::version::ComponentSpec;

/// Instances of a version that is tried: one that is probed, and those that other components call in their turn.
const TRIAL_CONCURRENCY: usize = 4;

/// The database, the language models and the turns of one component. A clone is the same.
#[derive(Clone)]
pub struct Resources {
    /// One permit for each instance that may live at the same time.
    pub(crate) permits: Arc<Semaphore>,
    /// What its instances use of the processors.
    pub(crate) processors: ProcessorUse,
    /// Whether a version with these is tried, and not live.
    pub(crate) is_trial: bool,
    /// The component's own schema, if it is granted.
    pub(crate) database: Option<SessionPool>,
    /// The host's client, if it is granted.
    pub(crate) cohere: Option<berth_cohere::Client>,
    /// What it may write into the host's log.
    pub(crate) log: LogBudget,
}

impl Resources {
    /// Those of the component that `spec` describes. `database` is the component's own and `cohere` the host's, each if
    /// it is granted.
    #[must_use]
    pub fn new(
        spec: &ComponentSpec,
        database: Option<SessionPool>,
        cohere: Option<berth_cohere::Client>,
    ) -> Self {
        let log = LogBudget::new(&spec.name, &spec.limits.log);
        let gate = log.clone();
        Self {
            permits: Arc::new(Semaphore::new(spec.limits.concurrency)),
            processors: ProcessorUse::new(),
            is_trial: false,
            database,
            cohere: cohere.map(|cohere| cohere.logging_if(move |bytes| gate.admit(bytes))),
            log,
        }
    }

    /// The same for a version that is tried, with turns of its own: it neither waits for requests nor keeps them waiting.
    /// `database` sees what the version's migrations did.
    #[must_use]
    pub fn for_trial(&self, database: Option<SessionPool>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(TRIAL_CONCURRENCY)),
            processors: ProcessorUse::new(),
            is_trial: true,
            database,
            ..self.clone()
        }
    }
}

//! What is behind the grants of a component, shared by its versions: a swap doubles neither its connections nor its
//! instances.

use std::sync::Arc;

use berth_database::Pool;
use tokio::sync::Semaphore;

use crate::background::ProcessorUse;

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
    pub(crate) database: Option<Pool>,
    /// The host's client, if it is granted.
    pub(crate) cohere: Option<berth_cohere::Client>,
}

impl Resources {
    /// For `concurrency` instances at a time. `database` is the component's own and `cohere` the host's, each if it is
    /// granted.
    #[must_use]
    pub fn new(concurrency: usize, database: Option<Pool>, cohere: Option<berth_cohere::Client>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(concurrency)),
            processors: ProcessorUse::new(),
            is_trial: false,
            database,
            cohere,
        }
    }

    /// The same for a version that is tried, with turns of its own: it neither waits for requests nor keeps them waiting.
    /// `database` sees what the version's migrations did.
    #[must_use]
    pub fn for_trial(&self, database: Option<Pool>) -> Self {
        Self { is_trial: true, ..Self::new(TRIAL_CONCURRENCY, database, self.cohere.clone()) }
    }
}

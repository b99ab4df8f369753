//! Where an answer waits for the test: so a test decides what happens first, and no clock does.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A gate, shut at first. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets one request through: a waiting request, or else the next.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    /// Waits to be let through.
    pub(crate) async fn pass(&self) {
        // Nobody closes the semaphore, so this is always a permit.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

//! `berth serve --watch`: a directory that changes becomes the next set, as a whole.
//!
//! The directories are polled, because polling works on every file system. A change counts once two polls in a row
//! agree, so that a build that writes many files is served when it is done.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::listing::Listing;
use super::set::FileSet;
use super::tables::{FilesTable, FilesTables};

/// The pause between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// One directory under watch.
struct Watched {
    table: Arc<FilesTable>,
    /// The listing at the last poll; none if there was no readable directory.
    seen: Option<Listing>,
    /// The reason of the last failure, so that it is logged once.
    failure: Option<String>,
}

/// Makes each change of a directory live, and never returns. A directory that cannot be served is logged, and changes
/// nothing.
pub(crate) async fn follow(tables: &FilesTables) {
    let watch = |table: &Arc<FilesTable>| Watched {
        table: Arc::clone(table),
        seen: None,
        failure: None,
    };
    let mut watched: Vec<_> = tables.tables().iter().map(watch).collect();
    let mut polls = interval(POLL_INTERVAL);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        polls.tick().await;
        // Directories may be slow, so they are read on a thread that serves no requests.
        let looking = spawn_blocking(move || {
            watched.iter_mut().for_each(Watched::look);
            watched
        });
        watched = match looking.await {
            Ok(watched) => watched,
            Err(error) => {
                tracing::error!(%error, "the directories of files could not be looked at");
                return;
            }
        };
    }
}

impl Watched {
    fn look(&mut self) {
        let spec = &self.table.spec;
        let now = match Listing::read(&spec.directory) {
            Ok(now) => now,
            Err(error) => {
                self.seen = None;
                return self.fail(&error.to_string());
            }
        };
        let is_settled = self.seen.as_ref() == Some(&now);
        let is_live = *self.table.current().listing() == now;
        self.seen = Some(now);
        if is_live {
            self.failure = None;
        }
        if is_live || !is_settled {
            return;
        }
        match FileSet::read(spec) {
            Ok(set) => {
                for left_out in set.left_out() {
                    tracing::warn!(files = spec.name, "{left_out}");
                }
                let count = set.listing().count();
                self.table.publish(set);
                self.failure = None;
                tracing::info!(
                    files = spec.name,
                    count,
                    "the directory has changed, and its files are live"
                );
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }

    fn fail(&mut self, error: &str) {
        if self.failure.as_deref() != Some(error) {
            let files = &self.table.spec.name;
            tracing::error!(
                files,
                error,
                "the directory has changed, but its last files stay live"
            );
            self.failure = Some(error.to_owned());
        }
    }
}

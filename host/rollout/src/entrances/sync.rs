//! Takes the versions that other hosts on the database have made live, by the same steps as a push. The host is
//! notified of them and also polls. A host that cannot take a version stays on the version that it has.

use std::collections::BTreeMap;
use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use berth_database::{Listener, StorageError};
use berth_runtime::{ComponentSpec, digest};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::permit::SwapPermit;
use crate::plan::{Change, Plan, Source, StoredVersion};
use crate::precedence::Precedence;
use crate::rollout::Rollout;
use crate::stages::Refused;
use crate::stores::Versions;
use crate::swap::swap;

/// The shortest pause between two polls that notifications ask for.
const MIN_POLL_PAUSE: Duration = Duration::from_millis(200);

/// The pause before a broken connection is opened again.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Keeps this host on the versions that all hosts on the database shall have.
pub struct HostSync {
    rollout: Arc<Rollout>,
    /// Versions that this host could not take, by component. It does not try them again, because they would fail again.
    cannot_take: BTreeMap<String, NonZeroU32>,
}

impl HostSync {
    /// Makes the only value of this host.
    #[must_use]
    pub fn new(rollout: Arc<Rollout>) -> Self {
        Self {
            rollout,
            cannot_take: BTreeMap::new(),
        }
    }

    /// Follows the other hosts, and never returns. Does nothing if this host is alone on its database.
    pub async fn follow(mut self) {
        let Some(poll_interval) = self.rollout.stores.hosts.poll_interval() else {
            return pending().await;
        };
        let mut polls = interval(poll_interval);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let versions = self.rollout.stores.versions.clone();
        let mut listener = None;
        loop {
            tokio::select! {
                _ = polls.tick() => {}
                () = hear(&versions, &mut listener) => {}
            }
            self.poll().await;
            // Any role of the database can notify. However often a role does, the host polls once for each pause.
            while has_heard_within(MIN_POLL_PAUSE, &versions, &mut listener).await {
                self.poll().await;
            }
        }
    }

    async fn poll(&mut self) {
        if let Err(error) = self.catch_up().await {
            tracing::warn!(%error, "the database does not say which versions are live: looking again later");
        }
    }

    /// Takes the versions that are live elsewhere and not here, and reports this host's state to the other hosts.
    async fn catch_up(&mut self) -> Result<(), StorageError> {
        for (component, stored) in self.rollout.stores.versions.live().await? {
            if self.cannot_take.get(&component) != Some(&stored.number) {
                self.take(component, stored).await?;
            }
        }
        self.rollout.report().await?;
        self.rollout.observe().await;
        Ok(())
    }

    async fn take(&mut self, name: String, stored: StoredVersion) -> Result<(), StorageError> {
        let rollout = &*self.rollout;
        let this_host = rollout.exclusive.this_host().await;
        let components = rollout.live.components();
        let Some(spec) = components.find(&name).cloned() else {
            return Ok(());
        };
        // The database is asked only now, because the notification may have come from a swap on this host, and last,
        // because most often there is nothing to take.
        if rollout
            .live
            .number(&name)
            .is_none_or(|number| number == stored.number)
            || rollout.stores.versions.live().await?.get(&name) != Some(&stored)
        {
            return Ok(());
        }
        let statuses = rollout.live.statuses();
        statuses.set_wanted(&name, stored.number);
        rollout.report().await?;
        let change = Change {
            spec: Arc::clone(&spec),
            source: Source::Live(stored.clone()),
        };
        let permit = SwapPermit::for_this_host(this_host);
        match swap(rollout, permit, Plan::new(components, vec![change])).await {
            Ok(_) => warn_of_file(rollout, &spec, &stored).await,
            // The permit lasts until the status is set, so that no other swap sets the status before.
            Err(Refused {
                failure,
                permit: _permit,
                ..
            }) => {
                let why = format!("{}: {}", failure.step.as_str(), failure.reason);
                statuses.set_behind(&name, &why);
                if !failure.temporary {
                    self.cannot_take.insert(name, stored.number);
                }
            }
        }
        Ok(())
    }
}

/// Logs that a developer's file no longer runs, because another host has made `live` the version of all hosts.
async fn warn_of_file(rollout: &Rollout, spec: &ComponentSpec, live: &StoredVersion) {
    let ComponentSpec { name, source, .. } = spec;
    if rollout.precedence == Precedence::Database {
        return;
    }
    if tokio::fs::read(source)
        .await
        .is_ok_and(|bytes| digest(&bytes) != live.digest)
    {
        let (live_version, path) = (live.number, source.display());
        tracing::warn!(
            component = name,
            live_version,
            "another host on this database has made version {live_version} live, and it runs here in place of {path}: \
             start this host again to run the file, or set BERTH_FOLLOW_INTERVAL=off to follow no other host"
        );
    }
}

/// Waits for `pause`. Returns whether a notification arrived meanwhile.
async fn has_heard_within(pause: Duration, versions: &Versions, listener: &mut Option<Listener>) -> bool {
    let mut has_heard = false;
    let hearing = async {
        while listener.is_some() {
            hear(versions, listener).await;
            has_heard = true;
        }
        pending::<()>().await;
    };
    let _ = timeout(pause, hearing).await;
    has_heard
}

/// Returns after a notification, or when the connection was reopened, because it may have missed a notification.
async fn hear(versions: &Versions, listener: &mut Option<Listener>) {
    match listener {
        Some(listening) => {
            if let Err(error) = listening.heard().await {
                tracing::debug!(%error, "the connection that listens has broken");
                *listener = None;
                sleep(RECONNECT_PAUSE).await;
            }
        }
        None => match versions.listen().await {
            Ok(Some(opened)) => *listener = Some(opened),
            // The host only polls, once for each interval.
            Ok(None) => pending().await,
            Err(error) => {
                tracing::debug!(%error, "the connection that listens cannot be opened");
                sleep(RECONNECT_PAUSE).await;
            }
        },
    }
}

#[cfg(test)]
mod tests;

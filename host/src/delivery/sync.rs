//! What other hosts on the same database have made live: heard of at once, looked for now and then, and taken by the same
//! steps as a push. A version that this host cannot take leaves it on the one that it has.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_database::Listener;
use berth_runtime::digest;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::plan::{Change, Plan, Source};
use super::swap::{Refused, swap};
use super::versions::{CHANNEL, StoredVersion};
use super::{Delivery, Precedence};
use crate::config::Component;
use crate::storage::StorageError;

/// How many looks a host may miss before the others count it as gone.
const MISSED_LOOKS: u32 = 3;

/// How long a host that ends tries to say so.
const FAREWELL: Duration = Duration::from_secs(1);

/// The shortest time from one look to the next that a notification asks for.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// The pause before a broken connection is opened again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Versions that this host could not take: it does not try them again, since they would fail again.
type CannotTake = BTreeMap<String, u32>;

impl Delivery {
    /// Follows the other hosts for ever, unless this one is alone on its database.
    pub async fn follow(&self) {
        match self.follow_interval {
            Some(interval) => self.follow_every(interval).await,
            None => std::future::pending().await,
        }
    }

    /// Tells the other hosts that this one ends. If that takes too long, they will find out.
    pub async fn leave(&self) {
        if self.follow_interval.is_some() && timeout(FAREWELL, self.replicas.leave()).await.is_err() {
            tracing::debug!("the other hosts could not be told that this one ends");
        }
    }

    async fn follow_every(&self, every: Duration) {
        let mut looks = interval(every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cannot_take = CannotTake::new();
        let mut listener = None;
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = self.heard(&mut listener) => {}
            }
            self.look(&mut cannot_take, every).await;
            // Any role of the database can notify. However often one does, there is one look for each pause.
            while self.heard_within(&mut listener, LOOK_PAUSE).await {
                self.look(&mut cannot_take, every).await;
            }
        }
    }

    async fn look(&self, cannot_take: &mut CannotTake, every: Duration) {
        if let Err(error) = self.catch_up(cannot_take, every).await {
            tracing::warn!(%error, "the database does not say which versions are live: looking again later");
        }
    }

    /// Lets `pause` pass. Returns whether anything was heard meanwhile.
    async fn heard_within(&self, listener: &mut Option<Listener>, pause: Duration) -> bool {
        let mut has_heard = false;
        let hearing = async {
            while listener.is_some() {
                self.heard(listener).await;
                has_heard = true;
            }
            std::future::pending::<()>().await;
        };
        let _ = timeout(pause, hearing).await;
        has_heard
    }

    /// Returns when something may have happened: somebody said so, or the connection was opened anew and may have missed it.
    async fn heard(&self, listener: &mut Option<Listener>) {
        match listener {
            Some(listening) => {
                if let Err(error) = listening.heard().await {
                    tracing::debug!(%error, "the connection that listens has broken");
                    *listener = None;
                    sleep(RECONNECT).await;
                }
            }
            None => match Listener::open(&self.server, CHANNEL).await {
                Ok(Some(opened)) => *listener = Some(opened),
                // There are only the looks, one for each interval.
                Ok(None) => std::future::pending().await,
                Err(error) => {
                    tracing::debug!(%error, "the connection that listens cannot be opened");
                    sleep(RECONNECT).await;
                }
            },
        }
    }

    /// Takes what is live elsewhere and not here, and tells the other hosts how far this one is.
    async fn catch_up(&self, cannot_take: &mut CannotTake, every: Duration) -> Result<(), StorageError> {
        for (component, known) in self.versions.live().await? {
            if cannot_take.get(&component) != Some(&known.number) {
                self.take(component, known, cannot_take, every).await?;
            }
        }
        self.tell(every).await
    }

    async fn take(
        &self,
        name: String,
        known: StoredVersion,
        cannot_take: &mut CannotTake,
        every: Duration,
    ) -> Result<(), StorageError> {
        let here = self.one_at_a_time.lock().await;
        let manifest = self.manifest.load_full();
        let Some(component) = manifest.components.iter().find(|component| component.name == name) else {
            return Ok(());
        };
        // Only now, since a swap on this host may have been the one that was heard of. The database is asked last: most
        // often there is nothing to take.
        if self.live(&name).is_none_or(|version| version.number() == known.number)
            || self.versions.live().await?.get(&name) != Some(&known)
        {
            return Ok(());
        }
        let number = known.number;
        self.app.statuses().set_wanted(&name, number);
        self.tell(every).await?;
        let changes = vec![Change { component: component.clone(), source: Source::Live(known.clone()) }];
        match swap(self, &here, Plan::of(manifest.clone(), changes)).await {
            Ok(_) => self.warn_of_file(component, &known).await,
            Err(Refused { failure, .. }) => {
                let why = format!("{}: {}", failure.step.as_str(), failure.reason);
                self.app.statuses().set_behind(&name, &why);
                if !failure.temporary {
                    cannot_take.insert(name, number);
                }
            }
        }
        Ok(())
    }

    /// Logs that a developer's file is not what runs any more, since another host has made `live` the version of all.
    async fn warn_of_file(&self, component: &Component, live: &StoredVersion) {
        let Component { name, source, .. } = component;
        if self.precedence == Precedence::Database {
            return;
        }
        if tokio::fs::read(source).await.is_ok_and(|bytes| digest(&bytes) != live.digest) {
            let (live_version, path) = (live.number, source.display());
            tracing::warn!(
                component = name,
                live_version,
                "another host on this database has made version {live_version} live, and it runs here in place of {path}: \
                 start this host again to run the file, or set BERTH_FOLLOW_INTERVAL=off to follow no other host"
            );
        }
    }

    /// Tells the other hosts how far this one is, if it follows them.
    pub(super) async fn tell_others(&self) {
        if let Some(every) = self.follow_interval
            && let Err(error) = self.tell(every).await
        {
            tracing::debug!(%error, "the other hosts could not be told of a swap");
        }
    }

    async fn tell(&self, every: Duration) -> Result<(), StorageError> {
        self.replicas.tell(&self.app.statuses().all(), every * MISSED_LOOKS).await
    }
}

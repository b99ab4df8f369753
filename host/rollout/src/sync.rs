//! Takes the versions that other hosts on the database have made live, by the same steps as a push. The host is
//! notified of them and also polls. A host that cannot take a version stays on the version that it has.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_database::{Listener, StorageError};
use berth_runtime::{ComponentSpec, digest};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::plan::{Change, Plan, Source};
use super::swap::{Refused, swap};
use super::versions::{CHANNEL, StoredVersion};
use super::{Delivery, Precedence};

/// How many polls a host may miss before the others count it as gone.
const MISSED_LOOKS: u32 = 3;

/// How long a host that ends tries to report its end.
const FAREWELL: Duration = Duration::from_secs(1);

/// The shortest pause between two polls that notifications ask for.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// The pause before a broken connection is opened again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Versions that this host could not take, by component. It does not try them again, because they would fail again.
type CannotTake = BTreeMap<String, u32>;

impl Delivery {
    /// Follows the other hosts and never returns, unless this host is alone on its database.
    pub async fn follow(&self) {
        match self.follow_interval {
            Some(interval) => self.follow_every(interval).await,
            None => std::future::pending().await,
        }
    }

    /// Reports to the other hosts that this host ends. If that takes too long, its report expires.
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
            // Any role of the database can notify. However often a role does, the host polls once for each pause.
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

    /// Waits for `pause`. Returns whether a notification arrived meanwhile.
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

    /// Returns after a notification, or when the connection was reopened, because it may have missed a notification.
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
                // The host only polls, once for each interval.
                Ok(None) => std::future::pending().await,
                Err(error) => {
                    tracing::debug!(%error, "the connection that listens cannot be opened");
                    sleep(RECONNECT).await;
                }
            },
        }
    }

    /// Takes the versions that are live elsewhere and not here, and reports this host's state to the other hosts.
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
        let Some(component) = manifest
            .components
            .iter()
            .find(|component| component.name == name)
        else {
            return Ok(());
        };
        // The database is asked only now, because the notification may have come from a swap on this host, and last,
        // because most often there is nothing to take.
        if self
            .live(&name)
            .is_none_or(|version| version.number() == known.number)
            || self.versions.live().await?.get(&name) != Some(&known)
        {
            return Ok(());
        }
        let number = known.number;
        self.app.statuses().set_wanted(&name, number);
        self.tell(every).await?;
        let changes = vec![Change {
            component: component.clone(),
            source: Source::Live(known.clone()),
        }];
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

    /// Logs that a developer's file no longer runs, because another host has made `live` the version of all hosts.
    async fn warn_of_file(&self, component: &ComponentSpec, live: &StoredVersion) {
        let ComponentSpec { name, source, .. } = component;
        if self.precedence == Precedence::Database {
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

    /// Reports this host's state to the other hosts, if this host follows them.
    pub(super) async fn tell_others(&self) {
        if let Some(every) = self.follow_interval
            && let Err(error) = self.tell(every).await
        {
            tracing::debug!(%error, "the other hosts could not be told of a swap");
        }
    }

    async fn tell(&self, every: Duration) -> Result<(), StorageError> {
        self.replicas
            .tell(&self.app.statuses().all(), every * MISSED_LOOKS)
            .await
    }
}

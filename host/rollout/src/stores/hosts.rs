//! The state of each component on each host of the database, as the hosts report it: `berth.component_replicas`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use berth_database::{Pool, StorageError, with_connection};
use jiff::{Timestamp, Unit};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::versions::optional_number;
use crate::report::{Replica, ReplicaState};
use crate::status::Status;

/// How many polls a host may miss before the others count it as gone.
const MAX_MISSED_POLLS: u32 = 3;

/// The hosts on a database, seen from one of them.
#[derive(Clone)]
pub(crate) struct Hosts {
    pool: Pool,
    /// This host's name.
    host: String,
    /// How often this host polls. None for a host that is alone on its database, which reports nothing.
    poll_interval: Option<Duration>,
}

impl Hosts {
    /// Selects the hosts on the host's own database; `host` is its own name among them.
    pub(crate) fn new(pool: Pool, host: String, poll_interval: Option<Duration>) -> Self {
        Self {
            pool,
            host,
            poll_interval,
        }
    }

    /// This host's name.
    pub(crate) fn this_host(&self) -> &str {
        &self.host
    }

    /// How often this host polls. None for a host that is alone on its database.
    pub(crate) fn poll_interval(&self) -> Option<Duration> {
        self.poll_interval
    }

    /// Reports the state of this host, unless it is alone on its database. The host counts as gone when it misses three
    /// polls. Deletes the rows of hosts that are gone.
    pub(crate) async fn report(&self, statuses: &BTreeMap<String, Status>) -> Result<(), StorageError> {
        let Some(poll_interval) = self.poll_interval else {
            return Ok(());
        };
        let lifetime = poll_interval * MAX_MISSED_POLLS;
        let components: Vec<&str> = statuses.keys().map(String::as_str).collect();
        let statuses = || statuses.values();
        let numbers: Vec<Option<i32>> = statuses()
            .map(|one| one.live.and_then(|number| i32::try_from(number.get()).ok()))
            .collect();
        let states: Vec<&str> = statuses().map(|one| one.state.as_str()).collect();
        let details: Vec<Option<&str>> = statuses().map(|one| one.detail.as_deref()).collect();
        with_connection(&self.pool, async |connection| {
            sqlx::query(
                "WITH gone AS (
                     DELETE FROM berth.component_replicas
                     WHERE expires_at < now() OR host = $1 AND component <> ALL ($2))
                 INSERT INTO berth.component_replicas
                     (host, component, number, state, detail, seen_at, expires_at)
                 SELECT $1, component, number, state, detail, now(), now() + make_interval(secs => $6)
                 FROM unnest($2, $3, $4, $5) AS told (component, number, state, detail)
                 ON CONFLICT (host, component) DO UPDATE SET
                     number = excluded.number, state = excluded.state, detail = excluded.detail,
                     seen_at = excluded.seen_at, expires_at = excluded.expires_at",
            )
            .bind(&self.host)
            .bind(components)
            .bind(numbers)
            .bind(states)
            .bind(details)
            .bind(lifetime.as_secs_f64())
            .execute(connection)
            .await
            .map(drop)
        })
        .await
    }

    /// Deletes the report of this host, which ends.
    pub(crate) async fn leave(&self) -> Result<(), StorageError> {
        if self.poll_interval.is_none() {
            return Ok(());
        }
        with_connection(&self.pool, async |connection| {
            sqlx::query("DELETE FROM berth.component_replicas WHERE host = $1")
                .bind(&self.host)
                .execute(connection)
                .await
                .map(drop)
        })
        .await
    }

    /// The state of every host that has reported lately, by component.
    pub(crate) async fn all(&self) -> Result<BTreeMap<String, Vec<Replica>>, StorageError> {
        let rows = with_connection(&self.pool, async |connection| {
            sqlx::query(
                "SELECT component, host, number, state, detail,
                        to_char(seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
                 FROM berth.component_replicas WHERE expires_at >= now() ORDER BY component, host",
            )
            .fetch_all(connection)
            .await
        });
        let mut all: BTreeMap<String, Vec<Replica>> = BTreeMap::new();
        for row in rows.await? {
            all.entry(row.try_get(0)?).or_default().push(self.replica(&row)?);
        }
        Ok(all)
    }

    /// This host, with `status` as its present state.
    pub(crate) fn this(&self, status: Status) -> Replica {
        let Status {
            live, state, detail, ..
        } = status;
        let now = Timestamp::now();
        let seen_at = now.round(Unit::Microsecond).unwrap_or(now).to_string();
        Replica {
            host: self.host.clone(),
            this: true,
            number: live,
            state,
            detail,
            seen_at,
        }
    }

    fn replica(&self, row: &PgRow) -> sqlx::Result<Replica> {
        let host: String = row.try_get(1)?;
        Ok(Replica {
            this: host == self.host,
            host,
            number: optional_number(row, 2)?,
            state: match row.try_get(3)? {
                "live" => ReplicaState::Live,
                "behind" => ReplicaState::Behind,
                _ => ReplicaState::Compiling,
            },
            detail: row.try_get(4)?,
            seen_at: row.try_get(5)?,
        })
    }
}

/// The state of a rollout in words: `live on 2 of 3, 1 compiling`.
pub(crate) fn in_words(replicas: &[Replica], wanted: Option<NonZeroU32>) -> String {
    let count = |state| replicas.iter().filter(|replica| replica.state == state).count();
    let live = replicas
        .iter()
        .filter(|one| one.state == ReplicaState::Live && one.number == wanted)
        .count();
    let mut words = format!("live on {live} of {}", replicas.len());
    // A host that has not heard of the version yet is about to compile it.
    let compiling = replicas.len() - live - count(ReplicaState::Behind);
    for (count, word) in [(compiling, "compiling"), (count(ReplicaState::Behind), "behind")] {
        if count > 0 {
            let _ = write!(words, ", {count} {word}");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(number: u32, state: ReplicaState) -> Replica {
        let host = "host".to_owned();
        Replica {
            host,
            this: false,
            number: NonZeroU32::new(number),
            state,
            detail: None,
            seen_at: String::new(),
        }
    }

    #[test]
    fn a_rollout_is_told_by_how_many_hosts_are_how_far() {
        use ReplicaState::{Behind, Compiling, Live};
        let told = |replicas: &[Replica]| in_words(replicas, NonZeroU32::new(2));
        assert_eq!(told(&[replica(2, Live), replica(2, Live)]), "live on 2 of 2");
        assert_eq!(
            told(&[replica(2, Live), replica(1, Compiling), replica(2, Live)]),
            "live on 2 of 3, 1 compiling"
        );
        assert_eq!(
            told(&[replica(1, Live), replica(1, Behind), replica(2, Live)]),
            "live on 1 of 3, 1 compiling, 1 behind"
        );
    }
}

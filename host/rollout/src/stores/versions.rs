//! The versions of every component, as the database stores them: `berth.component_versions`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use berth_database::{Listener, Pool, Server, StorageError, SwapLock, with_connection};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use crate::plan::{NewBytes, StoredVersion};
use crate::report::{Origin, VersionState, VersionSummary};

/// The channel of notifications that another version has gone live. Listeners then read the table.
const CHANNEL: &str = "berth_versions";

/// How many versions of a component keep their bytes, including the live version.
const MAX_KEPT_VERSIONS: i64 = 10;

/// How many refused versions of a component are kept.
const MAX_REFUSED_VERSIONS: i64 = 20;

/// The columns of a [`VersionSummary`], in the order in which [`summary`] reads them.
macro_rules! select_summary {
    ($rest:literal) => {
        concat!(
            "SELECT number, digest, size, state, origin, brought_by, ",
            "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), ",
            "to_char(live_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), ",
            "reason, bytes IS NOT NULL FROM berth.component_versions ",
            $rest
        )
    };
}

/// The versions in a database.
#[derive(Clone)]
pub(crate) struct Versions {
    pool: Pool,
    server: Server,
}

impl Versions {
    /// Selects the versions in the host's own database.
    pub(crate) fn new(pool: Pool, server: Server) -> Self {
        Self { pool, server }
    }

    /// Listens for notifications that another version has gone live. None if the database is behind a pooler and has no
    /// direct address.
    pub(crate) async fn listen(&self) -> sqlx::Result<Option<Listener>> {
        Listener::open(&self.server, CHANNEL).await
    }

    /// The version of each component that all hosts shall have.
    pub(crate) async fn live(&self) -> Result<BTreeMap<String, StoredVersion>, StorageError> {
        let rows = with_connection(&self.pool, async |connection| {
            sqlx::query("SELECT component, number, digest FROM berth.component_versions WHERE state = 'live'")
                .fetch_all(connection)
                .await
        });
        let known = |row: &PgRow| {
            Ok((
                row.try_get(0)?,
                StoredVersion {
                    number: number(row, 1)?,
                    digest: row.try_get(2)?,
                },
            ))
        };
        Ok(rows.await?.iter().map(known).collect::<sqlx::Result<_>>()?)
    }

    /// How many versions of each component keep their bytes.
    pub(crate) async fn kept(&self) -> Result<BTreeMap<String, u64>, StorageError> {
        let rows = with_connection(&self.pool, async |connection| {
            sqlx::query(
                "SELECT component, count(*) FROM berth.component_versions WHERE bytes IS NOT NULL GROUP BY component",
            )
            .fetch_all(connection)
            .await
        });
        let kept = |row: &PgRow| {
            let count: i64 = row.try_get(1)?;
            Ok((row.try_get(0)?, count.unsigned_abs()))
        };
        Ok(rows.await?.iter().map(kept).collect::<sqlx::Result<_>>()?)
    }

    /// Every stored version of a component, newest first.
    pub(crate) async fn history(&self, component: &str) -> Result<Vec<VersionSummary>, StorageError> {
        let rows = with_connection(&self.pool, async |connection| {
            sqlx::query(select_summary!("WHERE component = $1 ORDER BY number DESC"))
                .bind(component)
                .fetch_all(connection)
                .await
        });
        Ok(rows.await?.iter().map(summary).collect::<sqlx::Result<_>>()?)
    }

    /// The version that has these bytes.
    pub(crate) async fn with_digest(
        &self,
        component: &str,
        digest: &str,
    ) -> Result<Option<VersionSummary>, StorageError> {
        let row = with_connection(&self.pool, async |connection| {
            sqlx::query(select_summary!("WHERE component = $1 AND digest = $2"))
                .bind(component)
                .bind(digest)
                .fetch_optional(connection)
                .await
        });
        Ok(row.await?.as_ref().map(summary).transpose()?)
    }

    /// The bytes of a version, if they are kept.
    pub(crate) async fn bytes(
        &self,
        component: &str,
        number: NonZeroU32,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let row = with_connection(&self.pool, async |connection| {
            sqlx::query("SELECT bytes FROM berth.component_versions WHERE component = $1 AND number = $2")
                .bind(component)
                .bind(i64::from(number.get()))
                .fetch_optional(connection)
                .await
        });
        Ok(row.await?.map(|row| row.try_get(0)).transpose()?.flatten())
    }

    /// Returns the number of these bytes, or gives them the next number. The caller must hold the swap lock.
    pub(crate) async fn stage(&self, component: &str, new: &NewBytes) -> Result<NonZeroU32, StorageError> {
        let NewBytes {
            bytes,
            digest,
            origin,
            by,
        } = new;
        let row = with_connection(&self.pool, async |connection| {
            sqlx::query(
                "INSERT INTO berth.component_versions
                     (component, number, digest, size, state, origin, brought_by)
                 SELECT $1, coalesce(max(number), 0) + 1, $2, $3, 'staged', $4, $5
                 FROM berth.component_versions WHERE component = $1
                 ON CONFLICT (component, digest) DO UPDATE SET
                     state = CASE component_versions.state WHEN 'refused' THEN 'staged'
                                                           ELSE component_versions.state END,
                     reason = NULL
                 RETURNING number",
            )
            .bind(component)
            .bind(digest)
            .bind(i64::try_from(bytes.len()).unwrap_or(i64::MAX))
            .bind(origin.as_str())
            .bind(by)
            .fetch_one(connection)
            .await
        });
        Ok(number(&row.await?, 0)?)
    }

    /// Stores that a staged version was refused, and deletes the oldest refused versions beyond the limit.
    pub(crate) async fn refuse(
        &self,
        component: &str,
        number: NonZeroU32,
        reason: &str,
    ) -> Result<(), StorageError> {
        with_connection(&self.pool, async |connection| {
            sqlx::query(
                "UPDATE berth.component_versions SET state = 'refused', reason = $3
                 WHERE component = $1 AND number = $2 AND state = 'staged'",
            )
            .bind(component)
            .bind(i64::from(number.get()))
            .bind(reason)
            .execute(&mut *connection)
            .await?;
            sqlx::query(
                "DELETE FROM berth.component_versions WHERE component = $1 AND number IN (
                     SELECT number FROM berth.component_versions WHERE component = $1 AND state = 'refused'
                     ORDER BY number DESC OFFSET $2)",
            )
            .bind(component)
            .bind(MAX_REFUSED_VERSIONS)
            .execute(connection)
            .await
            .map(drop)
        })
        .await
    }

    /// Refuses staged versions of a host that ended in the middle of a swap. The caller must hold the swap lock.
    pub(crate) async fn refuse_left_over(&self) -> Result<(), StorageError> {
        with_connection(&self.pool, async |connection| {
            sqlx::query(
                "UPDATE berth.component_versions SET state = 'refused', reason = 'the host ended in the middle of it'
                 WHERE state = 'staged'",
            )
            .execute(connection)
            .await
            .map(drop)
        })
        .await
    }
}

/// Makes a version the live version for all hosts, stores its bytes if they are new, and notifies the hosts. All of it
/// takes effect when `swap_lock` is committed.
pub(crate) async fn make_live(
    swap_lock: &mut SwapLock,
    component: &str,
    number: NonZeroU32,
    bytes: Option<&[u8]>,
) -> sqlx::Result<()> {
    let connection: &mut PgConnection = swap_lock.connection();
    sqlx::query(
        "UPDATE berth.component_versions SET state = 'retired' WHERE component = $1 AND state = 'live'",
    )
    .bind(component)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE berth.component_versions
         SET state = 'live', live_at = clock_timestamp(), reason = NULL, bytes = coalesce($3, bytes)
         WHERE component = $1 AND number = $2",
    )
    .bind(component)
    .bind(i64::from(number.get()))
    .bind(bytes)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE berth.component_versions SET bytes = NULL WHERE component = $1 AND number IN (
             SELECT number FROM berth.component_versions WHERE component = $1 AND bytes IS NOT NULL
             ORDER BY live_at DESC NULLS LAST OFFSET $2)",
    )
    .bind(component)
    .bind(MAX_KEPT_VERSIONS)
    .execute(&mut *connection)
    .await?;
    sqlx::query("SELECT pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(connection)
        .await
        .map(drop)
}

fn summary(row: &PgRow) -> sqlx::Result<VersionSummary> {
    Ok(VersionSummary {
        number: number(row, 0)?,
        digest: row.try_get(1)?,
        size: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or_default(),
        state: match row.try_get(3)? {
            "live" => VersionState::Live,
            "retired" => VersionState::Retired,
            "refused" => VersionState::Refused,
            _ => VersionState::Staged,
        },
        origin: if row.try_get::<&str, _>(4)? == "push" {
            Origin::Push
        } else {
            Origin::Manifest
        },
        by: row.try_get(5)?,
        created_at: row.try_get(6)?,
        live_at: row.try_get(7)?,
        reason: row.try_get(8)?,
        kept: row.try_get(9)?,
    })
}

/// A version's number, which is an `integer` above 0 in the table.
pub(super) fn number(row: &PgRow, column: usize) -> sqlx::Result<NonZeroU32> {
    optional_number(row, column)?.ok_or_else(|| sqlx::Error::ColumnDecode {
        index: column.to_string(),
        source: "it is not the number of a version".into(),
    })
}

/// A version's number, where the column may be NULL.
pub(super) fn optional_number(row: &PgRow, column: usize) -> sqlx::Result<Option<NonZeroU32>> {
    let number: Option<i32> = row.try_get(column)?;
    Ok(number
        .and_then(|number| u32::try_from(number).ok())
        .and_then(NonZeroU32::new))
}

//! The reports of the last swaps on every host of the database: `berth.swap_reports`.

use std::time::Duration;

use berth_database::{Pool, StorageError, with_connection};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio::time::timeout;

use crate::report::{Report, SwapSummary};

/// How many reports of a component are kept.
const MAX_REPORTS: i64 = 50;

/// How long a swap waits until its report is stored. The database may be what the swap failed for.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// The reports in a database.
#[derive(Clone)]
pub(crate) struct Reports {
    pool: Pool,
    /// The name of this host.
    host: String,
}

impl Reports {
    /// Selects the reports in the host's own database.
    pub(crate) fn new(pool: Pool, host: String) -> Self {
        Self { pool, host }
    }

    /// Stores the reports of a swap as well as possible, and deletes the oldest ones beyond the limit. A refusal is
    /// stored once, however often this host tries again.
    pub(crate) async fn add(&self, reports: &[Report]) {
        let stored = timeout(STORE_TIMEOUT, async {
            for report in reports {
                self.try_add(report).await?;
            }
            Ok::<_, StorageError>(())
        });
        match stored.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the report of a swap could not be stored"),
            Err(_) => tracing::warn!("the report of a swap could not be stored in time"),
        }
    }

    async fn try_add(&self, report: &Report) -> Result<(), StorageError> {
        // Every field of a report has a JSON form.
        let text = serde_json::to_string(report).unwrap_or_default();
        with_connection(&self.pool, async |connection| {
            sqlx::query(
                "WITH added AS (
                     INSERT INTO berth.swap_reports (component, host, report)
                     SELECT $1, $2, new.report FROM (SELECT $3::jsonb AS report) AS new
                     WHERE new.report->>'outcome' <> 'refused' OR NOT EXISTS (
                         SELECT FROM (
                             SELECT host, report FROM berth.swap_reports
                             WHERE component = $1 ORDER BY id DESC LIMIT 1) AS last
                         WHERE last.host = $2 AND last.report->'digest' = new.report->'digest'
                             AND last.report->'failure' = new.report->'failure')
                     RETURNING id)
                 DELETE FROM berth.swap_reports WHERE component = $1 AND id IN (
                     SELECT id FROM berth.swap_reports WHERE component = $1 ORDER BY id DESC
                     OFFSET $4 - (SELECT count(*) FROM added))",
            )
            .bind(&report.component)
            .bind(&self.host)
            .bind(text)
            .bind(MAX_REPORTS)
            .execute(connection)
            .await
            .map(drop)
        })
        .await
    }

    /// The reports of a component, newest first.
    pub(crate) async fn of(&self, component: &str) -> Result<Vec<SwapSummary>, StorageError> {
        let rows = with_connection(&self.pool, async |connection| {
            sqlx::query(
                "SELECT host, to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), report::text
                 FROM berth.swap_reports WHERE component = $1 ORDER BY id DESC LIMIT $2",
            )
            .bind(component)
            .bind(MAX_REPORTS)
            .fetch_all(connection)
            .await
        });
        let summaries = rows
            .await?
            .iter()
            .map(summary)
            .collect::<sqlx::Result<Vec<_>>>()?;
        Ok(summaries.into_iter().flatten().collect())
    }
}

/// The swap of a row. None if a host of another version wrote the report, and this host cannot read it.
fn summary(row: &PgRow) -> sqlx::Result<Option<SwapSummary>> {
    let Ok(report) = serde_json::from_str(row.try_get(2)?) else {
        return Ok(None);
    };
    Ok(Some(SwapSummary {
        host: row.try_get(0)?,
        ended_at: row.try_get(1)?,
        report,
    }))
}

//! A draft of an entry, which only its author sees.
//!
//! The SQL has no `WHERE user_id = …`: the manifest's `rows` has PostgreSQL add the condition to every statement. A new
//! draft belongs to the caller by the default of its column.

use berth_sdk::contract::Timestamp;
use berth_sdk::postgres::{self, Statement};
use serde::{Deserialize, Serialize};

use crate::entry::{self, Entry, NewEntry, PAGE_ENTRIES};

const COLUMNS: &str = "id, text, stars, written_at";

/// A draft.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(crate) struct Draft {
    id: i64,
    text: String,
    #[cfg_attr(test, schema(minimum = 1, maximum = 5))]
    stars: Option<i32>,
    #[cfg_attr(test, schema(value_type = String, format = DateTime))]
    written_at: Timestamp,
}

/// The latest drafts of the caller.
pub(crate) fn latest() -> Result<Vec<Draft>, postgres::Error> {
    Statement::new("SELECT ")
        .and(COLUMNS)
        .and(" FROM drafts ORDER BY id DESC LIMIT ")
        .value(PAGE_ENTRIES)
        .fetch_all()
}

/// Writes a draft of the caller, and returns the draft.
pub(crate) fn write(draft: NewEntry) -> Result<Draft, postgres::Error> {
    Statement::new("INSERT INTO drafts (text, stars) VALUES (")
        .value(draft.text)
        .and(", ")
        .value(draft.stars)
        .and("::bigint) RETURNING ")
        .and(COLUMNS)
        .fetch_one()
}

/// Makes a draft of the caller an entry that everybody reads. `None` if the caller has no such draft.
pub(crate) fn publish(author: &str, id: i64) -> Result<Option<Entry>, postgres::Error> {
    Statement::new("WITH draft AS (DELETE FROM drafts WHERE id = ")
        .value(id)
        .and(" RETURNING text, stars) INSERT INTO entries (author, text, stars) SELECT ")
        .value(author)
        .and(", text, stars FROM draft RETURNING ")
        .and(entry::COLUMNS)
        .fetch_optional()
}

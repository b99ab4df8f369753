//! An entry of the guestbook, the rules for a new one, and the SQL.

use berth_sdk::contract::{Fields, Integer, Text, Timestamp, Violations};
use berth_sdk::postgres::{self, Statement};
use serde::{Deserialize, Serialize};

/// The most entries of a response.
pub(crate) const PAGE_ENTRIES: i64 = 50;

pub(crate) const COLUMNS: &str = "id, author, text, stars, written_at";

/// An entry.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(crate) struct Entry {
    id: i64,
    /// The author's `sub`.
    author: String,
    text: String,
    #[cfg_attr(test, schema(minimum = 1, maximum = 5))]
    stars: Option<i32>,
    #[cfg_attr(test, schema(value_type = String, format = DateTime))]
    written_at: Timestamp,
}

/// An entry to write, or a draft of one.
pub(crate) struct NewEntry {
    pub(crate) text: String,
    pub(crate) stars: Option<i64>,
}

impl NewEntry {
    /// Reads a body: only `text` is required.
    pub(crate) fn read(mut fields: Fields) -> Result<Self, Violations> {
        let entry = Self {
            text: fields.required("text", &Text::of(1, 500).trimmed()),
            stars: fields.optional("stars", &Integer::between(1, 5)),
        };
        fields.finish(entry)
    }
}

/// The latest entries of all authors.
pub(crate) fn latest() -> Result<Vec<Entry>, postgres::Error> {
    page(Statement::new("SELECT ").and(COLUMNS).and(" FROM entries"))
}

/// The latest entries of one author.
pub(crate) fn latest_of(author: &str) -> Result<Vec<Entry>, postgres::Error> {
    let selected = Statement::new("SELECT ")
        .and(COLUMNS)
        .and(" FROM entries WHERE author = ");
    page(selected.value(author))
}

fn page(selected: Statement) -> Result<Vec<Entry>, postgres::Error> {
    selected
        .and(" ORDER BY id DESC LIMIT ")
        .value(PAGE_ENTRIES)
        .fetch_all()
}

/// Writes an entry, and returns it.
pub(crate) fn write(author: &str, entry: NewEntry) -> Result<Entry, postgres::Error> {
    Statement::new("INSERT INTO entries (author, text, stars) VALUES (")
        .value(author)
        .and(", ")
        .value(entry.text)
        .and(", ")
        .value(entry.stars)
        .and("::bigint) RETURNING ")
        .and(COLUMNS)
        .fetch_one()
}

/// Deletes an entry, if it is one of this author's.
pub(crate) fn delete(author: &str, id: i64) -> Result<bool, postgres::Error> {
    let delete = Statement::new("DELETE FROM entries WHERE id = ")
        .value(id)
        .and(" AND author = ");
    Ok(delete.value(author).execute()? > 0)
}

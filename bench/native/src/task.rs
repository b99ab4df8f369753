//! A task: a row of the todo component's table, and an object of its API.

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};

use crate::timestamp::Timestamp;

/// A task, its fields in the order of the API.
#[derive(Serialize)]
pub(crate) struct Task {
    id: i64,
    user_id: String,
    title: String,
    description: Option<String>,
    completed: bool,
    priority: String,
    category: Option<String>,
    tags: Vec<String>,
    due_date: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A task to be made.
#[derive(Deserialize)]
pub(crate) struct NewTask {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) completed: bool,
    #[serde(default = "medium")]
    pub(crate) priority: String,
    pub(crate) category: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) due_date: Option<Timestamp>,
}

fn medium() -> String {
    "medium".to_owned()
}

impl FromRow<'_, PgRow> for Task {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get(0)?,
            user_id: row.try_get(1)?,
            title: row.try_get(2)?,
            description: row.try_get(3)?,
            completed: row.try_get(4)?,
            priority: row.try_get(5)?,
            category: row.try_get(6)?,
            tags: row.try_get(7)?,
            due_date: row.try_get(8)?,
            created_at: row.try_get(9)?,
            updated_at: row.try_get(10)?,
        })
    }
}

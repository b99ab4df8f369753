//! The todo component's own statements (`components/todo/src/store.rs`), sent by sqlx as anybody would.

use sqlx::postgres::PgConnection;

use crate::task::{NewTask, Task};

/// The length of a list without a limit, as in the component.
const PAGE: i64 = 500;

macro_rules! columns {
    () => {
        "id, user_id, title, description, completed, priority, category, tags, \
         due_date, created_at, updated_at"
    };
}

/// A user's tasks, the newest first.
pub(crate) async fn list(connection: &mut PgConnection, user: &str) -> sqlx::Result<Vec<Task>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
    );
    sqlx::query_as(sql)
        .bind(user)
        .bind(PAGE)
        .bind(0_i64)
        .fetch_all(connection)
        .await
}

/// A user's task.
pub(crate) async fn read(connection: &mut PgConnection, user: &str, id: i64) -> sqlx::Result<Option<Task>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM tasks WHERE id = $1 AND user_id = $2"
    );
    sqlx::query_as(sql)
        .bind(id)
        .bind(user)
        .fetch_optional(connection)
        .await
}

/// Makes a task, and returns it.
pub(crate) async fn create(connection: &mut PgConnection, user: &str, task: NewTask) -> sqlx::Result<Task> {
    let sql = concat!(
        "INSERT INTO tasks (user_id, title, description, completed, priority, category, tags, due_date) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ",
        columns!()
    );
    sqlx::query_as(sql)
        .bind(user)
        .bind(task.title)
        .bind(task.description)
        .bind(task.completed)
        .bind(task.priority)
        .bind(task.category)
        .bind(task.tags)
        .bind(task.due_date)
        .fetch_one(connection)
        .await
}

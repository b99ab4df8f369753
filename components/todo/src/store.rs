//! The SQL. Every statement is bound to one user, so that it never finds the tasks of other users.

use berth_sdk::contract::Change;
use berth_sdk::postgres::{Statement, Value};

use crate::listing::{Listing, Order, Sort, Status};
use crate::task::{DEFAULT_PRIORITY, NewTask, Shape, TaskChanges};

/// The columns of a task, in the order of the response's fields.
const fn columns(shape: Shape) -> &'static str {
    match shape {
        Shape::Api => {
            "id, user_id, title, description, completed, priority, category, tags, \
             due_date, created_at, updated_at"
        }
        Shape::Dashboard => {
            "id, user_id, title, description, completed, completed AS status, priority, category, tags, \
             due_date, created_at, updated_at"
        }
    }
}

/// At most `limit` of the tasks that `listing` selects, after the first `offset`.
pub(crate) fn list(user: &str, listing: &Listing, shape: Shape, limit: i64, offset: i64) -> Statement {
    let selected = Statement::new("SELECT ")
        .and(columns(shape))
        .and(" FROM tasks WHERE ");
    filtered(selected, user, listing)
        .and(" ORDER BY ")
        .and(order_by(listing.sort, listing.order))
        .and(" LIMIT ")
        .value(limit)
        .and(" OFFSET ")
        .value(offset)
}

/// The number of tasks that `listing` selects, regardless of limit and offset, as `total`.
pub(crate) fn count(user: &str, listing: &Listing) -> Statement {
    filtered(
        Statement::new("SELECT count(*) AS total FROM tasks WHERE "),
        user,
        listing,
    )
}

fn filtered(statement: Statement, user: &str, listing: &Listing) -> Statement {
    let mut statement = statement.and("user_id = ").value(user);
    statement = match listing.status {
        Status::All => statement,
        Status::Pending => statement.and(" AND NOT completed"),
        Status::Completed => statement.and(" AND completed"),
    };
    if let Some(completed) = listing.completed {
        statement = statement.and(" AND completed = ").value(completed);
    }
    if let Some(priority) = &listing.priority {
        statement = statement.and(" AND priority = ").value(&**priority);
    }
    if let Some(category) = &listing.category {
        statement = statement.and(" AND category = ").value(&**category);
    }
    if let Some(tag) = &listing.tag {
        statement = statement.and(" AND ").value(&**tag).and(" = ANY (tags)");
    }
    if let Some(search) = &listing.search {
        let pattern = containing(search);
        statement = statement.and(" AND (title ILIKE ").value(&*pattern);
        statement = statement.and(" OR description ILIKE ").value(pattern).and(")");
    }
    if let Some(due_before) = listing.due_before {
        statement = statement.and(" AND due_date < ").value(due_before);
    }
    if let Some(due_after) = listing.due_after {
        statement = statement.and(" AND due_date > ").value(due_after);
    }
    match listing.overdue {
        None => statement,
        Some(true) => statement.and(" AND NOT completed AND due_date < now()"),
        Some(false) => statement.and(" AND (completed OR due_date IS NULL OR due_date >= now())"),
    }
}

/// A pattern of `LIKE` for texts that contain `search`, with wildcards escaped.
fn containing(search: &str) -> String {
    let mut pattern = String::with_capacity(search.len() + 2);
    pattern.push('%');
    for character in search.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// An order without ties, so that pages of a list neither overlap nor omit a task.
const fn order_by(sort: Sort, order: Order) -> &'static str {
    match (sort, order) {
        (Sort::CreatedAt, Order::Ascending) => "created_at, id",
        (Sort::CreatedAt, Order::Descending) => "created_at DESC, id DESC",
        (Sort::UpdatedAt, Order::Ascending) => "updated_at, id",
        (Sort::UpdatedAt, Order::Descending) => "updated_at DESC, id DESC",
        (Sort::DueDate, Order::Ascending) => "due_date NULLS LAST, id",
        (Sort::DueDate, Order::Descending) => "due_date DESC NULLS LAST, id DESC",
        (Sort::Title, Order::Ascending) => "lower(title), id",
        (Sort::Title, Order::Descending) => "lower(title) DESC, id DESC",
        (Sort::Priority, Order::Ascending) => {
            "array_position('{low,medium,high,urgent}', lower(priority)) NULLS LAST, lower(priority), id"
        }
        (Sort::Priority, Order::Descending) => {
            "array_position('{low,medium,high,urgent}', lower(priority)) DESC NULLS LAST, \
             lower(priority) DESC, id DESC"
        }
    }
}

/// Makes a task, and returns it.
pub(crate) fn create(user: &str, task: NewTask, shape: Shape) -> Statement {
    Statement::new(
        "INSERT INTO tasks (user_id, title, description, completed, priority, category, tags, due_date) VALUES (",
    )
    .value(user)
    .and(", ")
    .value(task.title)
    .and(", ")
    .value(task.description)
    .and(", ")
    .value(task.completed)
    .and(", ")
    .value(task.priority)
    .and(", ")
    .value(task.category)
    .and(", ")
    .value(task.tags)
    .and(", ")
    .value(task.due_date)
    .and(") RETURNING ")
    .and(columns(shape))
}

/// The task with this id.
pub(crate) fn read(user: &str, id: i64, shape: Shape) -> Statement {
    only(
        Statement::new("SELECT ").and(columns(shape)).and(" FROM tasks"),
        user,
        id,
    )
}

/// Changes the task with this id, and returns it. Without any change, `updated_at` keeps its value.
pub(crate) fn update(user: &str, id: i64, changes: TaskChanges, shape: Shape) -> Statement {
    if changes == TaskChanges::default() {
        return read(user, id, shape);
    }
    let assignments = [
        ("title", changes.title.map(Value::from)),
        ("description", cleared_to(Value::Null, changes.description)),
        ("completed", changes.completed.map(Value::from)),
        ("priority", cleared_to(DEFAULT_PRIORITY.into(), changes.priority)),
        ("category", cleared_to(Value::Null, changes.category)),
        ("tags", cleared_to(Vec::<String>::new().into(), changes.tags)),
        ("due_date", cleared_to(Value::Null, changes.due_date)),
    ];
    let mut statement = Statement::new("UPDATE tasks SET updated_at = now()");
    for (column, value) in assignments {
        if let Some(value) = value {
            statement = statement.and(", ").and(column).and(" = ").value(value);
        }
    }
    only(statement, user, id).and(" RETURNING ").and(columns(shape))
}

/// The value to assign, if the field changes.
fn cleared_to<T: Into<Value>>(empty: Value, change: Change<T>) -> Option<Value> {
    match change {
        Change::Keep => None,
        Change::Clear => Some(empty),
        Change::Set(value) => Some(value.into()),
    }
}

/// Sets whether the task with this id is completed, or toggles it, and returns the task. It is one statement, so that
/// two simultaneous toggles both take effect.
pub(crate) fn complete(user: &str, id: i64, completed: Option<bool>, shape: Shape) -> Statement {
    let statement = Statement::new("UPDATE tasks SET updated_at = now(), completed = ");
    let statement = match completed {
        Some(completed) => statement.value(completed),
        None => statement.and("NOT completed"),
    };
    only(statement, user, id).and(" RETURNING ").and(columns(shape))
}

/// Deletes the task with this id.
pub(crate) fn delete(user: &str, id: i64) -> Statement {
    only(Statement::new("DELETE FROM tasks"), user, id)
}

fn only(statement: Statement, user: &str, id: i64) -> Statement {
    statement
        .and(" WHERE id = ")
        .value(id)
        .and(" AND user_id = ")
        .value(user)
}

/// The figures of the dashboard. A task that is due within a week or overdue counts as upcoming.
macro_rules! overview {
    () => {
        "count(*) FILTER (WHERE completed) AS \"tasksCompleted\", \
         count(*) FILTER (WHERE NOT completed) AS \"pendingTasks\", \
         count(*) FILTER (WHERE NOT completed AND due_date <= now() + interval '7 days') AS \"upcomingDeadlines\" \
         FROM tasks WHERE user_id = "
    };
}

/// The figures of the dashboard, in one row.
pub(crate) fn overview(user: &str) -> Statement {
    Statement::new(concat!("SELECT ", overview!())).value(user)
}

/// The figures of the API, in one row.
pub(crate) fn stats(user: &str) -> Statement {
    Statement::new(concat!(
        "SELECT count(*) AS total, ",
        "count(*) FILTER (WHERE completed) AS completed, ",
        "count(*) FILTER (WHERE NOT completed) AS pending, ",
        "count(*) FILTER (WHERE NOT completed AND due_date < now()) AS overdue, ",
        overview!()
    ))
    .value(user)
}

#[cfg(test)]
mod tests;

//! The todo component: tasks in PostgreSQL, each of one user, over HTTP.
//!
//! - this file: the routes, and what the component exports besides;
//! - `task`: a task, and the rules for a client's input;
//! - `listing`: the query of a list;
//! - `store`: the SQL;
//! - `handlers` and `list`: from a request to a response;
//! - `tasks`: the interface for other components.

mod handlers;
mod list;
mod listing;
#[cfg(test)]
mod openapi;
mod store;
mod task;
mod tasks;

use berth_sdk::{Migration, Route};

use crate::handlers::{complete, create, delete, overview, read, stats, update};
use crate::list::list;

const ROUTES: &[Route] = &[
    Route::at("/api/{user_id}/tasks").get(list).post(create),
    Route::at("/api/{user_id}/tasks/{id}")
        .get(read)
        .put(update)
        .patch(update)
        .delete(delete),
    Route::at("/api/{user_id}/tasks/{id}/complete").patch(complete),
    Route::at("/api/{user_id}/stats").get(stats),
    Route::at("/api/tasks").get(list).post(create),
    Route::at("/api/tasks/{id}")
        .get(read)
        .put(update)
        .patch(update)
        .delete(delete),
    Route::at("/api/tasks/{id}/complete").patch(complete),
    Route::at("/api/stats").get(stats),
    Route::at("/dashboard/stats").get(overview),
    Route::at("/dashboard/tasks").get(list).post(create),
    Route::at("/dashboard/tasks/{id}")
        .put(update)
        .patch(update)
        .delete(delete),
    Route::at("/api/dashboard/stats").get(overview),
    Route::at("/api/dashboard/tasks").get(list).post(create),
    Route::at("/api/dashboard/tasks/{id}")
        .put(update)
        .patch(update)
        .delete(delete),
];

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "create tasks",
    sql: include_str!("../migrations/1_create_tasks.sql"),
    compatible: true,
}];

berth_sdk::component! {
    routes: ROUTES,
    migrations: MIGRATIONS,
    document: include_str!("../openapi.json"),
}

/// Nothing runs here: the host calls the component's exports.
fn main() {}

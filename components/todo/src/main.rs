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

use berth_sdk::{Route, Routes};

use crate::handlers::{complete, create, delete, overview, read, stats, update};
use crate::list::list;

/// Words that begin paths of the API, so that they are never the id of a user.
const RESERVED: &[&str] = &[
    "auth",
    "chat",
    "conversations",
    "dashboard",
    "stats",
    "tasks",
    "users",
];

const ROUTES: Routes = Routes::new(&[
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
])
.with_caller("user_id")
.with_reserved(RESERVED);

berth_sdk::component! {
    routes: ROUTES,
    migrations: berth_sdk::migrations!(),
    document: include_str!("../openapi.json"),
}

/// Does nothing: the host calls the component's exports.
fn main() {}

//! The AI component: conversations with a model that manages the caller's tasks, over HTTP.
//!
//! - this file: the routes, and what the component exports besides;
//! - `question`: a client's message;
//! - `turn`: from the messages to the answer, in rounds of tool calls;
//! - `prompt`, `tools` and `command`: the system prompt, the tools for the model, and its calls of them;
//! - `answer`: the answer for the client, also where the model says nothing;
//! - `model` and `tasks`: Cohere and the todo component, through the host;
//! - `store`: the SQL;
//! - `chat` and `conversations`: from a request to a response.

mod answer;
mod bindings;
mod chat;
mod command;
mod conversations;
mod model;
#[cfg(test)]
mod openapi;
mod prompt;
mod question;
mod store;
mod tasks;
mod tools;
mod turn;

use berth_sdk::{Route, Routes};

use crate::chat::chat;
use crate::conversations::{create, delete, latest, list, messages, read};

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
    Route::at("/api/{user_id}/chat").post(chat),
    Route::at("/api/{user_id}/conversations").get(list).post(create),
    Route::at("/api/{user_id}/conversations/{id}")
        .get(read)
        .delete(delete),
    Route::at("/api/{user_id}/conversations/{id}/messages").get(messages),
    Route::at("/api/chat").post(chat),
    Route::at("/api/conversations").get(list).post(create),
    Route::at("/api/conversations/new").post(create),
    Route::at("/api/conversations/latest").get(latest),
    Route::at("/api/conversations/{id}").get(read).delete(delete),
    Route::at("/api/conversations/{id}/messages").get(messages),
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

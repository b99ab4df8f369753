//! The pages for people, in a real browser.
//!
//! - `accounts`: register, log in, log out, and a session that ends
//! - `tasks`: the list, by mouse and by keys, on every screen, offline
//! - `chat`: the assistant beside the list
//! - `rules`: what axe-core finds, and the pictures of docs/pages.md

mod accounts;
mod chat;
mod rules;
mod tasks;

use crate::support::Page;

const PASSWORD: &str = "correct horse";

/// Makes an account by the page for it, and waits for the list.
async fn register(page: &Page<'_>, email: &str) {
    page.open("/register").await;
    page.write("textbox", "E-mail", email).await;
    page.write("textbox", "Password", PASSWORD).await;
    page.click("button", "Make an account").await;
    page.is_at("/").await;
    page.sees("No tasks yet").await;
}

/// Adds a task by its title.
async fn add(page: &Page<'_>, title: &str) {
    page.write("textbox", "New task", title).await;
    page.click("button", "Add").await;
    page.has("checkbox", title).await;
}

//! The operators' console, in a real browser.
//!
//! - `access`: signing in and out, and requests by pages of other sites
//! - `swaps`: pushes and rollbacks, step by step
//! - `views`: numbers, hosts, traps, log, routes and sizes
//! - `rules`: what axe-core finds, and the pictures of docs/operations.md

mod access;
mod rules;
mod swaps;
mod views;

use crate::support::operator::ADMIN_TOKEN;
use crate::support::{Component, Page};

/// A component that fails on request, at `/bad`.
fn bad() -> Component {
    Component::new("misbehaves").at("/bad").limited("cpu", "100ms")
}

/// Opens the console at `place`, such as `#traps`, and signs in by the form.
async fn sign_in(page: &Page<'_>, place: &str) {
    page.open(&format!("/{place}")).await;
    page.write("textbox", "Admin token", ADMIN_TOKEN).await;
    page.click("button", "Sign in").await;
    page.has("navigation", "Views").await;
}

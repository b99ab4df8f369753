//! Registers an account at a running host.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::http;

/// Registers an account, and returns its token.
pub(crate) fn register(host: SocketAddr, name: &str) -> Result<String> {
    let account = format!(r#"{{"email": "{name}@example.com", "password": "correct horse"}}"#);
    let answer = http::post(host, "/auth/register", None, &account)?;
    let account: Value = serde_json::from_str(&answer.body)?;
    Ok(account["access_token"]
        .as_str()
        .context("no token for a new account")?
        .to_owned())
}

//! The data that everything is measured on: a user with twenty tasks, and one whose tasks become more.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::workload::TASK;
use crate::account::register;
use crate::http;

/// Tasks of the user who lists them.
const TASKS: usize = 20;

/// Two users, by their tokens.
pub(crate) struct Users {
    /// Has twenty tasks, and reads.
    pub(crate) reader: String,
    /// Makes tasks.
    pub(crate) writer: String,
    /// A task of the reader's.
    pub(crate) task: i64,
}

impl Users {
    /// Registers them at Berth, and makes the tasks.
    pub(crate) fn register(berth: SocketAddr) -> Result<Self> {
        let (reader, writer) = (register(berth, "reader")?, register(berth, "writer")?);
        let mut task = 0;
        for _ in 0..TASKS {
            let created = http::post(berth, "/api/tasks", Some(&reader), TASK)?;
            ensure!(created.status == 201, "a task cannot be made: {}", created.body);
            task =
                serde_json::from_str::<Value>(&created.body)?["id"].as_i64().context("a task has no id")?;
        }
        Ok(Self { reader, writer, task })
    }
}

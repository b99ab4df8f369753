//! The data of the measurements: a user with twenty tasks, and a user whose tasks grow in number.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::workload::TASK;
use crate::account::register;
use crate::http;

/// The number of the reader's tasks.
const TASKS: usize = 20;

/// Two users: their tokens, and a task.
pub(crate) struct Users {
    /// The token of the user with twenty tasks, which only reads.
    pub(crate) reader: String,
    /// The token of the user that creates tasks.
    pub(crate) writer: String,
    /// The id of one of the reader's tasks.
    pub(crate) task: i64,
}

impl Users {
    /// Registers both users at Berth, and creates the tasks.
    pub(crate) fn register(berth: SocketAddr) -> Result<Self> {
        let (reader, writer) = (register(berth, "reader")?, register(berth, "writer")?);
        let mut task = 0;
        for _ in 0..TASKS {
            let created = http::post(berth, "/api/tasks", Some(&reader), TASK)?;
            ensure!(created.status == 201, "a task cannot be made: {}", created.body);
            task = serde_json::from_str::<Value>(&created.body)?["id"]
                .as_i64()
                .context("a task has no id")?;
        }
        Ok(Self { reader, writer, task })
    }
}

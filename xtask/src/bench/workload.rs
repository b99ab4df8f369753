//! The workloads, and which servers can do them.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use super::server::Kind;
use super::users::Users;

/// A piece of work: one request, again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Work {
    /// A text from a component that does nothing else.
    Hello,
    /// Verify a token, list the twenty tasks of a user.
    List,
    /// Verify a token, read one of them.
    Get,
    /// Verify a token, make a task.
    Create,
    /// Verify a token, and a turn of chat that lists the tasks, which takes two answers of a model that takes no time.
    Chat,
}

/// A request.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// The token; empty for none.
    pub(crate) token: String,
    /// The body: JSON, or empty.
    pub(crate) body: &'static str,
}

/// The body of a new task.
pub(crate) const TASK: &str = r#"{"title": "Buy milk", "description": "Two litres, whole", "priority": "high", "category": "home", "tags": ["shop", "soon"], "due_date": "2030-01-01T12:00:00Z"}"#;

impl Work {
    /// Every workload, in the order of the table.
    pub(crate) const ALL: [Self; 5] = [Self::Hello, Self::List, Self::Get, Self::Create, Self::Chat];

    /// Whether a server of this kind has the route.
    pub(crate) fn is_done_by(self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::Hello, _) | (Self::Chat, Kind::Berth | Kind::BerthTraced) => true,
            (Self::Chat, _) | (_, Kind::WasmtimeServe | Kind::WasmtimeServeTuned) => false,
            _ => true,
        }
    }

    /// The request. The user that creates is not the user that lists, so that the list stays the same.
    pub(crate) fn request(self, users: &Users) -> Request {
        let Users { reader, writer, task } = users;
        let (method, path, token, body) = match self {
            Self::Hello => ("GET", "/hello".to_owned(), "", ""),
            Self::List => ("GET", "/api/tasks".to_owned(), &**reader, ""),
            Self::Get => ("GET", format!("/api/tasks/{task}"), &**reader, ""),
            Self::Create => ("POST", "/api/tasks".to_owned(), &**writer, TASK),
            Self::Chat => (
                "POST",
                "/api/chat".to_owned(),
                &**reader,
                r#"{"message": "list"}"#,
            ),
        };
        Request {
            method,
            path,
            token: token.to_owned(),
            body,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Hello => "hello",
            Self::List => "list",
            Self::Get => "get",
            Self::Create => "create",
            Self::Chat => "chat",
        })
    }
}

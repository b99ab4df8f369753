//! Statements as a component sends them, and their results.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use std::borrow::Cow;

use berth_database::{Collect, Effect, SessionError, Statement, StatementError};
use berth_postgres::{Column, Parameters, Rows, ServerMessage};

/// The last value of a result, as text.
#[derive(Default)]
pub(crate) struct Text(pub(crate) Option<String>);

/// Why a statement has no result.
#[derive(Debug)]
pub(crate) enum Refused {
    Postgres(berth_postgres::Error),
    Session(SessionError),
}

impl From<berth_postgres::Error> for Refused {
    fn from(error: berth_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<SessionError> for Refused {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl StatementError for Refused {
    fn refusal(&self) -> Option<&ServerMessage> {
        match self {
            Self::Postgres(error) => error.server(),
            Self::Session(_) => None,
        }
    }
}

impl Collect for Text {
    fn begin(&mut self, _: &[Column]) -> Result<(), Refused> {
        *self = Self::default();
        Ok(())
    }
}

impl Rows for Text {
    type Error = Refused;

    fn admit(&mut self, _: usize, _: usize) -> Result<(), Refused> {
        Ok(())
    }

    fn field(&mut self, _: usize, value: Option<Cow<'_, [u8]>>) -> Result<(), Refused> {
        self.0 = value.map(|value| String::from_utf8(value.into_owned()).unwrap());
        Ok(())
    }
}

/// A statement that may do anything to its session.
pub(crate) fn statement(sql: &str) -> Statement {
    Statement {
        sql: sql.to_owned(),
        types: Vec::new(),
        parameters: Parameters::default(),
        is_kept: true,
        needs_caller: true,
        effect: Effect::Unknown,
    }
}

//! The step of a swap that each error fails.

use berth_database::{IsolationError, MigrationError};
use berth_runtime::{CandidateError, CompileError, LinkError};

use crate::report::{Failure, Step};

impl From<&CompileError> for Failure {
    fn from(error: &CompileError) -> Self {
        let step = match error {
            CompileError::TooLarge(_) => Step::Size,
            CompileError::Precompiled
            | CompileError::CoreModule
            | CompileError::Program
            | CompileError::NotWebAssembly
            | CompileError::NeedsWasi03(_) => Step::Kind,
            CompileError::TooMuch { .. }
            | CompileError::Invalid(_)
            | CompileError::TooSlow(_)
            | CompileError::TooMuchMemory(_)
            | CompileError::Crashed { .. }
            | CompileError::Cache { .. } => Step::Compile,
            CompileError::Killed(_) | CompileError::Process(_) => {
                return Failure::passing(Step::Compile, error);
            }
        };
        Failure::lasting(step, error)
    }
}

impl From<CandidateError> for Failure {
    fn from(error: CandidateError) -> Self {
        let step = match &error {
            CandidateError::Link(LinkError::NoHandler | LinkError::OtherHandler(_))
            | CandidateError::Export { .. }
            | CandidateError::Memory { .. }
            | CandidateError::MigrationsWithoutDatabase { .. } => Step::Exports,
            CandidateError::Link(_) | CandidateError::Client(_) => Step::Imports,
        };
        Failure::lasting(step, &error)
    }
}

impl From<MigrationError> for Failure {
    fn from(error: MigrationError) -> Self {
        Self {
            step: Step::Migrations,
            reason: error.to_string(),
            temporary: error.is_temporary(),
        }
    }
}

impl From<IsolationError> for Failure {
    fn from(error: IsolationError) -> Self {
        let temporary = !matches!(error, IsolationError::Name(..));
        Self {
            step: Step::Migrations,
            reason: error.to_string(),
            temporary,
        }
    }
}

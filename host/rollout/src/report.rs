//! The wire format of the admin API: the report and the events of a swap, and the summaries of components and their
//! versions. The admin API sends these types, and the command line reads and shows them.

mod summaries;

use std::error::Error;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use summaries::{
    ComponentSummary, Origin, Replica, ReplicaState, SwapSummary, TrapSummary, VersionState, VersionSummary,
};

/// The steps of a swap, in their order. The first that fails ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The bytes are within the size limit of a component.
    Size,
    /// The bytes are a component: no core module, no machine code, no garbage, no WASI that the host does not run.
    Kind,
    /// The component is within the compiler's limits, and compiles in bounded time and memory.
    Compile,
    /// The component's imports are granted, and the components that it calls export what it needs.
    Imports,
    /// The component exports what the host and other components need of it.
    Exports,
    /// The component's migrations run.
    Migrations,
    /// The version answers the manifest's probes.
    Probe,
    /// The version answers new requests.
    Live,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 8] = [
        Self::Size,
        Self::Kind,
        Self::Compile,
        Self::Imports,
        Self::Exports,
        Self::Migrations,
        Self::Probe,
        Self::Live,
    ];

    /// The step's name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Kind => "kind",
            Self::Compile => "compile",
            Self::Imports => "imports",
            Self::Exports => "exports",
            Self::Migrations => "migrations",
            Self::Probe => "probe",
            Self::Live => "live",
        }
    }
}

/// The outcome of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The version answers new requests.
    Live,
    /// The version was live already, and nothing was done.
    Unchanged,
    /// The dry run passed: the version would have gone live. Nothing was changed.
    Passed,
    /// The version was refused. Nothing was changed.
    Refused,
}

/// The longest entry of a [`Difference`], in characters: a component may export names of any length.
const MAX_ENTRY_CHARACTERS: usize = 200;

/// The most entries in a list of a [`Difference`]; one more says how many are missing.
const MAX_ENTRIES: usize = 100;

/// The longest reason and the longest remark, in characters.
const MAX_SENTENCE_CHARACTERS: usize = 2000;

/// Cuts a text at a number of characters. A text that was cut ends in an ellipsis.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A reason or a remark, which may quote a component.
pub(crate) fn sentence(text: &str) -> String {
    cut(text, MAX_SENTENCE_CHARACTERS)
}

/// The report of one component's swap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// The component.
    pub component: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The new version's number. None in a dry run of bytes that were never seen, and for bytes that were refused
    /// before they were known to be a component.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub number: Option<NonZeroU32>,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub digest: String,
    /// The number of the version that was live before.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub replaced: Option<NonZeroU32>,
    /// The steps that were taken.
    pub steps: Vec<StepReport>,
    /// Why the version was refused.
    pub failure: Option<Failure>,
    /// The capabilities that the version gains and loses against the version before.
    pub changes: Changes,
    /// The answers to the probes.
    pub probes: Vec<ProbeAnswer>,
    /// How long the swap took.
    pub milliseconds: f64,
}

/// The report of a single step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// The step's state.
    pub state: StepState,
    /// How long the step took.
    pub milliseconds: f64,
    /// A short remark: `from the code cache`, `ran 2, 3`.
    pub detail: Option<String>,
}

/// The state of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// The step is under way. Only progress events have this state.
    Started,
    /// The step passed.
    Passed,
    /// The step had nothing to do.
    Skipped,
    /// The step failed and ended the swap.
    Failed,
}

/// Why a version was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The step that failed.
    pub step: Step,
    /// The reason, and the remedy.
    pub reason: String,
    /// Whether another attempt may succeed a moment later: the database was not available, or a table was locked.
    pub temporary: bool,
}

impl Failure {
    /// A failure that the same bytes will meet again.
    #[must_use]
    pub fn lasting(step: Step, error: &dyn Error) -> Self {
        Self {
            step,
            reason: sentence(&error.to_string()),
            temporary: false,
        }
    }

    /// A failure that may be over a moment later.
    #[must_use]
    pub fn passing(step: Step, error: &dyn Error) -> Self {
        Self {
            step,
            reason: sentence(&error.to_string()),
            temporary: true,
        }
    }
}

/// How a version differs from the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// Interfaces that the version imports. An interface that only changed its version is not listed.
    pub imports: Difference,
    /// Interfaces that the version exports, likewise.
    pub exports: Difference,
    /// Migrations that the version brings, as `2 add a column`.
    pub migrations: Difference,
}

/// The difference of two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The entries that only the new list has.
    pub gained: Vec<String>,
    /// The entries that only the old list has.
    pub lost: Vec<String>,
}

impl Difference {
    /// Compares two sorted lists.
    #[must_use]
    pub fn between(before: &[String], after: &[String]) -> Self {
        Self::by(before, after, |one| one)
    }

    /// Compares two sorted lists of interfaces. Versions of an interface count as equal.
    #[must_use]
    pub fn between_interfaces(before: &[String], after: &[String]) -> Self {
        Self::by(before, after, |interface| {
            interface.split_once('@').map_or(interface, |(name, _)| name)
        })
    }

    fn by(before: &[String], after: &[String], name: impl Fn(&str) -> &str) -> Self {
        let only = |these: &[String], those: &[String]| {
            let is_new = |one: &&String| !those.iter().any(|other| name(other) == name(one));
            bounded(these.iter().filter(is_new))
        };
        Self {
            gained: only(after, before),
            lost: only(before, after),
        }
    }
}

/// The entries as a report has them.
fn bounded<'a>(entries: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut entries = entries.map(|entry| cut(entry, MAX_ENTRY_CHARACTERS));
    let mut list: Vec<_> = entries.by_ref().take(MAX_ENTRIES).collect();
    let more = entries.count();
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    list
}

/// The answer to a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeAnswer {
    /// The request: `GET /orders/count`.
    pub request: String,
    /// The status; none if there was no answer.
    pub status: Option<u16>,
    /// How long the answer took.
    pub milliseconds: f64,
}

/// A progress event of a swap. Each is sent as a server-sent event with the name in `event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(
    clippy::large_enum_variant,
    reason = "there are few of them, and each goes out as JSON at once"
)]
pub enum Progress {
    /// A step of a component's swap has begun or ended.
    Step {
        /// The component.
        component: String,
        /// The step and its state.
        #[serde(flatten)]
        step: StepReport,
    },
    /// The swap of a component is over.
    Report {
        /// The report with the outcome.
        #[serde(flatten)]
        report: Report,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_bounded_whatever_a_component_exports() {
        let long = "ü".repeat(100_000);
        let many: Vec<_> = (0..5000).map(|number| format!("{number} {long}")).collect();
        let difference = Difference::between(&[], &many);
        assert_eq!(difference.gained.len(), MAX_ENTRIES + 1);
        assert_eq!(difference.gained[MAX_ENTRIES], "and 4900 more");
        assert_eq!(difference.gained[0].chars().count(), MAX_ENTRY_CHARACTERS + 1);
        let bytes: usize = difference.gained.iter().map(String::len).sum();
        assert!(bytes < 64 * 1024, "{bytes}");
    }

    #[test]
    fn an_interface_whose_version_moved_is_neither_gained_nor_lost() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let before = names(&["berth:postgres/client@0.1.0", "wasi:io/streams@0.2.6", "run"]);
        let after = names(&["wasi:io/poll@0.2.12", "wasi:io/streams@0.2.12", "run"]);
        let difference = Difference::between_interfaces(&before, &after);
        assert_eq!(difference.gained, ["wasi:io/poll@0.2.12"]);
        assert_eq!(difference.lost, ["berth:postgres/client@0.1.0"]);
    }
}

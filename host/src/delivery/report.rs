//! What a swap did and what came of it, as the admin API tells it and the command line shows it: the only types that both
//! know.

use std::error::Error;

use serde::{Deserialize, Serialize};

/// The steps of a swap, in their order. The first that fails ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The bytes are not more than a component may have.
    Size,
    /// They are a component: no core module, no machine code, no garbage, no WASI that the host does not run.
    Kind,
    /// They are no more than the host compiles, and become machine code in bounded time and memory.
    Compile,
    /// What it imports is granted, and other components have what it wants of them.
    Imports,
    /// It exports what the host and other components need of it.
    Exports,
    /// The tables that it needs can be made.
    Migrations,
    /// It answers the manifest's probes.
    Probe,
    /// It answers new requests.
    Live,
}

impl Step {
    /// All of them, in their order.
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

    /// Its name, as JSON has it.
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

/// What came of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The version answers new requests.
    Live,
    /// It was live already, and nothing was done.
    Unchanged,
    /// A dry run: it would have gone live. Nothing was changed.
    Passed,
    /// It was refused. Nothing was changed.
    Refused,
}

/// The report of one component's swap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The component.
    pub component: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Its new version's number. None for one that has none: a dry run of bytes that were never seen, or bytes that were
    /// refused before they were a component.
    pub number: Option<u32>,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub digest: String,
    /// The number of the version that was live before.
    pub replaced: Option<u32>,
    /// The steps that were taken.
    pub steps: Vec<StepReport>,
    /// Why it was refused.
    pub failure: Option<Failure>,
    /// What it may do that the version before could not, and the other way round.
    pub changes: Changes,
    /// The probes, as they were answered.
    pub probes: Vec<ProbeAnswer>,
    /// How long all of it took.
    pub milliseconds: f64,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Which.
    pub step: Step,
    /// How it ended.
    pub state: StepState,
    /// How long it took.
    pub milliseconds: f64,
    /// What is worth knowing of it, in a few words: `from the code cache`, `ran 2, 3`.
    pub detail: Option<String>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// It is under way. In progress events only.
    Started,
    /// It went well.
    Passed,
    /// There was nothing to do.
    Skipped,
    /// It ended the swap.
    Failed,
}

/// Why a version was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// At which step.
    pub step: Step,
    /// Why, and what to do about it.
    pub reason: String,
    /// Whether the same may go well a moment later: the database was away, a table was locked.
    pub temporary: bool,
}

impl Failure {
    /// One that the same bytes will meet again.
    #[must_use]
    pub fn lasting(step: Step, error: &dyn Error) -> Self {
        Self { step, reason: error.to_string(), temporary: false }
    }

    /// One that may be over a moment later.
    #[must_use]
    pub fn passing(step: Step, error: &dyn Error) -> Self {
        Self { step, reason: error.to_string(), temporary: true }
    }
}

/// How a version differs from the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Interfaces that it imports. One in another version than before is not listed.
    pub imports: Difference,
    /// Interfaces that it exports, likewise.
    pub exports: Difference,
    /// Migrations that it knows, as `2 add a column`.
    pub migrations: Difference,
}

/// What is there in one and not in the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// New.
    pub gained: Vec<String>,
    /// No longer there.
    pub lost: Vec<String>,
}

impl Difference {
    /// Of two sorted lists.
    #[must_use]
    pub fn between(before: &[String], after: &[String]) -> Self {
        Self::by(before, after, |one| one)
    }

    /// Of two sorted lists of interfaces. An interface in another version is the same one.
    #[must_use]
    pub fn between_interfaces(before: &[String], after: &[String]) -> Self {
        Self::by(before, after, |interface| interface.split_once('@').map_or(interface, |(name, _)| name))
    }

    fn by(before: &[String], after: &[String], name: impl Fn(&str) -> &str) -> Self {
        let only = |these: &[String], those: &[String]| {
            let is_new = |one: &&String| !those.iter().any(|other| name(other) == name(one));
            these.iter().filter(is_new).cloned().collect()
        };
        Self { gained: only(after, before), lost: only(before, after) }
    }
}

/// One answer to a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// The request: `GET /dashboard/stats`.
    pub request: String,
    /// Its status; none if there was no answer.
    pub status: Option<u16>,
    /// How long it took.
    pub milliseconds: f64,
}

/// What happens while a swap is under way. A server-sent event of the name in `event` each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and each goes out as JSON at once")]
pub enum Progress {
    /// A step of a component's swap has begun or ended.
    Step {
        /// The component.
        component: String,
        /// Which step, and how far it is.
        #[serde(flatten)]
        step: StepReport,
    },
    /// The swap of a component is over.
    Report {
        /// What came of it.
        #[serde(flatten)]
        report: Report,
    },
}

/// A component, as `GET /admin/components` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentSummary {
    /// Its name.
    pub name: String,
    /// The version that answers requests on this host; none while it starts.
    pub live: Option<VersionSummary>,
    /// The number of the version that all hosts shall have; differs from `live` while a rollout is under way, or where
    /// this host could not take it.
    pub wanted: Option<u32>,
    /// The path patterns that it answers.
    pub routes: Vec<String>,
    /// What it is granted.
    pub capabilities: Vec<String>,
    /// Where the rollout stands: `live on 2 of 3, 1 compiling`.
    pub rollout: String,
    /// Each host on the same database.
    pub replicas: Vec<Replica>,
}

/// One host's state, as it has reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Its name: that of its machine and its process.
    pub host: String,
    /// Whether it is the host that answers.
    pub this: bool,
    /// The version that is live there.
    pub number: Option<u32>,
    /// What it is doing.
    pub state: ReplicaState,
    /// Why it is behind.
    pub detail: Option<String>,
    /// When it was last heard of: RFC 3339, UTC.
    pub seen_at: String,
}

/// What a host is doing with a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaState {
    /// It has the version that is wanted.
    Live,
    /// It is taking it.
    Compiling,
    /// It could not take it and stays on the one before.
    Behind,
}

/// A version, as `GET /admin/components/{name}/history` lists it, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionSummary {
    /// Counted from 1, for each component.
    pub number: u32,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub digest: String,
    /// The size of its wasm in bytes.
    pub size: u64,
    /// What has become of it.
    pub state: VersionState,
    /// How it came.
    pub origin: Origin,
    /// Who brought it, in their own words.
    pub by: String,
    /// When it came: RFC 3339, UTC.
    pub created_at: String,
    /// When it last went live.
    pub live_at: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// Whether its bytes are kept, so that it can be rolled back to.
    pub kept: bool,
}

/// What has become of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// It is being checked.
    Staged,
    /// It answers requests.
    Live,
    /// It did.
    Retired,
    /// It never did.
    Refused,
}

/// How a version came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// As the manifest's file.
    Manifest,
    /// By the admin API.
    Push,
}

impl Origin {
    /// Its name, as JSON and the database have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Push => "push",
        }
    }
}

impl ReplicaState {
    /// Its name, as JSON and the database have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Compiling => "compiling",
            Self::Behind => "behind",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

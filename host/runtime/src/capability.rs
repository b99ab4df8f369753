//! The grants: capabilities of a component beyond `wasi:http` and an empty `wasi:cli`.

use std::fmt;
use std::str::FromStr;

/// One grant, named as in the manifest, the WIT package and the source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `berth:cohere/chat`: Cohere's models, with the host's key.
    Cohere,
    /// `wasi:config/store`: the manifest's `config` table.
    Config,
    /// `berth:identity/caller`: the request's principal.
    Identity,
    /// `wasi:logging/logging`: lines in the host's log.
    Logging,
    /// `berth:postgres/client`: a schema of its own in the host's database.
    Postgres,
}

/// A word in the manifest that is no capability.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown capability `{0}`, expected one of {known}", known = Capability::names())]
pub struct UnknownCapability(pub String);

impl Capability {
    /// Every capability, in alphabetical order.
    pub const ALL: [Self; 5] = [
        Self::Cohere,
        Self::Config,
        Self::Identity,
        Self::Logging,
        Self::Postgres,
    ];

    /// The grant's word in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cohere => "cohere",
            Self::Config => "config",
            Self::Identity => "identity",
            Self::Logging => "logging",
            Self::Postgres => "postgres",
        }
    }

    /// The WIT package of the grant's interfaces, without the version: `berth:postgres`.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Self::Cohere => "berth:cohere",
            Self::Config => "wasi:config",
            Self::Identity => "berth:identity",
            Self::Logging => "wasi:logging",
            Self::Postgres => "berth:postgres",
        }
    }

    /// The grant's interface, with its version.
    #[must_use]
    pub fn interface(self) -> &'static str {
        match self {
            Self::Cohere => "berth:cohere/chat@0.1.0",
            Self::Config => "wasi:config/store@0.2.0-rc.1",
            Self::Identity => "berth:identity/caller@0.1.0",
            Self::Logging => "wasi:logging/logging@0.1.0-draft",
            Self::Postgres => "berth:postgres/client@0.1.0",
        }
    }

    fn names() -> String {
        Self::ALL.map(|capability| format!("`{capability}`")).join(", ")
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.name() == word)
            .ok_or_else(|| UnknownCapability(word.to_owned()))
    }
}

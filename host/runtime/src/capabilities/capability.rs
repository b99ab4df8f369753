//! A capability's names, all of which are in the table.

use std::fmt;
use std::str::FromStr;

use super::table::Row;
use super::{Capability, ROWS};

/// A word in the manifest that is no capability.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown capability `{0}`, expected one of {known}", known = Capability::words())]
pub struct UnknownCapability(pub String);

impl Capability {
    /// Every capability, in alphabetical order.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.capability)
    }

    /// The word in the manifest.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// The WIT interfaces, with their versions.
    #[must_use]
    pub fn interfaces(self) -> &'static [&'static str] {
        self.row().interfaces
    }

    /// The WIT package of the interfaces, without the version: `berth:postgres`.
    #[must_use]
    pub fn package(self) -> &'static str {
        self.interfaces().first().copied().map_or("", package)
    }

    /// The capability whose package an interface belongs to, in whatever version.
    pub(crate) fn for_interface(interface: &str) -> Option<Self> {
        Self::all().find(|capability| capability.package() == package(interface))
    }

    /// The interfaces of the capability, as text.
    pub(crate) fn offer(self) -> String {
        list(self.interfaces().iter().copied())
    }

    /// The interfaces of all capabilities, as text.
    pub(crate) fn offered() -> String {
        list(ROWS.iter().flat_map(|row| row.interfaces).copied())
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    fn words() -> String {
        list(ROWS.iter().map(|row| row.word))
    }
}

/// The package of an interface: `berth:postgres/client@0.1.0` → `berth:postgres`.
pub(crate) fn package(interface: &str) -> &str {
    interface.split(['/', '@']).next().unwrap_or_default()
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::all()
            .find(|capability| capability.word() == word)
            .ok_or_else(|| UnknownCapability(word.to_owned()))
    }
}

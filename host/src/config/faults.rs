//! The faults of a manifest: all of them at once, each with its place.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::escape::escape;

/// A fault and the byte range of the manifest that has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misplaced {
    pub(super) place: Range<usize>,
    pub(super) reason: String,
}

/// The faults that were found up to now.
#[derive(Default)]
pub(super) struct Faults(Vec<Misplaced>);

/// The readable part of a value.
pub(super) struct Read<T> {
    pub(super) value: T,
    /// Whether the value had no fault, so that nothing was omitted.
    pub(super) is_whole: bool,
}

/// A fault of the manifest, as it is printed: `berth.toml:5:12: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFault {
    /// The manifest's path, as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The fault and its remedy.
    pub reason: String,
}

impl Misplaced {
    pub(super) fn at(place: Range<usize>, reason: impl Into<String>) -> Self {
        Self {
            place,
            reason: reason.into(),
        }
    }

    fn from_toml(error: &toml::de::Error) -> Self {
        let mut reason = error.message().replace('\n', " ");
        if let Some(meant) = meant(&reason) {
            reason = format!("{reason}: did you mean `{meant}`?");
        }
        Self::at(error.span().unwrap_or_default(), reason)
    }
}

impl Faults {
    /// Adds a fault.
    pub(super) fn add(&mut self, fault: Misplaced) {
        self.0.push(fault);
    }

    /// Returns the value, or adds the fault.
    pub(super) fn take<T>(&mut self, result: Result<T, Misplaced>) -> Option<T> {
        result.map_err(|fault| self.add(fault)).ok()
    }

    /// Parses a whole text.
    pub(super) fn parse<'a>(&mut self, text: &'a str) -> Option<Spanned<DeValue<'a>>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let place = table.span();
            return Some(Spanned::new(place, DeValue::Table(table.into_inner())));
        }
        self.0.extend(errors.iter().map(Misplaced::from_toml));
        None
    }

    /// Reads as much of `value` as is valid. An entry that cannot be read is a fault and is omitted.
    pub(super) fn read<T: DeserializeOwned>(&mut self, mut value: Spanned<DeValue<'_>>) -> Option<Read<T>> {
        let mut is_whole = true;
        loop {
            let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(value) => return Some(Read { value, is_whole }),
                Err(error) => error,
            };
            // An entry that was omitted is missing now, which is no further fault.
            let is_missing = error.message().starts_with("missing field");
            if is_whole || !is_missing {
                self.add(Misplaced::from_toml(&error));
            }
            let place = error.span().filter(|_| !is_missing)?;
            if !leave_out(value.get_mut(), &place) {
                return None;
            }
            is_whole = false;
        }
    }

    /// The faults in the order of their places, or `value` if there are none.
    pub(super) fn none_or<T>(mut self, value: T) -> Result<T, Vec<Misplaced>> {
        self.0.sort_by_key(|fault| fault.place.start);
        self.0.dedup();
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// Removes the entry of a table or a list whose key or value is at `place`. Returns whether there was such an entry.
fn leave_out(value: &mut DeValue<'_>, place: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => {
            let found = table
                .iter()
                .find(|(key, value)| key.span() == *place || value.span() == *place);
            match found.map(|(key, _)| key.clone()) {
                Some(key) => table.remove(&key).is_some(),
                None => table
                    .iter_mut()
                    .any(|(_, value)| leave_out(value.get_mut(), place)),
            }
        }
        DeValue::Array(list) => {
            let before = list.len();
            *list = list
                .iter()
                .filter(|value| value.span() != *place)
                .cloned()
                .collect();
            list.len() < before || list.iter_mut().any(|value| leave_out(value.get_mut(), place))
        }
        _ => false,
    }
}

impl ManifestFault {
    pub(super) fn new(file: &str, text: &str, fault: &Misplaced) -> Self {
        let (line, column) = line_and_column(text, fault.place.start);
        Self {
            file: file.to_owned(),
            line,
            column,
            reason: escape(&fault.reason),
        }
    }
}

impl fmt::Display for ManifestFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            reason,
        } = self;
        write!(formatter, "{file}:{line}:{column}: {reason}")
    }
}

/// The known word that an unknown word resembles. The parser's messages name the unknown word and then the known words,
/// each between backticks.
fn meant(message: &str) -> Option<&str> {
    let mut words = message.split('`').skip(1).step_by(2);
    let written = words.next()?;
    nearest(written, words)
}

/// The word of `known` that `written` resembles.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::damerau_levenshtein(written, known), known))
        .filter(|(distance, known)| *distance * 3 <= known.len())
        .min()
        .map(|(_, known)| known)
}

fn line_and_column(text: &str, place: usize) -> (usize, usize) {
    let before = text.get(..place).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}

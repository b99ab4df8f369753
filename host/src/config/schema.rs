//! The schema of `berth.toml`: the allowed keys and values, each checked where it is read.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;

use berth_runtime::{AllowedDestination, Authentication, Capability, Limits, LogLimits, Probe, RoutePattern};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use toml::Spanned;

use super::quantity::{Count, GIB, HOUR, KIB, MIB, Quantity, SECOND, Size, Time};
use super::value::{Value, VariableName};

/// The file's keys; components and files are read each by itself, and `[http]` by `http_table`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default, rename = "http")]
    _http: IgnoredAny,
    #[serde(default, rename = "files")]
    _files: IgnoredAny,
    #[serde(default, rename = "components")]
    _components: IgnoredAny,
}

/// The keys of a component's table. Its types check each value by itself.
///
/// The table is read into this type and not into a [`ComponentSpec`](berth_runtime::ComponentSpec), because the other
/// checks need the place of each value in the file for their messages, and because some values are only written here
/// as references: to files, to the host's environment and to default limits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawComponent {
    pub(super) source: Spanned<PathBuf>,
    pub(super) routes: Vec<Spanned<Parsed<RoutePattern>>>,
    #[serde(default)]
    pub(super) capabilities: Vec<Parsed<Capability>>,
    pub(super) rows: Option<Spanned<RawRows>>,
    #[serde(default)]
    pub(super) limits: WrittenLimits,
    pub(super) probe: Option<Spanned<OneOrMore<Probe>>>,
    pub(super) config: Option<Spanned<BTreeMap<String, Spanned<Value>>>>,
    #[serde(default)]
    pub(super) environment: BTreeMap<Parsed<VariableName>, Spanned<Value>>,
    #[serde(default)]
    pub(super) authentication: Authentication,
    #[serde(default)]
    pub(super) outgoing: Vec<Parsed<AllowedDestination>>,
    pub(super) outgoing_ca: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) imports: BTreeMap<Parsed<Interface>, Spanned<String>>,
}

/// The keys of `rows`: the owners of rows in the component's tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRows {
    pub(super) owner: Parsed<ObjectName>,
    #[serde(default)]
    pub(super) shared: Vec<Parsed<ObjectName>>,
    #[serde(default)]
    pub(super) temporary_tables: bool,
}

/// The longest name of a table or a column, in bytes. PostgreSQL cuts off the rest of a longer name.
const MAX_NAME_BYTES: usize = 63;

/// The name of a table or a column, as PostgreSQL stores it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ObjectName(pub(super) String);

impl FromStr for ObjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || text.len() > MAX_NAME_BYTES || !text.bytes().all(is_plain) {
            return Err(format!(
                "{text:?} is not the name of a table or a column: write 1 to {MAX_NAME_BYTES} lower-case letters, digits \
                 and `_`, without the schema"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenLimits {
    memory: Option<Quantity<Size, MIB, { 4 * GIB }>>,
    time: Option<Quantity<Time, 1, HOUR>>,
    cpu: Option<Quantity<Time, 1, HOUR>>,
    concurrency: Option<Quantity<Count, 1, 1000>>,
    body: Option<Quantity<Size, 0, { 1024 * GIB }>>,
    rows: Option<Quantity<Count, 1, 10_000_000>>,
    result: Option<Quantity<Size, KIB, GIB>>,
    log_lines: Option<Quantity<Count, 1, 1_000_000>>,
    log_bytes: Option<Quantity<Size, KIB, GIB>>,
    log_burst: Option<Quantity<Time, SECOND, HOUR>>,
}

impl WrittenLimits {
    /// These limits, with the default for those that are missing.
    pub(super) fn or(self, default: &Limits) -> Limits {
        Limits {
            memory: self.memory.map_or(default.memory, |memory| memory.value()),
            time: self.time.map_or(default.time, |time| time.duration()),
            cpu: self.cpu.map_or(default.cpu, |cpu| cpu.duration()),
            concurrency: self
                .concurrency
                .map_or(default.concurrency, |concurrency| concurrency.count()),
            body: self.body.map_or(default.body, |body| body.value()),
            rows: self
                .rows
                .and_then(|rows| u32::try_from(rows.value()).ok())
                .unwrap_or(default.rows),
            result: self.result.map_or(default.result, |result| result.value()),
            log: LogLimits {
                lines: self.log_lines.map_or(default.log.lines, |lines| lines.value()),
                bytes: self.log_bytes.map_or(default.log.bytes, |bytes| bytes.value()),
                burst: self.log_burst.map_or(default.log.burst, |burst| burst.duration()),
            },
        }
    }
}

/// A string, parsed within the visit, so that an error has the place of the string and not of the list around it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Parsed<T>(pub(super) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ParsedVisitor(PhantomData))
    }
}

struct ParsedVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for ParsedVisitor<T> {
    type Value = Parsed<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(Parsed).map_err(E::custom)
    }
}

/// A string, or a list of them.
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor(PhantomData))
    }
}

struct OneOrMoreVisitor<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for OneOrMoreVisitor<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, or a list of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(|one| OneOrMore(vec![one])).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Parsed(one)) = list.next_element()? {
            all.push(one);
        }
        Ok(OneOrMore(all))
    }
}

/// An interface that a component may export and another import: `shop:orders/orders`, with or without a version.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Interface(pub(super) String);

impl FromStr for Interface {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("wasi" | "berth", _)) => Err(format!(
                "{text:?} is the host's to give: grant it with the component's `capabilities`"
            )),
            Some((_, name)) if name.contains('/') => Ok(Self(text.to_owned())),
            _ => Err(format!(
                "{text:?} is not an interface: write it as in \"shop:orders/orders\""
            )),
        }
    }
}

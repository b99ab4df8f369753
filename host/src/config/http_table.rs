//! The table `[http]` of the manifest: the host's own routes, and what the host says for the application that the
//! components make up.

use std::collections::BTreeSet;
use std::str::FromStr;

use http::HeaderName;
use http::header::SET_COOKIE;
use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::faults::{Faults, Misplaced};
use super::own_routes::{self, OwnRoutes, Place, RawOwnRoutes};
use super::parse::{MAX_NAME_CHARACTERS, is_name};
use super::schema::Parsed;

/// The most entries of a list.
const MAX_ENTRIES: usize = 100;

/// The service's name, unless the manifest has one.
const DEFAULT_SERVICE: &str = "berth";

/// The words in the host's own account paths that stand where another path has a user id.
const HOST_WORDS: [&str; 2] = ["auth", "users"];

/// The valid table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTable {
    /// The paths of the host's own routes.
    pub own_routes: OwnRoutes,
    /// The service's name, which the liveness probe shows.
    pub service: String,
    /// The names that no user may have, because the components' routes have them where another route has a user id.
    pub reserved_users: BTreeSet<String>,
    /// The components' response headers that web pages of other origins may read.
    pub expose_headers: Vec<HeaderName>,
}

impl Default for HttpTable {
    fn default() -> Self {
        Self {
            own_routes: OwnRoutes::default(),
            service: DEFAULT_SERVICE.to_owned(),
            reserved_users: BTreeSet::new(),
            expose_headers: Vec::new(),
        }
    }
}

impl HttpTable {
    /// Whether `name` is a word of the routes, so that no user may have the name.
    #[must_use]
    pub fn reserves(&self, name: &str) -> bool {
        HOST_WORDS.contains(&name) || self.reserved_users.contains(name)
    }
}

/// The table, as it is in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttpTable {
    health: Option<Spanned<Place>>,
    ready: Option<Spanned<Place>>,
    openapi: Option<Spanned<Place>>,
    docs: Option<Spanned<Place>>,
    accounts: Option<Spanned<Place>>,
    service: Option<Parsed<ServiceName>>,
    reserved_users: Option<List<ReservedUser>>,
    expose_headers: Option<List<ExposedHeader>>,
}

type List<T> = Spanned<Vec<Spanned<Parsed<T>>>>;

/// Reads the table, or takes the defaults if it is missing. Without `docs_page` the page is off in any case.
pub(super) fn read(table: Option<Spanned<DeValue<'_>>>, docs_page: bool, faults: &mut Faults) -> HttpTable {
    let RawHttpTable {
        health,
        ready,
        openapi,
        docs,
        accounts,
        service,
        reserved_users,
        expose_headers,
    } = table
        .and_then(|table| faults.read(table))
        .map(|read| read.value)
        .unwrap_or_default();
    let paths = RawOwnRoutes {
        health,
        ready,
        openapi,
        docs,
        accounts,
    };
    let reserved_users = entries("reserved_users", reserved_users, faults);
    let expose_headers = entries("expose_headers", expose_headers, faults);
    HttpTable {
        own_routes: own_routes::check(&paths, docs_page, faults),
        service: service.map_or_else(|| DEFAULT_SERVICE.to_owned(), |Parsed(ServiceName(name))| name),
        reserved_users: reserved_users
            .into_iter()
            .map(|ReservedUser(name)| name)
            .collect(),
        expose_headers: expose_headers
            .into_iter()
            .map(|ExposedHeader(name)| name)
            .collect(),
    }
}

/// The entries of the list `key`. An entry that is there twice is a fault, and so are too many entries.
fn entries<T: PartialEq>(key: &str, list: Option<List<T>>, faults: &mut Faults) -> Vec<T> {
    let Some(list) = list else { return Vec::new() };
    let (place, count) = (list.span(), list.get_ref().len());
    if count > MAX_ENTRIES {
        let reason =
            format!("`{key}` has {count} entries, and at most {MAX_ENTRIES} are allowed: remove some");
        faults.add(Misplaced::at(place, reason));
    }
    let mut entries = Vec::new();
    for entry in list.into_inner() {
        let place = entry.span();
        let Parsed(entry) = entry.into_inner();
        if entries.contains(&entry) {
            let reason = format!("`{key}` has this entry twice: remove one");
            faults.add(Misplaced::at(place, reason));
        } else {
            entries.push(entry);
        }
    }
    entries
}

/// The name of a service.
struct ServiceName(String);

impl FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is not the name of a service: write 1 to {MAX_NAME_CHARACTERS} characters"
            ))
        }
    }
}

/// A path segment that no user may have as a name.
#[derive(PartialEq)]
struct ReservedUser(String);

impl FromStr for ReservedUser {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_name(text) && !text.contains('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is not a segment of a path: write 1 to {MAX_NAME_CHARACTERS} characters, without \"/\""
            ))
        }
    }
}

/// A response header that pages may read.
#[derive(PartialEq)]
struct ExposedHeader(HeaderName);

impl FromStr for ExposedHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.parse::<HeaderName>().ok();
        // `*` would mean every header.
        let Some(name) = name.filter(|name| name != "*" && is_name(name.as_str())) else {
            return Err(format!(
                "{text:?} is not the name of a header: write one as in \"x-page\", of at most {MAX_NAME_CHARACTERS} characters"
            ));
        };
        if name == SET_COOKIE {
            return Err(format!(
                "{text:?} is a header that browsers show to no page: remove it"
            ));
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests;

//! The paths of the host's own routes, as the table `[http]` of the manifest has them, and which of them are off.

use std::fmt;
use std::str::FromStr;

use berth_runtime::RoutePattern;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use toml::Spanned;

use super::faults::{Faults, Misplaced};

/// The host's own paths. `/` is not among them: the host answers it only if no component does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRoutes {
    /// The liveness probe.
    pub health: String,
    /// The readiness probe.
    pub ready: String,
    /// The OpenAPI document.
    pub openapi: Option<String>,
    /// The page to try the routes; its files are below it. None without the document.
    pub docs: Option<String>,
    /// The routes of registration, login, and the caller's account.
    pub accounts: Accounts,
}

/// The paths of the account routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// Below `/auth` and `/api/auth`, and at `/users/me` and `/api/users/me`.
    Usual,
    /// Below this path alone.
    At(String),
    /// No path. Tokens are still checked.
    Off,
}

/// A path of the host.
struct OwnPath<'a> {
    path: &'a str,
    /// The path's key in `[http]`.
    key: &'static str,
    /// Whether all paths below are the host's too.
    below: bool,
}

impl Default for OwnRoutes {
    fn default() -> Self {
        Self {
            health: "/health".to_owned(),
            ready: "/ready".to_owned(),
            openapi: Some("/openapi.json".to_owned()),
            docs: Some("/docs".to_owned()),
            accounts: Accounts::Usual,
        }
    }
}

impl Accounts {
    /// The paths below which accounts are served.
    #[must_use]
    pub fn bases(&self) -> Vec<&str> {
        match self {
            Self::Usual => vec!["/auth", "/api/auth"],
            Self::At(path) => vec![path],
            Self::Off => Vec::new(),
        }
    }

    /// The other paths of the caller's account.
    #[must_use]
    pub fn me(&self) -> &'static [&'static str] {
        if *self == Self::Usual {
            &["/users/me", "/api/users/me"]
        } else {
            &[]
        }
    }

    /// The path below which the OpenAPI document describes the account routes.
    #[must_use]
    pub fn base(&self) -> Option<&str> {
        self.bases().first().copied()
    }
}

impl OwnRoutes {
    /// All paths; the paths below `/docs` and `/auth` are the host's too.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        self.own().into_iter().map(|own| own.path).collect()
    }

    /// Whether `path` is one of the two probes.
    #[must_use]
    pub fn is_probe(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        path == self.health || path == self.ready
    }

    /// Whether the host answers `path` itself.
    #[must_use]
    pub fn answers(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.own().iter().any(|own| own.includes(path))
    }

    /// The host's own paths that `pattern` would match.
    #[must_use]
    pub fn hidden_from(&self, pattern: &RoutePattern) -> Vec<&str> {
        let mut route = matchit::Router::new();
        for path in pattern.paths() {
            if route.insert(path, ()).is_err() {
                return Vec::new();
            }
        }
        self.paths()
            .into_iter()
            .filter(|path| route.at(path).is_ok())
            .collect()
    }

    /// Returns an error if the host's own paths would hide `pattern` from a component.
    pub fn check(&self, pattern: &RoutePattern) -> Result<(), String> {
        let written = pattern.as_str();
        let Some(OwnPath { path, key, below }) = self.own().into_iter().find(|own| own.includes(written))
        else {
            return Ok(());
        };
        let place = if below {
            format!("{path}/")
        } else {
            path.to_owned()
        };
        Err(format!(
            "{written:?} clashes with {place:?}, which the host answers itself: choose another, or move the host's by `{key}` in [http]"
        ))
    }

    fn own(&self) -> Vec<OwnPath<'_>> {
        let page = |key, path| OwnPath {
            path,
            key,
            below: false,
        };
        let tree = |key, path| OwnPath {
            path,
            key,
            below: true,
        };
        let mut all = vec![page("health", &self.health), page("ready", &self.ready)];
        all.extend(self.openapi.iter().map(|path| page("openapi", path)));
        all.extend(self.docs.iter().map(|path| tree("docs", path)));
        all.extend(
            self.accounts
                .bases()
                .into_iter()
                .map(|path| tree("accounts", path)),
        );
        all.extend(self.accounts.me().iter().map(|path| page("accounts", path)));
        all
    }
}

impl OwnPath<'_> {
    /// Whether `other`, a pattern or a path, is this path or below it.
    fn includes(&self, other: &str) -> bool {
        other
            .strip_prefix(self.path)
            .is_some_and(|rest| rest.is_empty() || self.below && rest.starts_with('/'))
    }
}

/// The keys of `[http]` that are paths, as they are in the file.
#[derive(Default)]
pub(super) struct RawOwnRoutes {
    pub(super) health: Option<Spanned<Place>>,
    pub(super) ready: Option<Spanned<Place>>,
    pub(super) openapi: Option<Spanned<Place>>,
    pub(super) docs: Option<Spanned<Place>>,
    pub(super) accounts: Option<Spanned<Place>>,
}

/// Checks the paths, and takes the defaults for those that are missing. Without `docs_page` the page is off in any case.
pub(super) fn check(written: &RawOwnRoutes, docs_page: bool, faults: &mut Faults) -> OwnRoutes {
    let usual = OwnRoutes::default();
    let place = |written: &Option<Spanned<Place>>, usual| match written.as_ref().map(Spanned::get_ref) {
        None | Some(Place::Usual) => usual,
        Some(Place::At(path)) => Some(path.clone()),
        Some(Place::Off) => None,
    };
    let mut probe = |written: &Option<Spanned<Place>>, usual: String| {
        place(written, Some(usual.clone())).unwrap_or_else(|| {
            let at = written.as_ref().map(Spanned::span).unwrap_or_default();
            let reason =
                format!("{usual} can be moved, but not switched off, since probes ask it: write a path");
            faults.add(Misplaced::at(at, reason));
            usual
        })
    };
    let health = probe(&written.health, usual.health);
    let ready = probe(&written.ready, usual.ready);
    let openapi = place(&written.openapi, usual.openapi);
    if let (None, Some(docs)) = (&openapi, &written.docs)
        && *docs.get_ref() != Place::Off
    {
        let reason = "the page shows the OpenAPI document, which `openapi = false` switches off: remove one of the two";
        faults.add(Misplaced::at(docs.span(), reason));
    }
    let has_page = docs_page && openapi.is_some();
    let docs = place(&written.docs, usual.docs).filter(|_| has_page);
    let accounts = match written.accounts.as_ref().map(Spanned::get_ref) {
        None | Some(Place::Usual) => Accounts::Usual,
        Some(Place::At(path)) => Accounts::At(path.clone()),
        Some(Place::Off) => Accounts::Off,
    };
    let routes = OwnRoutes {
        health,
        ready,
        openapi,
        docs,
        accounts,
    };
    apart(&routes, written, faults);
    routes
}

/// Reports paths that equal another path of the host, or are below it.
fn apart(routes: &OwnRoutes, written: &RawOwnRoutes, faults: &mut Faults) {
    let all = routes.own();
    for (index, one) in all.iter().enumerate() {
        let clash = all
            .iter()
            .enumerate()
            .find(|(other, path)| *other != index && path.includes(one.path));
        let place = match one.key {
            "health" => &written.health,
            "ready" => &written.ready,
            "openapi" => &written.openapi,
            "docs" => &written.docs,
            _ => &written.accounts,
        };
        if let (Some((_, other)), Some(place)) = (clash, place) {
            let reason = format!(
                "{:?} clashes with {:?} of `{}`: choose another",
                one.path, other.path, other.key
            );
            faults.add(Misplaced::at(place.span(), reason));
        }
    }
}

/// A path, `true` for the default path, or `false` for none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Usual,
    At(String),
    Off,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        match text.strip_prefix('/') {
            Some(rest) if rest.split('/').all(is_segment) => Ok(Self::At(text.to_owned())),
            _ => Err(format!(
                "{text:?} is not a path for the host: write one as in \"/berth/health\", of letters, digits and -._~"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlaceVisitor)
    }
}

struct PlaceVisitor;

impl Visitor<'_> for PlaceVisitor {
    type Value = Place;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a path, true or false")
    }

    fn visit_bool<E: Error>(self, is_on: bool) -> Result<Place, E> {
        Ok(if is_on { Place::Usual } else { Place::Off })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Place, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests;

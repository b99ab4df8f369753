//! Path patterns: what a component may claim, and who has claimed it already.

use std::fmt;
use std::str::FromStr;

/// Paths that the host answers itself; everything below those that end in `/` is the host's too.
pub const HOST_ROUTES: [&str; 10] = [
    "/",
    "/health",
    "/ready",
    "/openapi.json",
    "/docs",
    "/docs/",
    "/auth/",
    "/api/auth/",
    "/users/me",
    "/api/users/me",
];

/// A path pattern as axum writes them: `/api/{user_id}/tasks/{*rest}`. A literal segment beats a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// As the manifest has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path that a pattern ending in `/{*rest}` matches beside those that it says: `/api/tasks` of `/api/tasks/{*rest}`.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once("/{*").map(|(parent, _)| parent).filter(|parent| !parent.is_empty())
    }

    /// The host's own route that would be hidden, or that would hide this one.
    fn hosts_own(&self) -> Option<&'static str> {
        HOST_ROUTES.into_iter().find(|own| {
            self.0 == *own
                || (own.len() > 1
                    && own.ends_with('/')
                    && (self.0.starts_with(own) || self.0 == own[..own.len() - 1]))
        })
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |reason: &str| Err(format!("{text:?} is not a route: {reason}"));
        if !text.starts_with('/') {
            return refused("begin it with a slash");
        }
        if text.len() > 1 && text.ends_with('/') {
            return refused("leave the last slash away, paths are matched with and without it");
        }
        if text.contains("//") {
            return refused("leave empty segments away");
        }
        if let Some(stray) = text.chars().find(|c| !c.is_ascii_graphic() || "?#%\"<>\\^`|".contains(*c)) {
            return refused(&format!("{stray:?} does not belong there"));
        }
        let pattern = Self(text.to_owned());
        if let Some(own) = pattern.hosts_own() {
            return Err(format!(
                "{text:?} clashes with {own:?}, which the host answers itself: choose another"
            ));
        }
        // Its form is settled here; that it clashes with another one shows when all of them are known.
        match matchit::Router::new().insert(text, ()) {
            Ok(()) => Ok(pattern),
            Err(error) => {
                refused(&format!("{error}; write parameters as {{name}}, and {{*rest}} at the end"))
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Who has claimed which paths.
#[derive(Default)]
pub(super) struct Claims<'a> {
    routes: matchit::Router<(&'a str, &'a Pattern)>,
}

impl<'a> Claims<'a> {
    /// Claims `pattern` for `component`, or says who had it first.
    pub(super) fn claim(&mut self, component: &'a str, pattern: &'a Pattern) -> Result<(), String> {
        self.insert(component, pattern, pattern.as_str())?;
        pattern.parent().map_or(Ok(()), |parent| self.insert(component, pattern, parent))
    }

    fn insert(&mut self, component: &'a str, pattern: &'a Pattern, path: &str) -> Result<(), String> {
        let Err(error) = self.routes.insert(path, (component, pattern)) else { return Ok(()) };
        let first = match error {
            matchit::InsertError::Conflict { with } => self.routes.at(&with).ok().map(|found| *found.value),
            other => return Err(format!("{pattern} cannot be used: {other}")),
        };
        let Some((owner, taken)) = first else {
            return Err(format!("{pattern} clashes with another route: change one of the two"));
        };
        if owner == component {
            Err(format!("{pattern} says what {taken} says already: leave one of the two away"))
        } else {
            Err(format!(
                "{pattern} of {component:?} clashes with {taken} of {owner:?}: change one of the two"
            ))
        }
    }
}

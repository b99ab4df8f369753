//! The path patterns of a component's routes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A path pattern in axum's syntax: `/api/{user_id}/orders/{*rest}`. A literal segment takes precedence over a
/// parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePattern(Arc<str>);

impl RoutePattern {
    /// The pattern as it is in the manifest.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The additional path that a pattern ending in `/{*rest}` matches: `/api/orders` for `/api/orders/{*rest}`, `/` for
    /// `/{*rest}`.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        let (parent, _) = self.0.rsplit_once("/{*")?;
        Some(if parent.is_empty() { "/" } else { parent })
    }

    /// All paths and patterns to give to a router: the pattern, and its [parent](Self::parent).
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        [Some(self.as_str()), self.parent()].into_iter().flatten()
    }

    /// The pattern, as a text that is shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Whether the pattern takes precedence over `other` at a path that both match: at the first segment that differs, a
    /// literal beats a parameter, and a parameter beats `{*rest}`.
    #[must_use]
    pub fn takes_precedence_over(&self, other: &Self) -> bool {
        let segments = self.0.split('/').zip(other.0.split('/'));
        let mut ranks = segments.map(|(one, another)| (rank(one), rank(another)));
        match ranks.find(|(one, another)| one != another) {
            Some((one, another)) => one > another,
            // The parent of a pattern with `{*rest}` is shorter, and beside it a literal route is.
            None => self.parent().is_none() && other.parent().is_some(),
        }
    }

    /// Whether the pattern matches `/`.
    #[must_use]
    pub fn answers_root(&self) -> bool {
        &*self.0 == "/" || self.parent() == Some("/")
    }
}

impl FromStr for RoutePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |reason: &str| Err(format!("{text:?} is not a route: {reason}"));
        if !text.starts_with('/') {
            return refused("begin it with a slash");
        }
        if text.len() > 1 && text.ends_with('/') {
            return refused("remove the last slash, since paths are matched with and without it");
        }
        if text.contains("//") {
            return refused("remove empty segments");
        }
        if let Some(meant) = in_our_dialect(text) {
            return refused(&format!(
                "write {meant:?}, as parameters are {{name}}, and {{*rest}} at the end"
            ));
        }
        if let Some(stray) = text
            .chars()
            .find(|c| !c.is_ascii_graphic() || "?#%\"<>\\^`|".contains(*c))
        {
            return refused(&format!("{stray:?} does not belong there"));
        }
        // Only the syntax is checked here; conflicts show when all patterns are known.
        match matchit::Router::new().insert(text, ()) {
            Ok(()) => Ok(Self(text.into())),
            Err(error) => refused(&format!(
                "{error}; write parameters as {{name}}, and {{*rest}} at the end"
            )),
        }
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How much of a path a segment of a pattern fixes.
fn rank(segment: &str) -> u8 {
    if segment.starts_with("{*") {
        0
    } else if segment.starts_with('{') {
        1
    } else if segment.contains('{') {
        2
    } else {
        3
    }
}

/// The pattern for a route in another router's syntax: `/x/:id`, `/x/<id>` and `/x/[id]` are `/x/{id}`; `/x/*`,
/// `/x/...` and `/x/{rest...}` are `/x/{*rest}`. None if the route is in no other syntax.
fn in_our_dialect(text: &str) -> Option<String> {
    let last = text.matches('/').count();
    let segments: Vec<_> = text.split('/').enumerate().collect();
    let ours: Vec<_> = segments
        .iter()
        .map(|(index, segment)| segment_in_our_dialect(segment, *index == last))
        .collect();
    if ours.iter().all(Option::is_none) {
        return None;
    }
    let ours = ours
        .into_iter()
        .zip(segments)
        .map(|(ours, (_, segment))| ours.unwrap_or(segment.to_owned()));
    Some(ours.collect::<Vec<_>>().join("/"))
}

fn segment_in_our_dialect(segment: &str, is_last: bool) -> Option<String> {
    let is_name = |name: &&str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let between = |begin: &str, end: &str| {
        segment
            .strip_prefix(begin)
            .and_then(|rest| rest.strip_suffix(end))
    };
    if is_last {
        if matches!(segment, "*" | "**" | "..." | "(.*)") {
            return Some("{*rest}".to_owned());
        }
        let rest = segment
            .strip_prefix('*')
            .or_else(|| between(":", "*"))
            .or_else(|| between("[...", "]"));
        let rest = rest
            .or_else(|| between("{", "...}"))
            .or_else(|| between("{", "+}"));
        if let Some(name) = rest.filter(is_name) {
            return Some(format!("{{*{name}}}"));
        }
    } else if segment == "*" {
        return Some("{name}".to_owned());
    }
    // Flask has a type before the name: `<int:id>`.
    let in_angles = between("<", ">").map(|name| name.rsplit(':').next().unwrap_or(name));
    let name = segment
        .strip_prefix(':')
        .or(in_angles)
        .or_else(|| between("[", "]"));
    name.filter(is_name).map(|name| format!("{{{name}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_literal_pattern_takes_precedence() {
        let takes_precedence = |one: &str, other: &str| -> bool {
            let pattern = |text: &str| text.parse::<RoutePattern>().ok();
            pattern(one)
                .zip(pattern(other))
                .is_some_and(|(one, other)| one.takes_precedence_over(&other))
        };
        for (first, second) in [
            ("/api/tasks", "/{*rest}"),
            ("/api/{user}/tasks", "/api/{*rest}"),
            ("/api/tasks/{*rest}", "/api/{user}/{*rest}"),
            ("/api/{user}/tasks", "/{*rest}"),
            ("/x{a}/b", "/{x}/b"),
            ("/", "/{*rest}"),
            ("/assets", "/assets/{*rest}"),
        ] {
            assert!(takes_precedence(first, second), "{first} {second}");
            assert!(!takes_precedence(second, first), "{second} {first}");
        }
        assert!(!takes_precedence("/a/{x}", "/a/{y}"));
    }

    #[test]
    fn routes_of_other_dialects_are_refused_with_the_spelling_that_is_meant() {
        for (written, meant) in [
            ("/x/:id", "/x/{id}"),
            ("/x/:id/y/:name", "/x/{id}/y/{name}"),
            ("/x/<id>", "/x/{id}"),
            ("/x/<int:id>", "/x/{id}"),
            ("/x/[id]", "/x/{id}"),
            ("/x/*", "/x/{*rest}"),
            ("/*", "/{*rest}"),
            ("/x/*/y", "/x/{name}/y"),
            ("/x/**", "/x/{*rest}"),
            ("/x/...", "/x/{*rest}"),
            ("/...", "/{*rest}"),
            ("/x/*path", "/x/{*path}"),
            ("/x/:path*", "/x/{*path}"),
            ("/x/[...path]", "/x/{*path}"),
            ("/x/{path...}", "/x/{*path}"),
            ("/x/{proxy+}", "/x/{*proxy}"),
        ] {
            let refusal = written.parse::<RoutePattern>().err().unwrap_or_default();
            assert!(
                refusal.contains(&format!("write {meant:?}")),
                "{written}: {refusal}"
            );
            assert!(meant.parse::<RoutePattern>().is_ok(), "{meant}");
        }
        for literal in [
            "/x/a:b",
            "/x/a.b",
            "/x/..a",
            "/v1/tasks:batch",
            "/@me",
            "/x/{id}",
            "/{*rest}",
            "/",
        ] {
            assert!(literal.parse::<RoutePattern>().is_ok(), "{literal}");
        }
    }
}

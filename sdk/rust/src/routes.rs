//! Finds the handler for a method and a path.
//!
//! The table is searched from its start to its end. A tree (`matchit`, say) would have to be built for each request,
//! since an instance serves only one: for tables of this size, that costs more than it saves.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::{Error, Principal, Request, Response};

/// A handler: answers a request whose caller is known.
pub type Handler = fn(&Principal, &Request) -> Result<Response, Error>;

/// A path pattern, and a handler for each of its methods.
///
/// A segment in braces is a parameter: it matches one segment that is not empty. Where two patterns match, the pattern
/// with the earlier literal segment is taken, whatever the order in the table. `{user_id}` is special: it never matches
/// the contract's reserved words, and a caller reaches only paths with the caller's own id.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pattern: &'static str,
    handlers: [Option<Handler>; Method::ALL.len()],
}

/// A method that routes can have. HEAD is answered wherever GET is, and the host answers OPTIONS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads a resource.
    Get,
    /// Creates a resource.
    Post,
    /// Changes a resource.
    Put,
    /// Changes a resource, like `Put`.
    Patch,
    /// Removes a resource.
    Delete,
}

/// The parameter that must be the caller's own subject.
pub(crate) const USER_ID: &str = "user_id";

/// Words that begin paths of their own, so that they cannot be the id of a user.
const RESERVED: [&str; 7] = [
    "auth",
    "chat",
    "conversations",
    "dashboard",
    "stats",
    "tasks",
    "users",
];

impl Route {
    /// A path without methods.
    #[must_use]
    pub const fn at(pattern: &'static str) -> Self {
        Self {
            pattern,
            handlers: [None; Method::ALL.len()],
        }
    }

    /// Adds the handler of GET and HEAD.
    #[must_use]
    pub const fn get(self, handler: Handler) -> Self {
        self.on(Method::Get, handler)
    }

    /// Adds the handler of POST.
    #[must_use]
    pub const fn post(self, handler: Handler) -> Self {
        self.on(Method::Post, handler)
    }

    /// Adds the handler of PUT.
    #[must_use]
    pub const fn put(self, handler: Handler) -> Self {
        self.on(Method::Put, handler)
    }

    /// Adds the handler of PATCH.
    #[must_use]
    pub const fn patch(self, handler: Handler) -> Self {
        self.on(Method::Patch, handler)
    }

    /// Adds the handler of DELETE.
    #[must_use]
    pub const fn delete(self, handler: Handler) -> Self {
        self.on(Method::Delete, handler)
    }

    const fn on(mut self, method: Method, handler: Handler) -> Self {
        self.handlers[method as usize] = Some(handler);
        self
    }

    /// The pattern of the route's path.
    #[must_use]
    pub const fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// The methods of the route, without HEAD.
    pub fn methods(&self) -> impl Iterator<Item = Method> {
        Method::ALL
            .into_iter()
            .filter(|method| self.handlers[*method as usize].is_some())
    }

    /// The value of the header `Allow`.
    fn allow(&self) -> String {
        let names: Vec<&str> = self
            .methods()
            .map(|method| {
                if method == Method::Get {
                    "GET, HEAD"
                } else {
                    method.name()
                }
            })
            .collect();
        names.join(", ")
    }

    fn matches(&self, path: &str) -> bool {
        let mut given = segments(path);
        let all = segments(self.pattern).all(|expected| {
            given
                .next()
                .is_some_and(|segment| match parameter_name(expected) {
                    Some(name) if name == USER_ID.as_bytes() => !segment.is_empty() && !is_reserved(segment),
                    Some(_) => !segment.is_empty(),
                    None => segment == expected,
                })
        });
        all && given.next().is_none()
    }

    /// Orders patterns that match the same path: the pattern with the earlier literal segment comes first.
    fn parameters_at(&self) -> impl Iterator<Item = bool> {
        segments(self.pattern).map(|segment| parameter_name(segment).is_some())
    }
}

impl Method {
    /// Every method, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// The name of the method in HTTP: `GET`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// The route and the handler that `table` has for a request. `method` is `None` for a method that no route can have.
pub(crate) fn find<'t>(
    table: &'t [Route],
    method: Option<Method>,
    path: &str,
) -> Result<(&'t Route, Handler), Error> {
    let matching = table.iter().filter(|route| route.matches(path));
    let route = matching
        .min_by(|one, other| one.parameters_at().cmp(other.parameters_at()))
        .ok_or(Error::NotFound)?;
    let handler = method.and_then(|method| route.handlers[method as usize]);
    Ok((
        route,
        handler.ok_or_else(|| Error::MethodNotAllowed { allow: route.allow() })?,
    ))
}

/// The percent-decoded value of the parameter `name` in `path`, which `pattern` matches.
pub(crate) fn parameter<'p>(pattern: &str, path: &'p str, name: &str) -> Option<Cow<'p, str>> {
    let mut pairs = segments(pattern).zip(segments(path));
    pairs
        .find(|(expected, _)| parameter_name(expected) == Some(name.as_bytes()))
        .map(|(_, segment)| decode(segment))
}

/// The segments of a path, as bytes: a search for a `char` costs more than all the rest for a table of this size.
fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|byte| *byte == b'/')
}

fn parameter_name(segment: &[u8]) -> Option<&[u8]> {
    segment.strip_prefix(b"{")?.strip_suffix(b"}")
}

fn is_reserved(segment: &[u8]) -> bool {
    RESERVED.contains(&&*decode(segment))
}

fn decode(segment: &[u8]) -> Cow<'_, str> {
    percent_decode(segment).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Route] = &[
        Route::at("/api/{user_id}/tasks").get(any).post(any),
        Route::at("/api/{user_id}/tasks/{id}")
            .get(any)
            .put(any)
            .patch(any)
            .delete(any),
        Route::at("/api/tasks").get(any).post(any),
        Route::at("/api/tasks/{id}").get(any).delete(any),
        Route::at("/api/stats").get(any),
    ];

    fn any(_: &Principal, _: &Request) -> Result<Response, Error> {
        Err(Error::NotFound)
    }

    /// The pattern that answers a GET of `path`.
    fn get(path: &str) -> Option<&'static str> {
        find(TABLE, Some(Method::Get), path)
            .ok()
            .map(|(route, _)| route.pattern())
    }

    #[test]
    fn a_literal_segment_beats_a_parameter_whatever_the_order() {
        assert_eq!(get("/api/tasks"), Some("/api/tasks"));
        assert_eq!(get("/api/tasks/7"), Some("/api/tasks/{id}"));
        assert_eq!(get("/api/tasks/tasks"), Some("/api/tasks/{id}"));
        assert_eq!(get("/api/ann/tasks"), Some("/api/{user_id}/tasks"));
        assert_eq!(get("/api/ann/tasks/7"), Some("/api/{user_id}/tasks/{id}"));
        assert_eq!(get("/api/stats"), Some("/api/stats"));
        assert_eq!(get("/api/stats/tasks"), None);
    }

    #[test]
    fn reserved_words_are_never_a_user() {
        for word in RESERVED {
            assert_eq!(get(&format!("/api/{word}/tasks/7/8")), None);
            if word != "tasks" {
                assert_eq!(get(&format!("/api/{word}/tasks")), None);
                assert_eq!(get(&format!("/api/{word}/tasks/7")), None);
            }
        }
        assert_eq!(get("/api/%61uth/tasks"), None);
        assert_eq!(get("/api/author/tasks"), Some("/api/{user_id}/tasks"));
    }

    #[test]
    fn every_other_path_is_not_found() {
        for path in [
            "",
            "/",
            "/api",
            "/api/",
            "/api//tasks",
            "/api/ann/tasks/",
            "/api/tasks/7/x",
            "/API/tasks",
            "/api/ann",
        ] {
            assert!(
                matches!(find(TABLE, Some(Method::Get), path), Err(Error::NotFound)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_method_that_a_path_does_not_have_is_told_which_it_has() {
        let allow = |method, path| match find(TABLE, method, path) {
            Err(Error::MethodNotAllowed { allow }) => allow,
            other => format!("{other:?}"),
        };
        assert_eq!(allow(Some(Method::Delete), "/api/tasks"), "GET, HEAD, POST");
        assert_eq!(
            allow(Some(Method::Post), "/api/ann/tasks/7"),
            "GET, HEAD, PUT, PATCH, DELETE"
        );
        assert_eq!(allow(None, "/api/stats"), "GET, HEAD");
    }

    #[test]
    fn parameters_are_percent_decoded() {
        let of = |path, name| parameter("/api/{user_id}/tasks/{id}", path, name);
        assert_eq!(
            of("/api/auth0%7C12/tasks/7", "user_id").as_deref(),
            Some("auth0|12")
        );
        assert_eq!(of("/api/a%2Fb/tasks/7", "user_id").as_deref(), Some("a/b"));
        assert_eq!(of("/api/%ff/tasks/7", "user_id").as_deref(), Some("\u{fffd}"));
        assert_eq!(of("/api/ann/tasks/7", "id").as_deref(), Some("7"));
        assert_eq!(of("/api/ann/tasks/7", "other"), None);
    }
}

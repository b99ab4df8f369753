//! Finds the handler for a method and a path.
//!
//! The table is searched from its start to its end. A tree (`matchit`, say) would have to be built for each request,
//! since an instance serves only one: for tables of this size, that costs more than it saves.

mod method;
mod pattern;

pub use method::Method;

use crate::{Error, Principal, Request, Response};
use pattern::Parameters;

/// A handler for authenticated callers. The SDK answers 401 to a request without a caller.
///
/// ```
/// use berth_sdk::{Error, Handler, Principal, Request, Response};
///
/// fn whoami(caller: &Principal, _: &Request) -> Result<Response, Error> {
///     Ok(Response::text(200, &caller.subject))
/// }
///
/// let _: Handler = whoami;
/// ```
pub type Handler = fn(&Principal, &Request) -> Result<Response, Error>;

/// A handler for everybody. The caller is `None` if the request came without a token.
///
/// ```
/// use berth_sdk::{Error, Principal, PublicHandler, Request, Response};
///
/// fn greet(caller: Option<&Principal>, _: &Request) -> Result<Response, Error> {
///     Ok(Response::text(200, caller.map_or("stranger", |caller| &caller.subject)))
/// }
///
/// let _: PublicHandler = greet;
/// ```
pub type PublicHandler = fn(Option<&Principal>, &Request) -> Result<Response, Error>;

/// Either kind of handler.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnyHandler {
    /// For authenticated callers.
    Private(Handler),
    /// For everybody.
    Public(PublicHandler),
}

/// The routes of a component.
///
/// ```
/// use berth_sdk::{Error, Principal, Request, Response, Route, Routes};
///
/// const ROUTES: Routes = Routes::new(&[
///     Route::at("/notes").get(list),
///     Route::at("/{user_id}/notes").get(list),
/// ])
/// .with_caller("user_id");
///
/// fn list(caller: &Principal, _: &Request) -> Result<Response, Error> {
///     Ok(Response::text(200, format!("the notes of {}", caller.subject)))
/// }
/// # assert_eq!(ROUTES.iter().count(), 2);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Routes {
    table: &'static [Route],
    parameters: Parameters,
}

impl Routes {
    /// Routes from a table, whose order does not matter: where two patterns match a path, the pattern with the earlier
    /// literal segment is taken.
    ///
    /// ```
    /// # use berth_sdk::{Route, Routes};
    /// const ROUTES: Routes = Routes::new(&[Route::at("/notes"), Route::at("/notes/{id}")]);
    /// # assert_eq!(ROUTES.iter().count(), 2);
    /// ```
    #[must_use]
    pub const fn new(table: &'static [Route]) -> Self {
        Self {
            table,
            parameters: Parameters {
                caller: None,
                reserved: &[],
            },
        }
    }

    /// Makes `parameter` the caller's own identifier on every route that has it: the SDK answers 403 to a request whose
    /// path has the identifier of another user.
    ///
    /// ```
    /// # use berth_sdk::{Route, Routes};
    /// const ROUTES: Routes = Routes::new(&[Route::at("/{user_id}/notes")]).with_caller("user_id");
    /// assert_eq!(ROUTES.caller(), Some("user_id"));
    /// ```
    #[must_use]
    pub const fn with_caller(mut self, parameter: &'static str) -> Self {
        self.parameters.caller = Some(parameter);
        self
    }

    /// Words that the caller's parameter never matches, because they begin paths of their own: with `notes` reserved,
    /// `/notes/7` is not the path `/{user_id}/7`.
    ///
    /// ```
    /// # use berth_sdk::{Route, Routes};
    /// const ROUTES: Routes =
    ///     Routes::new(&[Route::at("/{user_id}/{id}")]).with_caller("user_id").with_reserved(&["notes"]);
    /// # assert_eq!(ROUTES.caller(), Some("user_id"));
    /// ```
    #[must_use]
    pub const fn with_reserved(mut self, words: &'static [&'static str]) -> Self {
        self.parameters.reserved = words;
        self
    }

    /// The name of the parameter that is the caller's own identifier.
    ///
    /// ```
    /// # use berth_sdk::Routes;
    /// assert_eq!(Routes::new(&[]).caller(), None);
    /// ```
    #[must_use]
    pub const fn caller(&self) -> Option<&'static str> {
        self.parameters.caller
    }

    /// The routes, in the order of the table.
    ///
    /// ```
    /// # use berth_sdk::{Route, Routes};
    /// const ROUTES: Routes = Routes::new(&[Route::at("/notes"), Route::at("/notes/{id}")]);
    /// let patterns: Vec<_> = ROUTES.iter().map(|route| route.pattern()).collect();
    /// assert_eq!(patterns, ["/notes", "/notes/{id}"]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &'static Route> + use<> {
        self.table.iter()
    }

    /// The route and the handler for a request. `method` is `None` for a method that no route can have.
    pub(crate) fn find(
        &self,
        method: Option<Method>,
        path: &str,
    ) -> Result<(&'static Route, AnyHandler), Error> {
        let matching = self
            .table
            .iter()
            .filter(|route| self.parameters.match_path(route.pattern, path));
        let route = matching
            .min_by(|one, other| {
                pattern::parameters_at(one.pattern).cmp(pattern::parameters_at(other.pattern))
            })
            .ok_or(Error::NotFound)?;
        let handler = method.and_then(|method| route.handlers[method as usize]);
        Ok((
            route,
            handler.ok_or_else(|| Error::MethodNotAllowed { allow: route.allow() })?,
        ))
    }
}

/// A path pattern, and a handler for each of its methods.
///
/// A segment in braces is a parameter: it matches one segment that is not empty.
///
/// ```
/// use berth_sdk::{Error, Method, Principal, Request, Response, Route};
///
/// fn read(_: &Principal, request: &Request) -> Result<Response, Error> {
///     Ok(Response::text(200, request.parameter("id").unwrap_or_default()))
/// }
///
/// const NOTE: Route = Route::at("/notes/{id}").get(read);
/// assert_eq!(NOTE.pattern(), "/notes/{id}");
/// assert!(NOTE.methods().eq([Method::Get]));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pattern: &'static str,
    handlers: [Option<AnyHandler>; Method::ALL.len()],
}

impl Route {
    /// A path without methods.
    ///
    /// ```
    /// # use berth_sdk::Route;
    /// assert_eq!(Route::at("/notes").methods().count(), 0);
    /// ```
    #[must_use]
    pub const fn at(pattern: &'static str) -> Self {
        Self {
            pattern,
            handlers: [None; Method::ALL.len()],
        }
    }

    /// Adds the handler of GET and HEAD.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response, Route};
    /// fn list(_: &Principal, _: &Request) -> Result<Response, Error> {
    ///     Ok(Response::json_text(200, "[]"))
    /// }
    /// const NOTES: Route = Route::at("/notes").get(list);
    /// ```
    #[must_use]
    pub const fn get(self, handler: Handler) -> Self {
        self.on(Method::Get, handler)
    }

    /// Adds the handler of POST, as [`Route::get`] does.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response, Route};
    /// fn handle(_: &Principal, _: &Request) -> Result<Response, Error> {
    ///     Ok(Response::empty(204))
    /// }
    /// const NOTES: Route = Route::at("/notes").post(handle);
    /// ```
    #[must_use]
    pub const fn post(self, handler: Handler) -> Self {
        self.on(Method::Post, handler)
    }

    /// Adds the handler of PUT, as [`Route::get`] does.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response, Route};
    /// fn handle(_: &Principal, _: &Request) -> Result<Response, Error> {
    ///     Ok(Response::empty(204))
    /// }
    /// const NOTES: Route = Route::at("/notes").put(handle);
    /// ```
    #[must_use]
    pub const fn put(self, handler: Handler) -> Self {
        self.on(Method::Put, handler)
    }

    /// Adds the handler of PATCH, as [`Route::get`] does.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response, Route};
    /// fn handle(_: &Principal, _: &Request) -> Result<Response, Error> {
    ///     Ok(Response::empty(204))
    /// }
    /// const NOTES: Route = Route::at("/notes").patch(handle);
    /// ```
    #[must_use]
    pub const fn patch(self, handler: Handler) -> Self {
        self.on(Method::Patch, handler)
    }

    /// Adds the handler of DELETE, as [`Route::get`] does.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response, Route};
    /// fn handle(_: &Principal, _: &Request) -> Result<Response, Error> {
    ///     Ok(Response::empty(204))
    /// }
    /// const NOTES: Route = Route::at("/notes").delete(handle);
    /// ```
    #[must_use]
    pub const fn delete(self, handler: Handler) -> Self {
        self.on(Method::Delete, handler)
    }

    /// Adds a handler of `method` for authenticated callers.
    ///
    /// ```
    /// # use berth_sdk::{Error, Method, Principal, Request, Response, Route};
    /// # fn list(_: &Principal, _: &Request) -> Result<Response, Error> {
    /// #     Ok(Response::json_text(200, "[]"))
    /// # }
    /// const NOTES: Route = Route::at("/notes").on(Method::Get, list);
    /// ```
    #[must_use]
    pub const fn on(mut self, method: Method, handler: Handler) -> Self {
        self.handlers[method as usize] = Some(AnyHandler::Private(handler));
        self
    }

    /// Adds a handler of `method` that also answers requests without a caller.
    ///
    /// In the manifest, the component needs `authentication = "optional"`; otherwise the host answers 401 itself.
    ///
    /// ```
    /// # use berth_sdk::{Error, Method, Principal, Request, Response, Route};
    /// fn greet(_: Option<&Principal>, _: &Request) -> Result<Response, Error> {
    ///     Ok(Response::text(200, "Hello!"))
    /// }
    /// const HELLO: Route = Route::at("/hello").public(Method::Get, greet);
    /// ```
    #[must_use]
    pub const fn public(mut self, method: Method, handler: PublicHandler) -> Self {
        self.handlers[method as usize] = Some(AnyHandler::Public(handler));
        self
    }

    /// The pattern of the route's path.
    ///
    /// ```
    /// # use berth_sdk::Route;
    /// assert_eq!(Route::at("/notes/{id}").pattern(), "/notes/{id}");
    /// ```
    #[must_use]
    pub const fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// The methods of the route, without HEAD.
    ///
    /// ```
    /// # use berth_sdk::Route;
    /// assert_eq!(Route::at("/notes").methods().next(), None);
    /// ```
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
}

/// The percent-decoded value of the parameter `name` in `path`, which `pattern` matches.
pub(crate) use pattern::parameter;

#[cfg(test)]
mod tests;

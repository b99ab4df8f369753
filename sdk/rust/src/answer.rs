//! From a request to its response: the route, the caller, the handler.

use crate::host::{self, Incoming};
use crate::request::path_of;
use crate::routes::AnyHandler;
use crate::{Error, Method, Principal, Request, Response, Routes};

/// Answers a request by the handler that `routes` have for it. `target` is the path with an optional query.
pub(crate) fn answer(
    routes: &Routes,
    method: Option<Method>,
    target: String,
    incoming: Incoming,
) -> Response {
    match routes.find(method, path_of(&target)) {
        Err(error) => error.into_response("routing"),
        Ok((route, handler)) => {
            let request = Request::new(incoming, route.pattern(), target);
            handle(routes, handler, &request).unwrap_or_else(|error| error.into_response(route.pattern()))
        }
    }
}

fn handle(routes: &Routes, handler: AnyHandler, request: &Request) -> Result<Response, Error> {
    match handler {
        AnyHandler::Private(handler) => {
            let caller = host::caller().ok_or(Error::NotAuthenticated)?;
            check_path(routes, request, &caller)?;
            handler(&caller, request)
        }
        AnyHandler::Public(handler) => handler(host::caller().as_ref(), request),
    }
}

/// Compares the caller with the path, if the path has a caller.
fn check_path(routes: &Routes, request: &Request, caller: &Principal) -> Result<(), Error> {
    let in_path = routes.caller().and_then(|name| request.parameter(name));
    match in_path {
        Some(user) if user != caller.subject => Err(Error::Forbidden),
        _ => Ok(()),
    }
}

//! {{name}}: greets its caller.
//!
//! This file goes from a request to a response. `greeting` does not depend on HTTP, so its test needs none.

mod greeting;

use berth_sdk::{Error, Method, Principal, Request, Response, Route, Routes};

const ROUTES: Routes = Routes::new(&[Route::at("/{{name}}").public(Method::Get, hello)]);

berth_sdk::component! { routes: ROUTES }

/// `GET /{{name}}`
fn hello(caller: Option<&Principal>, _: &Request) -> Result<Response, Error> {
    let name = caller.map(|caller| caller.name.as_ref().or(caller.email.as_ref()).unwrap_or(&caller.subject));
    Ok(Response::text(200, greeting::greet(name.map(String::as_str))))
}

/// Does nothing: the host calls the component's exports instead.
fn main() {}

#[cfg(test)]
mod tests {
    use berth_sdk::testing::{Call, Host};

    use super::*;

    /// The handler runs on this machine, with a host that the test sets up.
    #[test]
    fn everybody_is_greeted() {
        let host = Host::new();
        assert_eq!(host.call(&ROUTES, Call::get("/{{name}}")).text(), greeting::greet(None));
        let ann = host.with_user("ann").call(&ROUTES, Call::get("/{{name}}"));
        assert_eq!((ann.status(), ann.text()), (200, greeting::greet(Some("ann"))));
    }
}

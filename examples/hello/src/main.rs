//! hello: the smallest component. It greets its caller, or a stranger, in the words that the manifest gives it.

use berth_sdk::{Error, Method, Principal, Request, Response, Route, Routes, config};

const ROUTES: Routes = Routes::new(&[Route::at("/hello").public(Method::Get, hello)]);

berth_sdk::component! { routes: ROUTES }

/// `GET /hello`
fn hello(caller: Option<&Principal>, _: &Request) -> Result<Response, Error> {
    let greeting = config::get("greeting")?.unwrap_or_else(|| "Hello".to_owned());
    let name = caller.map_or("stranger", |caller| &caller.subject);
    Ok(Response::text(200, format!("{greeting}, {name}!\n")))
}

/// Does nothing: the host calls the component's exports.
fn main() {}

#[cfg(test)]
mod tests {
    use berth_sdk::testing::{Call, Host};

    use super::*;

    fn greeted(host: &Host) -> String {
        host.call(&ROUTES, Call::get("/hello")).text()
    }

    #[test]
    fn a_caller_is_greeted_by_name_and_a_stranger_too() {
        assert_eq!(greeted(&Host::new()), "Hello, stranger!\n");
        assert_eq!(greeted(&Host::new().with_user("ann")), "Hello, ann!\n");
    }

    #[test]
    fn the_manifest_says_in_which_words() {
        let host = Host::new().with_config("greeting", "Good morning");
        assert_eq!(greeted(&host), "Good morning, stranger!\n");
    }
}

//! guestbook: entries in PostgreSQL. Everybody reads the latest of them; a user with a token writes, and deletes what is
//! their own.
//!
//! - this file: the routes and their handlers
//! - `entry`: an entry, the rules for a new one, and the SQL

mod entry;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod tests;

use berth_sdk::contract::Integer;
use berth_sdk::{Error, Method, Principal, Request, Response, Route, Routes};

use crate::entry::NewEntry;

const ROUTES: Routes = Routes::new(&[
    Route::at("/guestbook").public(Method::Get, list).post(write),
    Route::at("/guestbook/mine").get(list_own),
    Route::at("/guestbook/{id}").delete(delete),
]);

berth_sdk::component! {
    routes: ROUTES,
    migrations: berth_sdk::migrations!(),
    document: include_str!("../openapi.json"),
}

/// `GET /guestbook`
fn list(_: Option<&Principal>, _: &Request) -> Result<Response, Error> {
    Ok(Response::json(200, &entry::latest()?))
}

/// `GET /guestbook/mine`
fn list_own(caller: &Principal, _: &Request) -> Result<Response, Error> {
    Ok(Response::json(200, &entry::latest_of(&caller.subject)?))
}

/// `POST /guestbook`
fn write(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let new = NewEntry::read(request.fields()?)?;
    Ok(Response::json(201, &entry::write(&caller.subject, new)?))
}

/// `DELETE /guestbook/{id}`. An entry of somebody else is answered as if it did not exist.
fn delete(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let mut path = request.path_fields("id");
    let id = path.required("id", &Integer::ANY);
    let id = path.finish(id)?;
    if entry::delete(&caller.subject, id)? {
        Ok(Response::empty(204))
    } else {
        Err(Error::refused(404, "Entry not found"))
    }
}

/// Does nothing: the host calls the component's exports.
fn main() {}

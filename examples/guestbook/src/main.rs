//! guestbook: entries in PostgreSQL. Everybody reads the latest of them; a user with a token writes, and deletes what is
//! their own. A user's drafts are seen by nobody else.
//!
//! - this file: the routes and their handlers
//! - `entry`: an entry, the rules for a new one, and the SQL
//! - `draft`: a draft of an entry, which belongs to a user

mod draft;
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
    Route::at("/guestbook/drafts").get(list_drafts).post(write_draft),
    Route::at("/guestbook/drafts/{id}/publish").post(publish),
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

/// `GET /guestbook/drafts`
fn list_drafts(_: &Principal, _: &Request) -> Result<Response, Error> {
    Ok(Response::json(200, &draft::latest()?))
}

/// `POST /guestbook/drafts`
fn write_draft(_: &Principal, request: &Request) -> Result<Response, Error> {
    let new = NewEntry::read(request.fields()?)?;
    Ok(Response::json(201, &draft::write(new)?))
}

/// `POST /guestbook/drafts/{id}/publish`
fn publish(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let published = draft::publish(&caller.subject, id(request)?)?;
    let entry = published.ok_or_else(|| Error::refused(404, "Draft not found"))?;
    Ok(Response::json(201, &entry))
}

/// `DELETE /guestbook/{id}`. An entry of somebody else is answered as if it did not exist.
fn delete(caller: &Principal, request: &Request) -> Result<Response, Error> {
    if entry::delete(&caller.subject, id(request)?)? {
        Ok(Response::empty(204))
    } else {
        Err(Error::refused(404, "Entry not found"))
    }
}

/// The number in the path.
fn id(request: &Request) -> Result<i64, Error> {
    let mut path = request.path_fields("id");
    let id = path.required("id", &Integer::ANY);
    Ok(path.finish(id)?)
}

/// Does nothing: the host calls the component's exports.
fn main() {}

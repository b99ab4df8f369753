//! The handlers of every route except lists: each reads its request, runs one statement and returns the result.

use berth_sdk::contract::{Fields, Integer, Violations, both};
use berth_sdk::{Error, Principal, Request, Response};

use crate::store;
use crate::task::{NewTask, Shape, TaskChanges, read_completion};

/// `POST …/tasks`
pub(crate) fn create(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let shape = shape(request);
    let task = NewTask::read(request.fields()?, shape)?;
    let row = store::create(&caller.subject, task, shape).query_json_row()?;
    Ok(Response::json_text(
        201,
        row.ok_or(Error::Internal("an INSERT returned no row".into()))?,
    ))
}

/// `GET …/tasks/{id}`
pub(crate) fn read(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let id = task_id(request.path_fields("id"))?;
    found(store::read(&caller.subject, id, shape(request)).query_json_row()?)
}

/// `PUT` and `PATCH …/tasks/{id}`
pub(crate) fn update(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let shape = shape(request);
    let id = task_id(request.path_fields("id"));
    let (id, changes) = both(id, TaskChanges::read(request.fields()?, shape))?;
    found(store::update(&caller.subject, id, changes, shape).query_json_row()?)
}

/// `PATCH …/tasks/{id}/complete`
pub(crate) fn complete(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let shape = shape(request);
    let id = task_id(request.path_fields("id"));
    let (id, completed) = both(id, read_completion(request.optional_fields()?))?;
    found(store::complete(&caller.subject, id, completed, shape).query_json_row()?)
}

/// `DELETE …/tasks/{id}`
pub(crate) fn delete(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let id = task_id(request.path_fields("id"))?;
    match store::delete(&caller.subject, id).execute()? {
        0 => Err(not_found()),
        _ => Ok(Response::empty(204)),
    }
}

/// `GET …/stats`
pub(crate) fn stats(caller: &Principal, _: &Request) -> Result<Response, Error> {
    figures(store::stats(&caller.subject).query_json_row()?)
}

/// `GET …/dashboard/stats`
pub(crate) fn overview(caller: &Principal, _: &Request) -> Result<Response, Error> {
    figures(store::overview(&caller.subject).query_json_row()?)
}

/// The fields of a task on the route of `request`.
pub(crate) fn shape(request: &Request) -> Shape {
    Shape::of(request.pattern())
}

fn task_id(mut path: Fields) -> Result<i64, Violations> {
    let id = path.required("id", &Integer::ANY);
    path.finish(id)
}

fn found(row: Option<Vec<u8>>) -> Result<Response, Error> {
    row.map(|task| Response::json_text(200, task))
        .ok_or_else(not_found)
}

fn figures(row: Option<Vec<u8>>) -> Result<Response, Error> {
    Ok(Response::json_text(
        200,
        row.ok_or(Error::Internal("an aggregate returned no row".into()))?,
    ))
}

fn not_found() -> Error {
    Error::refused(404, "Task not found")
}

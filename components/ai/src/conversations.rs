//! The handlers of conversations: each responds with the rows of its statements.

use berth_sdk::contract::{Fields, Integer, Violations};
use berth_sdk::{Error, Pages, Principal, Request, Response};
use serde_json::json;

use crate::question::read_title;
use crate::store;

/// The most conversations of a response.
const CONVERSATIONS: u32 = 1000;

/// The most messages of a response. Messages can be long, because they carry the results of tools.
const MESSAGES: u32 = 100;

/// `GET …/conversations`
pub(crate) fn list(caller: &Principal, _: &Request) -> Result<Response, Error> {
    let user = caller.subject.clone();
    let conversations = Pages::read(CONVERSATIONS, move |limit, offset| {
        store::list(&user, limit, offset)
    })?;
    Ok(conversations.response())
}

/// `POST …/conversations`
pub(crate) fn create(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let title = read_title(request.optional_fields()?)?;
    let row = store::create(&caller.subject, &title).query_json_row()?;
    Ok(Response::json_text(
        201,
        row.ok_or(Error::Internal("an INSERT returned no row".into()))?,
    ))
}

/// `GET /api/conversations/latest`
pub(crate) fn latest(caller: &Principal, _: &Request) -> Result<Response, Error> {
    let row = store::latest(&caller.subject).query_json_row()?;
    Ok(Response::json_text(
        200,
        row.ok_or(Error::Internal("a SELECT without FROM returned no row".into()))?,
    ))
}

/// `GET …/conversations/{id}`
pub(crate) fn read(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let id = id(request.path_fields("id"))?;
    let mut body = store::read(&caller.subject, id)
        .query_json_row()?
        .ok_or_else(not_found)?;
    body.pop();
    body.extend_from_slice(br#","messages":"#);
    Ok(messages_of(caller, id)?.response_between(body, b"}"))
}

/// `GET …/conversations/{id}/messages`
pub(crate) fn messages(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let id = id(request.path_fields("id"))?;
    let messages = messages_of(caller, id)?;
    // No messages: the conversation may be empty or may not exist.
    if messages.is_empty() && store::read(&caller.subject, id).query_json_row()?.is_none() {
        return Err(not_found());
    }
    Ok(messages.response())
}

/// `DELETE …/conversations/{id}`
pub(crate) fn delete(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let id = id(request.path_fields("id"))?;
    if store::delete(&caller.subject, id).execute()? == 0 {
        return Err(not_found());
    }
    let body = json!({ "success": true, "message": format!("Conversation {id} deleted") });
    Ok(Response::json_text(200, body.to_string()))
}

/// The response for a conversation that does not exist or belongs to another user.
pub(crate) fn not_found() -> Error {
    Error::refused(404, "Conversation not found")
}

fn messages_of(caller: &Principal, conversation: i64) -> Result<Pages, Error> {
    let user = caller.subject.clone();
    Ok(Pages::read(MESSAGES, move |limit, offset| {
        store::messages(&user, conversation, limit, offset)
    })?)
}

fn id(mut path: Fields) -> Result<i64, Violations> {
    let id = path.required("id", &Integer::ANY);
    path.finish(id)
}

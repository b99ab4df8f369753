//! One request: from the host's handle to the response.

use super::{Incoming, Output};
use crate::bindings::http::wasi::http::types::{
    Fields, IncomingRequest, Method as WasiMethod, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use crate::response::{Body, Unfinished, Writer};
use crate::{Method, Response, Routes, answer, log};

/// Answers `incoming` by the handler that `routes` have for it. The exports of `component!` call this function.
pub fn serve(routes: &Routes, incoming: IncomingRequest, outparam: ResponseOutparam) {
    let method = method(&incoming.method());
    let target = incoming.path_with_query().unwrap_or_default();
    send(
        answer::answer(routes, method, target, Incoming(incoming)),
        outparam,
    );
}

/// HEAD is answered as GET, because the host's HTTP server omits the body.
fn method(method: &WasiMethod) -> Option<Method> {
    match method {
        WasiMethod::Get | WasiMethod::Head => Some(Method::Get),
        WasiMethod::Post => Some(Method::Post),
        WasiMethod::Put => Some(Method::Put),
        WasiMethod::Patch => Some(Method::Patch),
        WasiMethod::Delete => Some(Method::Delete),
        _ => None,
    }
}

fn send(response: Response, outparam: ResponseOutparam) {
    let (status, headers, body) = response.into_parts();
    let Some(outgoing) = outgoing(status, &headers) else {
        // The host counts a response that is never set as a failure of the component, and this is one.
        log::error(
            "response",
            "a handler gave a status or a header that HTTP does not have",
        );
        return;
    };
    let Ok(outgoing_body) = outgoing.body() else {
        return;
    };
    ResponseOutparam::set(outparam, Ok(outgoing));
    // A client that has disconnected is no error of the component, and there is no connection left for a response.
    if write(&outgoing_body, body).is_ok() {
        OutgoingBody::finish(outgoing_body, None).ok();
    }
}

fn outgoing(status: u16, headers: &[(String, Vec<u8>)]) -> Option<OutgoingResponse> {
    let outgoing = OutgoingResponse::new(Fields::from_list(headers).ok()?);
    outgoing.set_status_code(status).ok()?;
    Some(outgoing)
}

fn write(outgoing: &OutgoingBody, body: Body) -> Result<(), Unfinished> {
    let stream = || outgoing.write().map(Output).map_err(|()| Unfinished);
    match body {
        Body::Bytes(bytes) if bytes.is_empty() => Ok(()),
        Body::Bytes(bytes) => stream()?.write(&bytes),
        Body::Stream(produce) => produce(&Writer::new(stream()?)),
    }
}

//! {{name}}: greets its caller.
//!
//! This file turns a request into a response. `greeting` does not depend on HTTP, so its tests need none.

mod greeting;

/// The bindings that `wit-bindgen` generates from `wit/`.
mod bindings {
    wit_bindgen::generate!({ world: "component", generate_all });
}

use bindings::berth::identity::caller;
use bindings::exports::wasi::http::incoming_handler::Guest;
use bindings::wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

/// The most bytes that a stream accepts at once.
const CHUNK: usize = 4096;

struct Component;

impl Guest for Component {
    /// Handles a request. The host calls it once for each instance, because every request has an instance of its own.
    fn handle(_request: IncomingRequest, response: ResponseOutparam) {
        let caller = caller::current();
        let name = caller.map(|caller| caller.name.or(caller.email).unwrap_or(caller.subject));
        respond(response, &greeting::greet(name.as_deref()));
    }
}

bindings::export!(Component with_types_in bindings);

/// Answers 200 with a text.
fn respond(outparam: ResponseOutparam, text: &str) {
    let content_type = ("content-type".to_owned(), b"text/plain; charset=utf-8".to_vec());
    let headers = Fields::from_list(&[content_type]).expect("HTTP has this header");
    let response = OutgoingResponse::new(headers);
    let body = response.body().expect("its body is taken for the first time");
    ResponseOutparam::set(outparam, Ok(response));
    // A body that is not finished counts as broken off; most likely the client has gone.
    if write(&body, text.as_bytes()).is_some() {
        OutgoingBody::finish(body, None).ok();
    }
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Option<()> {
    let stream = body.write().ok()?;
    bytes.chunks(CHUNK).try_for_each(|chunk| stream.blocking_write_and_flush(chunk).ok())
}

/// Does nothing: the host calls the component's exports instead.
fn main() {}

//! {{name}}: greets whoever calls.
//!
//! This file goes from a request to a response. `greeting` knows nothing of HTTP, and is tested without it.

mod greeting;

/// What `wit-bindgen` makes of `wit/`.
mod bindings {
    wit_bindgen::generate!({ world: "component", generate_all });
}

use bindings::berth::identity::caller;
use bindings::exports::wasi::http::incoming_handler::Guest;
use bindings::wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

/// How many bytes a stream takes at once.
const CHUNK: usize = 4096;

struct Component;

impl Guest for Component {
    /// Called once: each request has an instance of its own, which is gone when its response is.
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
    // A body that is not finished is one that broke off; most likely the client has gone.
    if write(&body, text.as_bytes()).is_some() {
        OutgoingBody::finish(body, None).ok();
    }
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Option<()> {
    let stream = body.write().ok()?;
    bytes.chunks(CHUNK).try_for_each(|chunk| stream.blocking_write_and_flush(chunk).ok())
}

/// Nothing runs here: a component waits to be called.
fn main() {}

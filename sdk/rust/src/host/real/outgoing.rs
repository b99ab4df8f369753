//! Outgoing requests, by `wasi:http/outgoing-handler`.

use super::{Output, ReadError, read_to_end};
use crate::bindings::http::wasi::http::outgoing_handler;
use crate::bindings::http::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use crate::bindings::http::wasi::io::streams::InputStream;
use crate::outgoing::{Error, Request, Response, Url};

/// The body of a response, which the host holds until it is read. The fields are dropped in this order.
pub(crate) struct Body {
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

/// Sends a request, and waits for the head of its response.
pub(crate) fn send(request: &Request, url: &Url) -> Result<Response, Error> {
    let outgoing = head(request, url).ok_or_else(|| Error::Invalid("a header or the method".to_owned()))?;
    let invalid = |()| Error::Invalid("the request cannot be sent twice".to_owned());
    let body = outgoing.body().map_err(invalid)?;
    let future = outgoing_handler::handle(outgoing, Some(options(request))).map_err(failed)?;
    // A failure of the body is a failure of the response as well, so only the latter is reported.
    let written = body.write().map(Output).map_err(invalid)?.write(&request.body);
    if written.is_ok() {
        OutgoingBody::finish(body, None).ok();
    }
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(response)) => response.map_err(failed)?,
        _ => return Err(Error::Broken("the host gave no response".to_owned())),
    };
    received(response)
}

/// The request without its body; `None` if the method or a header is not valid in HTTP.
fn head(request: &Request, url: &Url) -> Option<OutgoingRequest> {
    let outgoing = OutgoingRequest::new(Fields::from_list(&request.headers).ok()?);
    let scheme = if url.is_https { Scheme::Https } else { Scheme::Http };
    outgoing.set_method(&method(request.method)).ok()?;
    outgoing.set_scheme(Some(&scheme)).ok()?;
    outgoing.set_authority(Some(url.authority)).ok()?;
    outgoing.set_path_with_query(Some(&url.target)).ok()?;
    Some(outgoing)
}

fn method(method: crate::Method) -> Method {
    match method {
        crate::Method::Get => Method::Get,
        crate::Method::Post => Method::Post,
        crate::Method::Put => Method::Put,
        crate::Method::Patch => Method::Patch,
        crate::Method::Delete => Method::Delete,
    }
}

/// One limit for the connection, the head and each piece of the body.
fn options(request: &Request) -> RequestOptions {
    let options = RequestOptions::new();
    if let Some(timeout) = request.timeout {
        let nanoseconds = Some(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        // The host supports each of these timeouts.
        options.set_connect_timeout(nanoseconds).ok();
        options.set_first_byte_timeout(nanoseconds).ok();
        options.set_between_bytes_timeout(nanoseconds).ok();
    }
    options
}

fn received(response: IncomingResponse) -> Result<Response, Error> {
    let consumed = |()| Error::Broken("the response was read before".to_owned());
    let body = response.consume().map_err(consumed)?;
    let stream = body.stream().map_err(consumed)?;
    let (status, headers) = (response.status(), response.headers().entries());
    Ok(Response::new(
        status,
        headers,
        Body {
            stream,
            _body: body,
            _response: response,
        },
    ))
}

impl Body {
    /// Reads the whole body, which may have `max_bytes`.
    pub(crate) fn read(self, max_bytes: u64) -> Result<Vec<u8>, Error> {
        read_to_end(&self.stream, max_bytes).map_err(|error| match error {
            ReadError::TooLarge => Error::TooLarge(max_bytes),
            ReadError::Broken(Some(code)) => failed(code),
            ReadError::Broken(None) => Error::Broken("the response broke off".to_owned()),
        })
    }
}

fn failed(code: ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Forbidden,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::DnsTimeout => Error::Timeout,
        ErrorCode::ConnectionRefused
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::DnsError(_)
        | ErrorCode::ConnectionLimitReached => Error::Unreachable(format!("{code:?}")),
        other => Error::Broken(format!("{other:?}")),
    }
}

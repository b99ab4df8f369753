//! The response for a file: whole, a range of it, or only that the client has it already.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::accept::{choose, prefers_html};
use super::preconditions::{is_known, takes_range};
use super::range::{Part, part};
use super::set::StaticFile;
use super::spec::FilesSpec;
use super::tables::FilesAt;
use crate::error::ApiError;

/// The methods of a file, as the router writes them for the host's own routes.
const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD");

const ACCEPT: HeaderValue = HeaderValue::from_static("accept");

const NO_GUESSING: HeaderValue = HeaderValue::from_static("nosniff");

/// For a year, as long as caches keep anything, and without asking.
const IMMUTABLE: &str = "max-age=31536000, immutable";

/// Until the host has been asked whether the file has changed.
const ASK: &str = "no-cache";

/// Answers a request with the file at its path, with the fallback if the request is a browser's for a page, or with the
/// failure.
pub(crate) fn answer(at: &FilesAt, method: &Method, headers: &HeaderMap) -> Result<Response, ApiError> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let Some(file) = at.file() else {
        let page = at.fallback().filter(|_| is_read && prefers_html(headers));
        let mut response = respond(page.ok_or(ApiError::NotFound)?, at.spec(), method, headers);
        // Others than browsers get a 404.
        response.headers_mut().append(header::VARY, ACCEPT);
        return Ok(response);
    };
    if !is_read {
        return Ok(([(header::ALLOW, METHODS)], ApiError::MethodNotAllowed).into_response());
    }
    Ok(respond(file, at.spec(), method, headers))
}

fn respond(file: &StaticFile, spec: &FilesSpec, method: &Method, headers: &HeaderMap) -> Response {
    let (coding, form) = choose(file, headers);
    let mut own = HeaderMap::new();
    own.extend(form.validators());
    own.insert(header::CACHE_CONTROL, cache_control(file, spec));
    own.insert(header::X_CONTENT_TYPE_OPTIONS, NO_GUESSING);
    if !file.compressed.is_empty() {
        own.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    own.extend(spec.headers.clone());
    if is_known(form, headers) {
        return (StatusCode::NOT_MODIFIED, own).into_response();
    }
    let range = headers
        .get(header::RANGE)
        .filter(|_| method == Method::GET && takes_range(form, headers))
        .and_then(|range| range.to_str().ok());
    let (status, bytes) = match range.map_or(Part::Whole, |range| part(range, form.length)) {
        Part::Whole => (StatusCode::OK, 0..form.length),
        Part::Bytes(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        Part::Unsatisfiable => {
            let range = [(header::CONTENT_RANGE, text(&format!("bytes */{}", form.length)))];
            return (range, ApiError::RangeNotSatisfiable).into_response();
        }
    };
    own.insert(header::CONTENT_TYPE, file.content_type.clone());
    own.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    own.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
    if let Some(coding) = coding {
        own.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", bytes.start, bytes.end - 1, form.length);
        own.insert(header::CONTENT_RANGE, text(&range));
    }
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        form.content.body(bytes)
    };
    (status, own, body).into_response()
}

/// A file behind a login is kept by no cache that users share.
fn cache_control(file: &StaticFile, spec: &FilesSpec) -> HeaderValue {
    let rule = if file.is_immutable { IMMUTABLE } else { ASK };
    text(&if spec.needs_login {
        format!("private, {rule}")
    } else if file.is_immutable {
        format!("public, {rule}")
    } else {
        rule.to_owned()
    })
}

/// A header's value of visible ASCII.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

//! The host and the path of a request (RFC 9112, 3.2 and 3.3).
//!
//! A request that omits them, or contains them twice, may be read differently by a proxy and by a component, so it is
//! refused.

use std::net::Ipv6Addr;

use axum::extract::Request;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri, Version};

use crate::error::ApiError;

/// The host of an HTTP/1.0 request without `Host`.
const UNNAMED: HeaderValue = HeaderValue::from_static("localhost");

/// Checks a request's host and target. Afterwards the target is a path, and there is a single `Host`. A request with
/// the method `CONNECT` stays unchanged, because no route has that method.
pub(crate) fn settle(request: &mut Request) -> Result<(), ApiError> {
    let is_named = check_host(request.headers())?;
    if !is_named && request.version() == Version::HTTP_11 {
        return Err(ApiError::Malformed);
    }
    if request.method() == Method::CONNECT {
        return Ok(());
    }
    if let Some(host) = host_of_target(request.uri())? {
        // The target takes precedence over the header (RFC 9112, 3.2.2).
        request.headers_mut().insert(HOST, host);
        *request.uri_mut() = path_of(request.uri());
    } else if !is_named {
        request.headers_mut().insert(HOST, UNNAMED);
    }
    if request.uri().path() == "*" && request.method() != Method::OPTIONS {
        return Err(ApiError::Malformed);
    }
    Ok(())
}

/// Whether there is a `Host`. Two of them, or an invalid host, are an error.
fn check_host(headers: &HeaderMap) -> Result<bool, ApiError> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(false),
        (Some(host), None) if host.to_str().is_ok_and(is_host) => Ok(true),
        _ => Err(ApiError::Malformed),
    }
}

/// The host of a target that is a whole URL. A target that is neither a URL nor a path is an error.
fn host_of_target(uri: &Uri) -> Result<Option<HeaderValue>, ApiError> {
    let Some(authority) = uri.authority() else {
        return Ok(None);
    };
    let is_http = uri
        .scheme()
        .is_some_and(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
    let host = HeaderValue::from_str(authority.as_str()).ok();
    host.filter(|_| is_http && is_host(authority.as_str()))
        .map(Some)
        .ok_or(ApiError::Malformed)
}

fn path_of(uri: &Uri) -> Uri {
    let root = || PathAndQuery::from_static("/");
    Uri::from(uri.path_and_query().cloned().unwrap_or_else(root))
}

/// Whether the text is a host, with or without a port: `example.com:80`, `[::1]` (RFC 3986, 3.2.2).
fn is_host(text: &str) -> bool {
    let (is_name, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, rest))) => (address.parse::<Ipv6Addr>().is_ok(), rest),
        Some(None) => (false, ""),
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
            (!name.is_empty() && name.bytes().all(is_name), port)
        }
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| {
            port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
        });
    is_name && is_port
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use axum::body::Body;

    use super::*;

    fn settled(version: Version, target: &str, hosts: &[&str]) -> Option<(String, String)> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let mut request = request.body(Body::empty()).unwrap();
        settle(&mut request).ok()?;
        let hosts: Vec<_> = request
            .headers()
            .get_all(HOST)
            .iter()
            .map(|host| host.to_str().unwrap())
            .collect();
        Some((request.uri().to_string(), hosts.join(" ")))
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in [
            "x",
            "example.com:8000",
            "[::1]",
            "[::1]:80",
            "1.2.3.4",
            "a_b.c",
            "x:",
            "x:65535",
        ] {
            assert!(is_host(host), "{host}");
        }
        for host in [
            "", ":80", "a b", "a/b", "user@x", "x:y", "x:65536", "x:+1", "[::1", "[x]", "[::1]80", "a:1:2",
        ] {
            assert!(!is_host(host), "{host}");
        }
    }

    #[test]
    fn a_target_becomes_a_path_and_one_host() {
        let settled = |target, hosts: &[&str]| settled(Version::HTTP_11, target, hosts);
        let some = |target: &str, host: &str| Some((target.to_owned(), host.to_owned()));
        assert_eq!(settled("/a?b", &["x"]), some("/a?b", "x"));
        assert_eq!(settled("http://y:81/a?b", &["x"]), some("/a?b", "y:81"));
        assert_eq!(settled("http://y", &["x"]), some("/", "y"));
        for (target, hosts) in [
            ("/a", &[][..]),
            ("/a", &["x", "x"]),
            ("http://y/a", &[]),
            ("y:80", &["x"]),
            ("ftp://y/a", &["x"]),
            ("*", &["x"]),
        ] {
            assert_eq!(settled(target, hosts), None, "{target} {hosts:?}");
        }
    }

    #[test]
    fn http_1_0_may_name_no_host() {
        assert_eq!(
            settled(Version::HTTP_10, "/a", &[]),
            Some(("/a".to_owned(), "localhost".to_owned()))
        );
        assert_eq!(settled(Version::HTTP_10, "/a", &["x", "y"]), None);
    }
}

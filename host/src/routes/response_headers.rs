//! Response headers that a component may not set, because they are the host's or concern the whole site.
//!
//! All components and the host share an origin, so a browser accepts a header about the site from any of them.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::server_timing::SERVER_TIMING;
use crate::auth::bearer;

/// The prefix of the headers that only the host may send to components.
pub(super) const RESERVED_PREFIX: &str = "x-berth-";

/// Headers by which a response would affect the whole site, including the host: its cookies and storage, its
/// encryption, where its requests go, and which scripts answer them in the browser.
const ABOUT_THE_SITE: [HeaderName; 4] = [
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("service-worker-allowed"),
    header::STRICT_TRANSPORT_SECURITY,
    header::ALT_SVC,
];

/// Headers about the connection, which the host manages. `Trailer` is not among them: it belongs to the response.
const ABOUT_THE_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes the headers that a component may not set, also from `Trailer`, and returns their names. A browser reads
/// `Server-Timing` in trailers too, and hyper sends only trailers that `Trailer` lists. The host adds `x-request-id` and
/// `x-component` afterwards.
pub(super) fn withhold(headers: &mut HeaderMap) -> Vec<HeaderName> {
    let mut withheld: Vec<_> = headers.keys().filter(|name| is_reserved(name)).cloned().collect();
    for name in &withheld {
        headers.remove(name);
    }
    withheld.extend(withhold_trailers(headers));
    if withhold_cookies(headers) {
        withheld.push(header::SET_COOKIE);
    }
    withheld
}

fn is_reserved(name: &HeaderName) -> bool {
    let prefixes = [RESERVED_PREFIX, "access-control-", "proxy-"];
    prefixes.iter().any(|prefix| name.as_str().starts_with(prefix))
        || ABOUT_THE_SITE.contains(name)
        || ABOUT_THE_CONNECTION.contains(name)
        || *name == SERVER_TIMING
}

/// Removes reserved names from the header `Trailer`, and returns them.
fn withhold_trailers(headers: &mut HeaderMap) -> Vec<HeaderName> {
    let announced: Vec<HeaderName> = headers
        .get_all(header::TRAILER)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    let (reserved, others): (Vec<_>, Vec<_>) = announced.into_iter().partition(is_reserved);
    if !reserved.is_empty() {
        headers.remove(header::TRAILER);
        let others = others
            .iter()
            .map(HeaderName::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        if let Some(others) = HeaderValue::try_from(others)
            .ok()
            .filter(|others| !others.is_empty())
        {
            headers.insert(header::TRAILER, others);
        }
    }
    reserved
}

/// Removes cookies with the host's own name, and returns whether there were any.
fn withhold_cookies(headers: &mut HeaderMap) -> bool {
    if !headers.get_all(header::SET_COOKIE).iter().any(is_the_hosts) {
        return false;
    }
    let others: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|cookie| !is_the_hosts(cookie))
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    headers.extend(others.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
    true
}

/// Whether a browser may send this cookie in a form that the host takes for its own.
///
/// White space around a name is ignored. A cookie with an empty name is sent as its value alone, so that
/// `=access_token=x` and `access_token` come back as the host's. Other case, quotes and the prefixes of RFC 6265bis
/// make a different name for today's host and browsers; no component needs such cookies, so they are removed as well.
fn is_the_hosts(cookie: &HeaderValue) -> bool {
    let pair = cookie
        .as_bytes()
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    let is_filler = |byte: &u8| matches!(byte, b'=' | b'"') || byte.is_ascii_whitespace();
    let begin = pair
        .iter()
        .position(|byte| !is_filler(byte))
        .unwrap_or(pair.len());
    let name = pair[begin..].split(is_filler).next().unwrap_or_default();
    let name = without_prefix(name, b"__host-");
    without_prefix(name, b"__secure-").eq_ignore_ascii_case(bearer::COOKIE.as_bytes())
}

fn without_prefix<'a>(name: &'a [u8], prefix: &[u8]) -> &'a [u8] {
    match name.split_at_checked(prefix.len()) {
        Some((begin, rest)) if begin.eq_ignore_ascii_case(prefix) => rest,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_the_hosts(cookie: &'static [u8]) -> bool {
        super::is_the_hosts(&HeaderValue::from_bytes(cookie).unwrap_or(HeaderValue::from_static("")))
    }

    #[test]
    fn the_hosts_measurements_are_not_a_components_to_send() {
        let mut headers = HeaderMap::new();
        headers.insert(SERVER_TIMING, HeaderValue::from_static("cpu;dur=0"));
        headers.append(
            header::TRAILER,
            HeaderValue::from_static("x-checksum, Server-Timing"),
        );
        headers.append(header::TRAILER, HeaderValue::from_static("x-berth-user,x-other"));
        let withheld = withhold(&mut headers);
        let names: Vec<_> = withheld.iter().map(HeaderName::as_str).collect();
        assert_eq!(names, ["server-timing", "server-timing", "x-berth-user"]);
        let left: Vec<_> = headers.iter().collect();
        assert_eq!(
            left,
            [(&header::TRAILER, &HeaderValue::from_static("x-checksum, x-other"))]
        );
        assert!(withhold(&mut headers).is_empty());
    }

    #[test]
    fn the_hosts_cookie_is_found_however_it_is_written() {
        for cookie in [
            &b"access_token=x; Path=/"[..],
            b" \taccess_token =x",
            b"ACCESS_TOKEN=x",
            b"\"access_token\"=x",
            b"access_token",
            b"access_token;Path=/",
            b"=access_token=x",
            b"= access_token=x",
            b"__Host-access_token=x; Secure",
            b"__SECURE-access_token=x",
            b"access_token=\xff",
        ] {
            assert!(is_the_hosts(cookie), "{:?}", cookie.escape_ascii().to_string());
        }
        for cookie in [
            &b""[..],
            b"=",
            b"a=access_token=x",
            b"access_token2=x",
            b"my-access_token=x",
            b"a=b; access_token=x",
            b"\xff=x",
        ] {
            assert!(!is_the_hosts(cookie), "{:?}", cookie.escape_ascii().to_string());
        }
    }
}

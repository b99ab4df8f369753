//! The headers of proxies about the requests that they pass on: `Forwarded` (RFC 7239) and the older `X-Forwarded-…`.
//!
//! A proxy appends to the headers that it received, so the lists are read from the right, each element by itself: text
//! of a client further left, such as an open quotation, cannot affect an element that a proxy has written.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other end of a proxy's connection, as the proxy reports it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hop {
    /// Its address.
    pub(super) address: IpAddr,
    /// Whether the other end used TLS.
    pub(super) https: bool,
    /// The `Host` that it sent.
    pub(super) host: Option<String>,
}

/// The hops in `X-Forwarded-For`, from the last. None for a hop that cannot be parsed.
pub(super) fn forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Option<Hop>> {
    from_the_right(headers, X_FORWARDED_FOR).map(|element| {
        let address = address(element?)?;
        Some(Hop {
            address,
            https: false,
            host: None,
        })
    })
}

/// The hops in `Forwarded`, from the last. None for a hop that cannot be parsed.
pub(super) fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<Hop>> {
    from_the_right(headers, header::FORWARDED).map(|element| hop(element?))
}

/// Whether the first proxy reports, in `X-Forwarded-Proto`, that its client used TLS.
pub(super) fn is_https(headers: &HeaderMap) -> bool {
    headers
        .get(X_FORWARDED_PROTO)
        .and_then(|value| value.to_str().ok()?.split(',').next())
        .is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// The `Host` that the last proxy received, from `X-Forwarded-Host`.
pub(super) fn host(headers: &HeaderMap) -> Option<String> {
    from_the_right(headers, X_FORWARDED_HOST)
        .next()
        .flatten()
        .map(str::to_owned)
}

/// The elements of a list that may span several headers, from the last. None for text that is not ASCII.
fn from_the_right(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Option<&str>> {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    values.into_iter().rev().flat_map(|value| {
        let text = value.to_str().ok();
        let elements = text.map(|text| text.rsplit(',').map(|element| Some(element.trim())));
        elements
            .into_iter()
            .flatten()
            .chain(text.is_none().then_some(None))
    })
}

/// Parses an element of `Forwarded`. A malformed pair makes the element invalid: it may be part of a quotation with a
/// comma.
fn hop(element: &str) -> Option<Hop> {
    let (mut from, mut https, mut host) = (None, false, None);
    for pair in element.split(';') {
        let (name, value) = pair.trim().split_once('=')?;
        let value = unquoted(value)?;
        match name.to_ascii_lowercase().as_str() {
            "for" => from = Some(address(value)?),
            "proto" => https = value.eq_ignore_ascii_case("https"),
            "host" => host = Some(value.to_owned()),
            _ => {}
        }
    }
    from.map(|address| Hop { address, https, host })
}

/// A token, or the contents of a quotation without escapes, which addresses and authorities do not need.
fn unquoted(value: &str) -> Option<&str> {
    let inside = value
        .strip_prefix('"')
        .map_or(Some(value), |rest| rest.strip_suffix('"'))?;
    (!inside.is_empty() && !inside.contains(['"', '\\'])).then_some(inside)
}

/// Parses an IP address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    bare.parse()
        .or_else(|_| with_port())
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn addresses_come_with_and_without_ports_and_brackets() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("unknown", None),
            ("_hidden", None),
            ("192.0.2", None),
            ("192.0.2.1:http", None),
            ("", None),
        ] {
            assert_eq!(
                address(text),
                expected.map(|address| address.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_list_is_read_from_the_right_over_several_headers() {
        let mut headers = headers(&X_FORWARDED_FOR, &["192.0.2.1, 192.0.2.2", "192.0.2.3"]);
        headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(b"\xff").unwrap());
        let addresses: Vec<_> = forwarded_for(&headers)
            .map(|hop| hop.map(|hop| hop.address.to_string()))
            .collect();
        let expected = [None, Some("192.0.2.3"), Some("192.0.2.2"), Some("192.0.2.1")];
        assert_eq!(addresses, expected.map(|address| address.map(str::to_owned)));
    }

    #[test]
    fn an_element_has_an_address_a_scheme_and_a_host_in_any_order() {
        let element = "Proto=HTTPS; by=203.0.113.43;host=\"a.example:80\";For=\"[2001:db8::1]:4711\"";
        let headers = headers(&header::FORWARDED, &[element]);
        let hops: Vec<_> = forwarded(&headers).collect();
        let host = Some("a.example:80".to_owned());
        assert_eq!(
            hops,
            [Some(Hop {
                address: "2001:db8::1".parse().unwrap(),
                https: true,
                host
            })]
        );
    }

    #[test]
    fn a_quotation_forges_no_element() {
        for element in [
            "for=192.0.2.1;host=\"a, for=198.51.100.1\"",
            "for=192.0.2.1;host=\"a, for=198.51.100.1;x=\"",
            "for=192.0.2.1;host=\"a\\\", for=198.51.100.1;x=\\\"y\"",
            "for=192.0.2.1;host=\"a, for=198.51.100.1;x\"",
            "for=\"192.0.2.1",
            "for=",
            "for",
            "proto=https",
            "",
        ] {
            let headers = headers(&header::FORWARDED, &[element]);
            assert_eq!(forwarded(&headers).next(), Some(None), "{element}");
        }
        // The comma of the next element ends a quotation that a client leaves open.
        let headers = headers(&header::FORWARDED, &["for=\"198.51.100.1, for=192.0.2.1"]);
        assert_eq!(
            forwarded(&headers).next().flatten().unwrap().address.to_string(),
            "192.0.2.1"
        );
    }

    #[test]
    fn the_first_proxy_says_how_the_client_came() {
        for (value, secure) in [
            ("https", true),
            ("HTTPS, http", true),
            ("http, https", false),
            ("", false),
        ] {
            assert_eq!(
                is_https(&headers(&X_FORWARDED_PROTO, &[value])),
                secure,
                "{value}"
            );
        }
        assert!(!is_https(&HeaderMap::new()));
    }
}

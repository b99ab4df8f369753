//! Requests by a page of another site, with what its visitor's browser has for this host: a cookie, or access to an
//! address of this machine.
//!
//! Browsers name the page of a request that changes something, in `Origin` and `Sec-Fetch-Site`, and no page can change
//! these headers. Other programs send neither, and hold no cookie that a page could abuse.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::client::Client;
use crate::config::CorsOrigins;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page of another site makes this request: the browser says so, or the page's origin is neither this host
/// nor in `listed`.
pub(crate) fn is_cross_site(headers: &HeaderMap, client: &Client, listed: &CorsOrigins) -> bool {
    if headers
        .get_all(SEC_FETCH_SITE)
        .iter()
        .any(|site| site == "cross-site")
    {
        return true;
    }
    headers.get_all(header::ORIGIN).iter().any(|origin| {
        let is_listed = origin.to_str().is_ok_and(|origin| listed.lists(origin));
        !is_listed && !is_this_host(origin, headers, client)
    })
}

/// Whether `origin` has the authority that the request was sent to. TLS may end at a proxy that does not report it, so
/// the scheme counts only if the client is known to use https: then a page without TLS is another site.
fn is_this_host(origin: &HeaderValue, headers: &HeaderMap, client: &Client) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let (authority, port) = match origin {
        Some(("https", authority)) => (authority, ":443"),
        Some(("http", authority)) if !client.https => (authority, ":80"),
        _ => return false,
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = client.host.as_deref().or(host) else {
        return false;
    };
    let bare = |authority| str::strip_suffix(authority, port).unwrap_or(authority);
    !authority.is_empty() && bare(authority).eq_ignore_ascii_case(bare(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> CorsOrigins {
        CorsOrigins::Listed(vec!["https://app.example".to_owned()])
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("host", "todo.example")].iter().chain(pairs) {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn is_refused(pairs: &[(&'static str, &'static str)]) -> bool {
        is_cross_site(&headers(pairs), &Client::default(), &listed())
    }

    #[test]
    fn a_page_is_this_hosts_by_its_authority_whatever_its_scheme_and_default_port() {
        for origin in [
            "http://todo.example",
            "https://todo.example",
            "https://TODO.example",
            "https://todo.example:443",
        ] {
            assert!(!is_refused(&[("origin", origin)]), "{origin}");
        }
        for origin in [
            "http://todo.example:443",
            "https://todo.example:8443",
            "https://todo.example.evil.example",
            "https://evil.example",
            "ftp://todo.example",
            "todo.example",
            "https://",
            "null",
            "",
        ] {
            assert!(is_refused(&[("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn by_https_a_page_without_tls_is_another_site() {
        let client = Client {
            https: true,
            ..Client::default()
        };
        let is_refused = |origin| is_cross_site(&headers(&[("origin", origin)]), &client, &listed());
        assert!(is_refused("http://todo.example"));
        assert!(!is_refused("https://todo.example"));
    }

    #[test]
    fn a_proxy_may_know_the_host_better() {
        let client = Client {
            host: Some("shown.example".to_owned()),
            ..Client::default()
        };
        let is_refused = |origin| is_cross_site(&headers(&[("origin", origin)]), &client, &listed());
        assert!(!is_refused("https://shown.example"));
        assert!(is_refused("https://todo.example"));
    }

    #[test]
    fn a_listed_site_may_and_an_asterisk_lists_none() {
        let page = [("origin", "https://app.example"), ("sec-fetch-site", "same-site")];
        assert!(!is_refused(&page));
        assert!(is_cross_site(
            &headers(&page),
            &Client::default(),
            &CorsOrigins::Any
        ));
        assert!(is_refused(&[
            ("origin", "https://app.example"),
            ("origin", "https://evil.example")
        ]));
    }

    #[test]
    fn what_the_browser_says_of_the_site_counts_too() {
        assert!(is_refused(&[("sec-fetch-site", "cross-site")]));
        for origin in ["https://todo.example", "https://app.example"] {
            assert!(
                is_refused(&[("sec-fetch-site", "cross-site"), ("origin", origin)]),
                "{origin}"
            );
        }
        for site in ["same-origin", "same-site", "none"] {
            assert!(!is_refused(&[("sec-fetch-site", site)]), "{site}");
        }
        assert!(!is_refused(&[]), "no browser makes it");
    }
}

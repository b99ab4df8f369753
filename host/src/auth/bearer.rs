//! How a token travels: the places in a request that may carry it, and the cookie that a login sets.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

/// The cookie's name.
pub const COOKIE: &str = "access_token";

/// How a request carries its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In a header or the query, which only the caller's own program can write.
    Explicit,
    /// In the cookie, which a browser adds to every request for this host, whichever page makes the request.
    Cookie,
}

/// The token that a request carries, unchecked: `Authorization: Bearer` (RFC 6750, 2.1), else the cookie.
///
/// A scheme other than `Bearer` carries no token, as in FastAPI, because the header may be for a proxy before the host.
#[must_use]
pub fn token_of(headers: &HeaderMap) -> Option<(&[u8], Carrier)> {
    tokens_of(headers).next()
}

/// All tokens that a request carries, in order of precedence.
pub(super) fn tokens_of(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], Carrier)> {
    let explicit = from_authorization(headers).map(|token| (token, Carrier::Explicit));
    explicit
        .into_iter()
        .chain(from_cookie(headers).map(|token| (token, Carrier::Cookie)))
}

/// `Set-Cookie` for a new token: hidden from scripts, and not sent with other sites' forms.
///
/// `None` only if the token cannot be in a header, which never happens to a token that the host issued.
#[must_use]
pub fn cookie(token: &str, lifetime: Duration, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let lifetime = lifetime.as_secs();
    let cookie = format!("{COOKIE}={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age={lifetime}{secure}");
    HeaderValue::from_str(&cookie).ok()
}

/// `Set-Cookie` that removes a client's token.
#[must_use]
pub fn no_cookie(secure: bool) -> Option<HeaderValue> {
    cookie("", Duration::ZERO, secure)
}

fn from_authorization(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let end_of_scheme = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, token) = value.split_at(end_of_scheme);
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
}

fn from_cookie(headers: &HeaderMap) -> Option<&[u8]> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            pair.trim_ascii()
                .strip_prefix(COOKIE.as_bytes())?
                .strip_prefix(b"=")
        })
        .map(bare)
        .find(|token| !token.is_empty())
}

/// Removes the quotes and `Bearer` of `access_token="Bearer …"`, which clients of FastAPI services may still hold.
fn bare(value: &[u8]) -> &[u8] {
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value);
    match unquoted.split_at_checked(b"bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
        _ => unquoted,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use http::HeaderName;

    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_authorization_header_comes_first_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            let headers = headers(&[
                (header::AUTHORIZATION, value),
                (header::COOKIE, "access_token=xyz"),
            ]);
            assert_eq!(
                token_of(&headers),
                Some((&b"abc"[..], Carrier::Explicit)),
                "{value}"
            );
        }
    }

    #[test]
    fn a_bearer_header_without_a_token_is_an_empty_token_and_not_none() {
        for value in ["Bearer", "Bearer "] {
            assert_eq!(
                token_of(&headers(&[(header::AUTHORIZATION, value)])),
                Some((&b""[..], Carrier::Explicit))
            );
        }
    }

    #[test]
    fn another_scheme_is_no_token() {
        for value in ["Basic YTpi", "Bearerabc", "abc", ""] {
            assert_eq!(
                token_of(&headers(&[(header::AUTHORIZATION, value)])),
                None,
                "{value}"
            );
        }
        let both = headers(&[
            (header::AUTHORIZATION, "Basic YTpi"),
            (header::COOKIE, "access_token=xyz"),
        ]);
        assert_eq!(token_of(&both), Some((&b"xyz"[..], Carrier::Cookie)));
    }

    #[test]
    fn the_cookie_is_found_among_others_and_in_fastapis_form() {
        for value in [
            "access_token=abc",
            "a=b; access_token=abc; c=d",
            "access_token=Bearer abc",
            "access_token=\"Bearer abc\"",
            "xaccess_token=no;access_token=abc",
            "access_token=; access_token=abc",
        ] {
            let found = headers(&[(header::COOKIE, value)]);
            assert_eq!(token_of(&found), Some((&b"abc"[..], Carrier::Cookie)), "{value}");
        }
        for value in [
            "",
            "access_token",
            "access_token=",
            "access_token2=abc",
            "ACCESS_TOKEN=abc",
        ] {
            assert_eq!(token_of(&headers(&[(header::COOKIE, value)])), None, "{value}");
        }
    }

    #[test]
    fn cookies_have_the_contracts_attributes() {
        let lifetime = Duration::from_mins(1);
        assert_eq!(
            cookie("abc", lifetime, false).unwrap(),
            "access_token=abc; HttpOnly; SameSite=Lax; Path=/; Max-Age=60"
        );
        assert_eq!(
            cookie("abc", lifetime, true).unwrap(),
            "access_token=abc; HttpOnly; SameSite=Lax; Path=/; Max-Age=60; Secure"
        );
        assert_eq!(
            no_cookie(false).unwrap(),
            "access_token=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"
        );
    }
}

//! Access to the operators' listener. With `ADMIN_TOKEN`, a request must carry it. Without, clients on this machine may read.
//!
//! A page of another site can make a browser on this machine send requests here. They are refused by the headers with which
//! browsers name the page, and, if that site has made a name of its own lead here, by that name.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, header};
use sha2::{Digest, Sha256};

use super::error::AdminError;
use super::host_names::HostNames;
use super::{METRICS_PATH, console};
use crate::client::Client;
use crate::config::{Admin, CorsOrigins};
use crate::connections::{Busy, Closing};
use crate::cross_site::is_cross_site;
use crate::logging::Sparse;
use crate::routes::guarded_body::guard_body;

/// The token that operators must have.
#[derive(Clone)]
pub(super) struct Access {
    token: Option<Arc<[u8; 32]>>,
    /// The names by which requests without the token may reach the listener.
    names: Arc<HostNames>,
    /// Whether [`METRICS_PATH`] needs no token.
    has_open_metrics: bool,
    /// The lines about wrong tokens.
    refusals: Arc<Sparse>,
}

impl Access {
    /// Grants access as the operator has set it.
    pub(super) fn new(admin: &Admin) -> Self {
        let token = admin.token.as_ref();
        Self {
            token: token.map(|token| Arc::new(digest(token.expose().trim().as_bytes()))),
            names: Arc::new(HostNames::new(&admin.hosts)),
            has_open_metrics: admin.has_open_metrics,
            refusals: Arc::default(),
        }
    }

    /// Whether a request may be answered.
    fn check(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Result<(), AdminError> {
        let is_page = method.is_safe() && console::has(path);
        // A link on another site may lead to the console, which then makes its own requests.
        if !is_page && is_foreign(headers) {
            return Err(AdminError::CrossSite);
        }
        let has_token = self.has_token(headers);
        if has_token != Some(true) {
            self.names.check(headers)?;
        }
        if is_page || self.has_open_metrics && method.is_safe() && path == METRICS_PATH {
            return Ok(());
        }
        match has_token {
            Some(true) => Ok(()),
            Some(false) => {
                self.log_refusal(headers, peer);
                Err(AdminError::Unauthorized)
            }
            None => match (peer.ip().to_canonical().is_loopback(), method.is_safe()) {
                (true, true) => Ok(()),
                (true, false) => Err(AdminError::NoToken),
                (false, _) => Err(AdminError::NotFromHere),
            },
        }
    }

    /// Logs that a token is wrong. A request without a token is a browser's before its operator signs in, or a mistake.
    fn log_refusal(&self, headers: &HeaderMap, peer: SocketAddr) {
        if headers.contains_key(header::AUTHORIZATION)
            && let Some(left_out) = self.refusals.admit()
        {
            let client = peer.ip().to_canonical();
            let lines = (left_out > 0).then_some(left_out);
            tracing::warn!(%client, lines, "an operator's token was wrong");
        }
    }

    /// Whether a request has the token. None if the host has no token.
    fn has_token(&self, headers: &HeaderMap) -> Option<bool> {
        let wanted = self.token.as_ref()?;
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().split_at_checked(7));
        Some(given.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case(b"bearer ") && same(wanted, &digest(token))
        }))
    }
}

/// Whether a page of another origin makes the request. A page on another port of the same host counts: on the clients'
/// port, a component can be the author of the page.
fn is_foreign(headers: &HeaderMap) -> bool {
    let is_same_site = |site: &HeaderValue| site == "same-site";
    headers.get_all("sec-fetch-site").iter().any(is_same_site)
        || is_cross_site(headers, &Client::default(), &CorsOrigins::Listed(Vec::new()))
}

/// Refuses requests that may not use the listener. Keeps the connection of an allowed request open.
pub(super) async fn check(
    State(access): State<Access>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match access.check(request.method(), request.uri().path(), request.headers(), peer) {
        Ok(()) => match Busy::begin(request.extensions()) {
            Ok(busy) => guard_body(next.run(request).await, busy),
            Err(Closing) => AdminError::Closing.into_response(),
        },
        Err(error) => error.into_response(),
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Compares in constant time. The digests hide the token's length as well.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter()
        .zip(other)
        .fold(0, |difference, (one, other)| difference | (one ^ other))
        == 0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn access(token: Option<&str>, has_open_metrics: bool) -> Access {
        Access::new(&Admin {
            address: "127.0.0.1:8001".parse().unwrap(),
            token: token.map(|token| token.to_owned().into()),
            hosts: Vec::new(),
            has_open_metrics,
        })
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        pairs.collect()
    }

    fn allow(
        token: Option<&str>,
        method: &Method,
        given: Option<&'static str>,
        peer: &str,
    ) -> Result<(), AdminError> {
        let given: Vec<_> = given.map(|given| ("authorization", given)).into_iter().collect();
        let path = "/admin/components";
        access(token, false).check(method, path, &headers(&given), peer.parse().unwrap())
    }

    /// A request of a browser on this machine.
    fn browser(
        token: Option<&str>,
        method: &Method,
        path: &str,
        pairs: &[(&'static str, &'static str)],
    ) -> Result<(), AdminError> {
        access(token, true).check(method, path, &headers(pairs), "127.0.0.1:1".parse().unwrap())
    }

    #[test]
    fn with_a_token_nothing_else_counts() {
        let given = |given| allow(Some("secret"), &Method::GET, given, "127.0.0.1:1");
        assert!(given(Some("Bearer secret")).is_ok());
        assert!(given(Some("bearer secret")).is_ok());
        for wrong in [
            None,
            Some("Bearer"),
            Some("Bearer "),
            Some("Bearer secre"),
            Some("Bearer secrets"),
            Some("Basic secret"),
        ] {
            assert!(matches!(given(wrong), Err(AdminError::Unauthorized)), "{wrong:?}");
        }
        assert!(allow(Some("secret"), &Method::PUT, Some("Bearer secret"), "10.0.0.1:1").is_ok());
    }

    #[test]
    fn metrics_and_the_console_alone_are_open() {
        let get = |open, path| {
            let peer = "10.0.0.1:1".parse().unwrap();
            access(Some("secret"), open).check(&Method::GET, path, &HeaderMap::new(), peer)
        };
        assert!(get(true, "/metrics").is_ok());
        assert!(get(false, "/metrics").is_err());
        for path in ["/", "/console/js/main.js"] {
            assert!(get(false, path).is_ok(), "{path}");
        }
        for path in [
            "/metrics/",
            "/metrics/x",
            "/admin/components",
            "/Metrics",
            "/consoles",
            "//",
        ] {
            assert!(get(true, path).is_err(), "{path}");
        }
        for path in ["/metrics", "/"] {
            assert!(
                browser(Some("secret"), &Method::POST, path, &[]).is_err(),
                "{path}"
            );
        }
    }

    #[test]
    fn without_a_token_this_machine_may_look() {
        for here in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(allow(None, &Method::GET, None, here).is_ok(), "{here}");
            assert!(
                matches!(allow(None, &Method::PUT, None, here), Err(AdminError::NoToken)),
                "{here}"
            );
        }
        let elsewhere = allow(None, &Method::GET, Some("Bearer x"), "10.0.0.1:1");
        assert!(matches!(elsewhere, Err(AdminError::NotFromHere)));
    }

    #[test]
    fn a_name_that_leads_here_is_refused_without_the_token() {
        let evil = ("host", "evil.example:8001");
        for path in ["/", "/metrics", "/admin/components"] {
            for token in [None, Some("secret")] {
                let answer = browser(token, &Method::GET, path, &[evil]);
                assert!(matches!(answer, Err(AdminError::UnknownName(_))), "{path}");
            }
        }
        let with_token = [evil, ("authorization", "Bearer secret")];
        assert!(browser(Some("secret"), &Method::GET, "/admin/components", &with_token).is_ok());
    }

    #[test]
    fn a_page_of_another_site_makes_no_request() {
        let host = ("host", "localhost:8001");
        let foreign = [
            vec![host, ("origin", "https://evil.example")],
            vec![host, ("origin", "http://localhost:3000")],
            vec![host, ("origin", "null")],
            vec![host, ("sec-fetch-site", "cross-site")],
            vec![host, ("sec-fetch-site", "same-site")],
            vec![
                host,
                ("origin", "https://evil.example"),
                ("authorization", "Bearer secret"),
            ],
        ];
        for pairs in &foreign {
            for path in ["/admin/components", "/metrics"] {
                let answer = browser(Some("secret"), &Method::GET, path, pairs);
                assert!(matches!(answer, Err(AdminError::CrossSite)), "{path} {pairs:?}");
            }
        }
        let own = [
            host,
            ("origin", "http://localhost:8001"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert!(browser(None, &Method::GET, "/admin/components", &own).is_ok());
        assert!(browser(None, &Method::GET, "/", &foreign[3]).is_ok(), "a link");
    }
}

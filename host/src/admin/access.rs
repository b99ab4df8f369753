//! Access to the operators' listener: `ADMIN_TOKEN` is required. If none is set, clients on this machine may read.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, header};
use sha2::{Digest, Sha256};

use super::METRICS_PATH;
use super::error::AdminError;
use crate::config::Secret;
use crate::connections::{Busy, Closing};
use crate::routes::guarded_body::guard_body;

/// The token that operators must have.
#[derive(Clone)]
pub(super) struct Access {
    token: Option<Arc<[u8; 32]>>,
    /// Whether [`METRICS_PATH`] needs no token.
    has_open_metrics: bool,
}

impl Access {
    /// Requires this token, or none.
    pub(super) fn new(token: Option<Secret>, has_open_metrics: bool) -> Self {
        Self {
            token: token.map(|token| Arc::new(digest(token.expose().trim().as_bytes()))),
            has_open_metrics,
        }
    }

    /// Whether a request is for metrics that are open to every client.
    fn is_open(&self, method: &Method, path: &str) -> bool {
        self.has_open_metrics && method.is_safe() && path == METRICS_PATH
    }

    /// Whether a request may be answered.
    fn allow(&self, method: &Method, headers: &HeaderMap, peer: SocketAddr) -> Result<(), AdminError> {
        let Some(wanted) = &self.token else {
            return match (peer.ip().to_canonical().is_loopback(), method.is_safe()) {
                (true, true) => Ok(()),
                (true, false) => Err(AdminError::NoToken),
                (false, _) => Err(AdminError::NotFromHere),
            };
        };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().split_at_checked(7));
        match given {
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case(b"bearer ") && same(wanted, &digest(token)) =>
            {
                Ok(())
            }
            _ => Err(AdminError::Unauthorized),
        }
    }
}

/// Refuses requests that may not use the listener. Keeps the connection of an allowed request open.
pub(super) async fn check(
    State(access): State<Access>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = if access.is_open(request.method(), request.uri().path()) {
        Ok(())
    } else {
        access.allow(request.method(), request.headers(), peer)
    };
    match allowed {
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

    fn allow(
        token: Option<&str>,
        method: &Method,
        given: Option<&str>,
        peer: &str,
    ) -> Result<(), AdminError> {
        let access = Access::new(token.map(|token| token.to_owned().into()), false);
        let headers = given
            .map(|given| (header::AUTHORIZATION, given.parse().unwrap()))
            .into_iter()
            .collect();
        access.allow(method, &headers, peer.parse().unwrap())
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
    fn open_metrics_open_their_own_path_alone() {
        let open = Access::new(Some("secret".to_owned().into()), true);
        assert!(open.is_open(&Method::GET, "/metrics"));
        assert!(!open.is_open(&Method::POST, "/metrics"));
        for path in ["/metrics/", "/metrics/x", "/admin/components", "/Metrics"] {
            assert!(!open.is_open(&Method::GET, path), "{path}");
        }
        assert!(!Access::new(None, false).is_open(&Method::GET, "/metrics"));
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
}

//! Why an allowed request got no response, as text for the log and as an error of wasi:http.

use std::error::Error as _;
use std::io;
use std::net::IpAddr;

use rustls::{AlertDescription, CertificateError};
use wasmtime_wasi_http::Error;

/// Why a request got no response, or an incomplete one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Prohibited(#[from] AddressProhibited),
    #[error("the name of its host cannot be resolved: {0}")]
    Unresolved(io::Error),
    #[error("the name of its host was not resolved in time")]
    UnresolvedInTime,
    #[error("the connection was refused")]
    Refused,
    #[error("its host cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("no connection was made in time")]
    UnconnectedInTime,
    #[error("no connection was made: {0}")]
    Unconnected(io::Error),
    #[error("the server's certificate is not accepted: {0}")]
    Certificate(CertificateError),
    #[error("the server ended TLS with the alert {0:?}")]
    Alert(AlertDescription),
    #[error("TLS failed: {0}")]
    Tls(String),
    #[error("the connection was closed before TLS was agreed on")]
    ClosedInTls,
    /// The connection closed before the first byte of the response.
    #[error("the connection was closed before a response came")]
    Closed,
    #[error("the response broke off")]
    Incomplete,
    #[error("no response came within the component's first-byte-timeout")]
    Unanswered,
    #[error("no more of the response came within the component's between-bytes-timeout")]
    Stalled,
    #[error("the head of the response is too long")]
    HeadTooLong,
    #[error("the response is not HTTP/1: {0}")]
    NotHttp(String),
    #[error("the component's request body broke off")]
    RequestBody,
    #[error("a component cannot send CONNECT")]
    Method,
}

/// A name has only addresses that are neither public nor listed; this is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address {0} is neither public nor listed")]
pub(super) struct AddressProhibited(pub(super) IpAddr);

impl Failure {
    /// Why no connection was opened.
    pub(super) fn connecting(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable(error),
            io::ErrorKind::TimedOut => Self::UnconnectedInTime,
            _ => Self::Unconnected(error),
        }
    }

    /// Why the TLS handshake failed.
    pub(super) fn handshaking(error: &io::Error) -> Self {
        match tls_error(error) {
            Some(error) => Self::from(error),
            None => Self::ClosedInTls,
        }
    }

    /// Why there is no response, or an incomplete one. `has_begun` says whether any byte of the response
    /// arrived.
    pub(super) fn answering(error: &hyper::Error, has_begun: bool) -> Self {
        let broken = if has_begun { Self::Incomplete } else { Self::Closed };
        if error.is_user() || error.is_body_write_aborted() {
            return Self::RequestBody;
        }
        if let Some(error) = error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>())
        {
            return tls_error(error).map_or(broken, Self::from);
        }
        if error.is_parse_too_large() {
            Self::HeadTooLong
        } else if error.is_parse() {
            Self::NotHttp(error.to_string())
        } else {
            broken
        }
    }

    /// Whether an authority in the manifest could make the server trusted: its authority is unknown, or is another one
    /// of the same name.
    pub(super) fn is_unknown_authority(&self) -> bool {
        use CertificateError::{BadSignature, UnknownIssuer};
        matches!(self, Self::Certificate(UnknownIssuer | BadSignature))
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

impl From<&rustls::Error> for Failure {
    fn from(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::Certificate(error.clone()),
            rustls::Error::AlertReceived(alert) => Self::Alert(*alert),
            error => Self::Tls(error.to_string()),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Prohibited(_) => Self::DestinationIpProhibited,
            Failure::Unresolved(_) => Self::DnsError {
                rcode: None,
                info_code: None,
            },
            Failure::UnresolvedInTime => Self::DnsTimeout,
            Failure::Refused => Self::ConnectionRefused,
            Failure::Unreachable(_) => Self::DestinationIpUnroutable,
            Failure::UnconnectedInTime => Self::ConnectionTimeout,
            Failure::Unconnected(_) => Self::DestinationUnavailable,
            Failure::Certificate(_) => Self::TlsCertificateError,
            Failure::Alert(alert) => Self::TlsAlertReceived {
                alert_id: Some(alert.into()),
                alert_message: Some(format!("{alert:?}")),
            },
            Failure::Tls(_) => Self::TlsProtocolError,
            Failure::ClosedInTls | Failure::Closed => Self::ConnectionTerminated,
            Failure::Incomplete => Self::HttpResponseIncomplete,
            Failure::Unanswered | Failure::Stalled => Self::ConnectionReadTimeout,
            Failure::HeadTooLong => Self::HttpResponseHeaderSectionSize(None),
            Failure::NotHttp(_) | Failure::RequestBody => Self::HttpProtocolError,
            Failure::Method => Self::HttpRequestMethodInvalid,
        }
    }
}

//! The operator's settings for Cohere, and the two settings with a restricted format.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use http::HeaderValue;
use url::{Host, Url};

/// The model for requests that name none, unless the operator chooses another.
pub const DEFAULT_MODEL: &str = "command-a-03-2025";

/// The operator's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Without one, every call is refused.
    pub api_key: Option<ApiKey>,
    /// Where Cohere is.
    pub base_url: BaseUrl,
    /// The default model, for requests without a model.
    pub default_model: String,
    /// The models that may be asked, beside the default.
    pub models: Vec<String>,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// For Cohere to say nothing: before its answer begins, or between two pieces of it.
    pub silence_timeout: Duration,
    /// For a whole call, repetitions included. The deadline of a call may be earlier.
    pub total_timeout: Duration,
    /// Bytes of a request.
    pub max_request: u64,
    /// Bytes of an answer as it comes over the wire; of a stream, the words around each piece count too.
    pub max_reply: u64,
    /// Maximum number of calls in flight, for the whole host.
    pub max_in_flight: usize,
    /// Timeout of waiting for a permit.
    pub queue_timeout: Duration,
    /// When a call is repeated.
    pub backoff: Backoff,
}

impl Settings {
    /// Without a key, and otherwise as most hosts want it.
    #[must_use]
    pub fn new(base_url: BaseUrl) -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            api_key: None,
            base_url,
            default_model: DEFAULT_MODEL.to_owned(),
            models: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            silence_timeout: Duration::from_mins(1),
            total_timeout: Duration::from_mins(2),
            max_request: MIB,
            max_reply: 16 * MIB,
            max_in_flight: 64,
            queue_timeout: Duration::from_secs(2),
            backoff: Backoff::default(),
        }
    }
}

/// The pauses before a call is repeated.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first pause, if Cohere asks for none. Each later one is twice as long; up to a quarter is added to each by
    /// chance, so that hosts which failed together do not come again together.
    pub first: Duration,
    /// Callers are waiting: if Cohere asks for a longer pause, the call fails at once with the length of the
    /// pause.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(10),
        }
    }
}

/// Cohere's key for this host. `Debug` hides it, and nothing shows it.
#[derive(Clone)]
pub struct ApiKey {
    key: String,
    authorization: HeaderValue,
}

/// Text that no HTTP header can carry.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key is empty or holds a character that no key has: copy it again, without spaces and line breaks"
)]
pub struct ApiKeyError;

impl ApiKey {
    /// The value of the header `authorization`, which hyper and reqwest do not log.
    pub(crate) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }

    /// The text without the key, should it be in it.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.key, "…")
    }
}

impl FromStr for ApiKey {
    type Err = ApiKeyError;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ApiKeyError);
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| ApiKeyError)?;
        authorization.set_sensitive(true);
        Ok(Self {
            key: key.to_owned(),
            authorization,
        })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(hidden)")
    }
}

/// Where Cohere is, or a gateway that speaks for it: an address to which the key may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Text that is no such address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Not `https://host`, maybe with a port and a path.
    #[error("{0:?} is not an address of a service: write https://host")]
    Malformed(String),
    /// The URL contains a user or a password, although the key identifies the host.
    #[error("it holds a user name or a password, which have no place in it: write https://host")]
    Credentials,
    /// The key would cross the network in the clear.
    #[error("{0} would send the key in the clear: write https://, or use http:// for this machine only")]
    Insecure(Url),
}

impl BaseUrl {
    /// The address of the chat API.
    pub(crate) fn chat(&self) -> Url {
        let mut url = self.0.clone();
        let path = format!("{}/v2/chat", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || BaseUrlError::Malformed(text.to_owned());
        let url = Url::parse(text.trim()).map_err(|_| malformed())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(malformed());
        }
        match (url.scheme(), url.host()) {
            ("https", Some(_)) => Ok(Self(url)),
            ("http", Some(host)) if is_loopback(&host) => Ok(Self(url)),
            ("http", Some(_)) => Err(BaseUrlError::Insecure(url)),
            _ => Err(malformed()),
        }
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn https_or_this_machine_is_where_a_key_may_be_sent() {
        let chat = |text: &str| text.parse::<BaseUrl>().map(|url| url.chat().to_string());
        assert_eq!(
            chat("https://api.cohere.com").unwrap(),
            "https://api.cohere.com/v2/chat"
        );
        assert_eq!(
            chat("https://gateway.example:8443/cohere/").unwrap(),
            "https://gateway.example:8443/cohere/v2/chat"
        );
        for loopback in ["http://localhost:1", "http://127.8.0.1:1/", "http://[::1]:1"] {
            assert!(chat(loopback).is_ok(), "{loopback}");
        }
        for elsewhere in [
            "http://api.cohere.com",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://[::2]",
        ] {
            assert!(
                matches!(chat(elsewhere), Err(BaseUrlError::Insecure(_))),
                "{elsewhere}"
            );
        }
        for malformed in ["", "api.cohere.com", "ftp://host", "https://", "https://host?a=1"] {
            assert!(
                matches!(chat(malformed), Err(BaseUrlError::Malformed(_))),
                "{malformed}"
            );
        }
        assert_eq!(chat("https://user:password@host"), Err(BaseUrlError::Credentials));
    }

    #[test]
    fn a_key_is_never_shown() {
        let key: ApiKey = "to-be-hidden".parse().unwrap();
        let base_url = "https://api.cohere.com".parse().unwrap();
        let settings = Settings {
            api_key: Some(key.clone()),
            ..Settings::new(base_url)
        };
        assert!(!format!("{settings:?} {:?}", key.authorization()).contains("to-be"));
        assert_eq!(key.redact("bad key to-be-hidden!"), "bad key …!");
        for bad in ["", "two words", "line\nbreak", "schlüssel"] {
            assert!(bad.parse::<ApiKey>().is_err(), "{bad}");
        }
    }
}

//! The failure of one attempt: the caller's error, the detail for the log, and whether to retry.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use crate::error::Error;
use crate::settings::ApiKey;

/// The longest part of Cohere's error message that is kept, in characters.
const MAX_MESSAGE: usize = 500;

/// Whether an attempt that failed is worth another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    No,
    /// After a pause of our own choice.
    Yes,
    /// After the pause that Cohere asks for.
    After(Duration),
}

/// The failure of one attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// For the log only, without the key.
    pub(crate) detail: String,
    pub(crate) repeat: Repeat,
}

impl Failure {
    /// A failure that is not retried.
    pub(crate) fn new(error: Error, detail: impl Into<String>) -> Self {
        Self {
            error,
            detail: detail.into(),
            repeat: Repeat::No,
        }
    }

    pub(crate) fn timeout(waited_for: &str) -> Self {
        Self::new(Error::Timeout, format!("there was no {waited_for} in time"))
    }

    pub(crate) fn too_large(limit: u64) -> Self {
        Self::new(
            Error::ReplyTooLarge(limit),
            format!("the reply is larger than {limit} bytes"),
        )
    }

    pub(crate) fn broken(detail: impl std::fmt::Display) -> Self {
        Self::new(Error::Broken, detail.to_string())
    }

    /// There was no response.
    pub(crate) fn from_sending(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        let detail = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        if error.is_connect() {
            // Nothing has been sent, so a retry is safe.
            Self {
                repeat: Repeat::Yes,
                ..Self::new(Error::Unavailable, detail)
            }
        } else {
            Self::new(Error::Broken, detail)
        }
    }

    /// The response is an error. `message` is Cohere's message without the key.
    pub(crate) fn from_status(status: StatusCode, headers: &HeaderMap, message: &str, model: &str) -> Self {
        let asked_for = retry_after(headers);
        let error = match status.as_u16() {
            400 | 413 | 422 => Error::InvalidRequest(message.to_owned()),
            401..=403 => Error::Unauthorized,
            404 => Error::ModelUnavailable(model.to_owned()),
            408 | 504 => Error::Timeout,
            429 => Error::RateLimited(asked_for),
            498 => Error::ContentRefused,
            499..=599 => Error::Unavailable,
            _ => Error::Broken,
        };
        let repeat = match status.as_u16() {
            408 | 429 | 500..=599 => asked_for.map_or(Repeat::Yes, Repeat::After),
            _ => Repeat::No,
        };
        Self {
            error,
            detail: format!("{status}: {message}"),
            repeat,
        }
    }
}

/// The message of an error's body: Cohere's `message`, or else the body itself; in both, the key is removed.
pub(crate) fn message(body: &[u8], key: &ApiKey) -> String {
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    let text = match serde_json::from_slice::<Body>(body) {
        Ok(body) => body.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let text: String = text
        .trim()
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    // The text is cut last, because otherwise a part of the key could remain.
    key.redact(&text).chars().take(MAX_MESSAGE).collect()
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date that has passed means: now.
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
            retry_after(&headers)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(1));
        assert!(read(&later).is_some_and(|pause| pause > Duration::from_mins(59)));
        for nonsense in ["soon", "-1", "NaN", "1e300", ""] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}

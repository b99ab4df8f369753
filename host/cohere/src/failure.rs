//! The failure of one attempt: the caller's error, the detail for the log, and whether to retry.

use std::error::Error as _;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::error::Error;
use crate::retry::{Repeat, retry_after};
use crate::settings::ApiKey;

/// The longest part of Cohere's error message that is kept, in characters.
const MAX_MESSAGE: usize = 500;

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

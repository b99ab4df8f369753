//! How values of environment variables are read. An error says what is wrong, and what to write.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{self, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use berth_cohere::{ApiKey, ApiKeyError};
use url::Url;

use super::quantity::{Count, HOUR, Quantity, SECOND, Size, Time};
use super::{Environment, LogFormat, Secret};

/// The most characters of a service's name, a user id and a header's name.
pub(super) const MAX_NAME_CHARACTERS: usize = 100;

/// The shortest secret that HS256 allows, in bytes: the length of its hash (RFC 7518, section 3.2).
pub(super) const MIN_JWT_SECRET_BYTES: usize = 32;

/// The remedy for a `JWT_SECRET` that is missing or too short.
pub(super) const JWT_SECRET_REMEDY: &str =
    "set it to at least 32 random bytes, for example the output of `openssl rand -hex 32`";

/// The longest name of an environment, in bytes.
const MAX_ENVIRONMENT_BYTES: usize = 40;

/// Whether `text` has 1 to [`MAX_NAME_CHARACTERS`] characters, no control characters, and no white space around it.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= MAX_NAME_CHARACTERS
        && !text.chars().any(char::is_control)
        && text.trim() == text
}

/// A value of a type that parses itself.
pub(super) fn from_text<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A path in its absolute form, because the host's child processes run in another directory.
pub(super) fn absolute_path(text: &str) -> Result<PathBuf, String> {
    path::absolute(text)
        .map_err(|error| format!("{text:?} has no absolute form ({error}): write a full path"))
}

impl FromStr for Environment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_word = text.len() <= MAX_ENVIRONMENT_BYTES
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if is_word {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!(
                "{text:?} is not a name: write development, production or the like"
            ))
        }
    }
}

pub(super) fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => text.trim_matches(['[', ']']).parse().map_err(|_| {
            format!("{text:?} is not an IP address: write 0.0.0.0 for every interface, or 127.0.0.1 for this machine alone")
        }),
    }
}

/// Names of hosts without a port, in lower case.
pub(super) fn host_names(text: &str) -> Result<Vec<String>, String> {
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    match list(text).into_iter().find(|name| !is_name(name)) {
        Some(name) => Err(format!(
            "{name:?} is not the name of a host: write berth.example.com, without a scheme and a port"
        )),
        None => Ok(list(&text.to_ascii_lowercase())),
    }
}

/// Whether metrics are open to clients without a token.
pub(super) fn open_or_token(text: &str) -> Result<bool, String> {
    match text {
        "open" => Ok(true),
        "token" => Ok(false),
        _ => Err(format!(
            "{text:?} is neither token nor open: write one of the two"
        )),
    }
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a port: write a number from 0 to 65535"))
}

pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address with a port: write 127.0.0.1:8001 or the like"))
}

/// A database URL. Only its form is checked: the first connection shows whether a server answers.
pub(super) fn database_url(url: Secret) -> Result<Secret, String> {
    match berth_database::url::parse(url.expose()) {
        Ok(_) => Ok(url),
        Err(error) => Err(format!("it {error}, or unset it for a private PostgreSQL")),
    }
}

pub(super) fn jwt_secret(secret: Secret) -> Result<Secret, String> {
    let bytes = secret.expose().len();
    if bytes < MIN_JWT_SECRET_BYTES {
        return Err(format!(
            "it has {bytes} bytes, too few to be safe: {JWT_SECRET_REMEDY}"
        ));
    }
    Ok(secret)
}

/// Seconds, or a time with a unit.
pub(super) fn token_lifetime(text: &str) -> Result<Duration, String> {
    const YEAR: u64 = 31_557_600 * SECOND;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        time::<SECOND, { 10 * YEAR }>(&format!("{text}s"))
    } else {
        time::<SECOND, { 10 * YEAR }>(text)
    }
}

pub(super) fn user_id(text: &str) -> Result<String, String> {
    if is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "it is not a user id: write 1 to {MAX_NAME_CHARACTERS} characters"
        ))
    }
}

pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{text:?} is not a switch: write on or off")),
    }
}

/// An address of HTTP or HTTPS.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| format!("{text:?} is not an address: write one such as http://localhost:4318"))
}

/// The one protocol of a collector that the host speaks.
pub(super) fn otlp_protocol(text: &str) -> Result<(), String> {
    if text == "http/protobuf" {
        Ok(())
    } else {
        Err(format!(
            "{text:?} is not supported: write http/protobuf, and name the collector's port for it, which is often 4318"
        ))
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err(format!("{text:?} is not a format: write pretty or json")),
    }
}

pub(super) fn cohere_key(key: &Secret) -> Result<ApiKey, String> {
    let key = key.expose().trim().parse();
    key.map_err(|error: ApiKeyError| error.to_string())
}

/// The entries between commas that are not blank.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A time, or none for `off`.
pub(super) fn interval_or_off(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "off" => Ok(None),
        _ => time::<SECOND, HOUR>(text).map(Some),
    }
}

/// A time from `MIN` to `MAX` milliseconds.
pub(super) fn time<const MIN: u64, const MAX: u64>(text: &str) -> Result<Duration, String> {
    let time: Quantity<Time, MIN, MAX> = text.parse()?;
    Ok(time.duration())
}

/// A number from `MIN` to `MAX`.
pub(super) fn count<const MIN: u64, const MAX: u64>(text: &str) -> Result<usize, String> {
    let count: Quantity<Count, MIN, MAX> = text.parse()?;
    Ok(count.count())
}

/// A size from `MIN` to `MAX` bytes, as a number of bytes.
pub(super) fn bytes<const MIN: u64, const MAX: u64>(text: &str) -> Result<u64, String> {
    let size: Quantity<Size, MIN, MAX> = text.parse()?;
    Ok(size.value())
}

/// A size from `MIN` to `MAX` bytes, as the length of something in memory.
pub(super) fn size<const MIN: u64, const MAX: u64>(text: &str) -> Result<usize, String> {
    let size: Quantity<Size, MIN, MAX> = text.parse()?;
    Ok(size.count())
}

//! The tables `[files.NAME]` of the manifest: directories that the host serves.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use berth_runtime::RoutePattern;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use toml::Spanned;

use super::faults::{Faults, Misplaced, Read};
use super::schema::Parsed;
use crate::files::{FilesSpec, Listing};

/// The most tables.
const MAX_TABLES: usize = 16;

/// The most characters of a table's name.
const MAX_NAME_CHARACTERS: usize = 40;

/// The most additional headers, and the most bytes of one.
const MAX_HEADERS: usize = 32;
const MAX_HEADER_BYTES: usize = 4096;

/// The headers of a response that the host sets by itself, and those that would affect the whole site.
const RESERVED: [HeaderName; 22] = [
    header::ACCEPT_RANGES,
    header::ALT_SVC,
    header::CACHE_CONTROL,
    HeaderName::from_static("clear-site-data"),
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    HeaderName::from_static("keep-alive"),
    header::LAST_MODIFIED,
    header::LOCATION,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-component"),
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VARY,
];

/// The prefixes of further headers that only the host sets.
const RESERVED_PREFIXES: [&str; 3] = ["access-control-", "proxy-", "x-berth-"];

/// The keys of a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFiles {
    directory: Spanned<PathBuf>,
    pub(super) routes: Vec<Spanned<Parsed<FilesRoute>>>,
    fallback: Option<Spanned<Parsed<FilePath>>>,
    #[serde(default)]
    immutable: Vec<Parsed<ImmutablePath>>,
    headers: Option<Spanned<BTreeMap<Parsed<OwnHeader>, Parsed<HeaderText>>>>,
    authentication: Option<Parsed<Login>>,
}

impl Read<RawFiles> {
    /// The spec, if the table has no fault. Files are relative to `directory`.
    pub(super) fn check(self, name: String, directory: &Path, faults: &mut Faults) -> Option<FilesSpec> {
        let Self {
            value: written,
            is_whole,
        } = self;
        let path = directory.join(written.directory.get_ref());
        let listing = Listing::read(&path);
        let listing = listing.map_err(|error| Misplaced::at(written.directory.span(), error.to_string()));
        let listing = faults.take(listing);
        let fallback = written.fallback.map(|fallback| {
            let place = fallback.span();
            let Parsed(FilePath(file)) = fallback.into_inner();
            if listing.as_ref().is_some_and(|listing| !listing.has(&file)) {
                let reason = format!("the directory has no file {file:?}: add it, or name another");
                faults.add(Misplaced::at(place, reason));
            }
            file
        });
        let headers = written.headers.map(|headers| {
            if headers.get_ref().len() > MAX_HEADERS {
                let reason = format!("at most {MAX_HEADERS} headers are allowed: remove some");
                faults.add(Misplaced::at(headers.span(), reason));
            }
            let pair = |(Parsed(OwnHeader(name)), Parsed(HeaderText(value)))| (name, value);
            headers.into_inner().into_iter().map(pair).collect::<HeaderMap>()
        });
        listing?;
        is_whole.then(|| FilesSpec {
            name,
            directory: path,
            routes: written
                .routes
                .into_iter()
                .map(|route| route.into_inner().0.0)
                .collect(),
            fallback,
            immutable: written
                .immutable
                .into_iter()
                .map(|Parsed(ImmutablePath(path))| path)
                .collect(),
            headers: headers.unwrap_or_default(),
            needs_login: matches!(written.authentication, Some(Parsed(Login::Required))),
        })
    }
}

/// Reports names that are none, and too many tables.
pub(super) fn check_names(names: &[&Spanned<String>], faults: &mut Faults) {
    let is_name = |name: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=MAX_NAME_CHARACTERS).contains(&name.len()) && name.bytes().all(is_plain)
    };
    for name in names.iter().filter(|name| !is_name(name.get_ref())) {
        let reason = format!(
            "{:?} is not the name of files: write 1 to {MAX_NAME_CHARACTERS} lower-case letters, digits and `-`",
            name.get_ref()
        );
        faults.add(Misplaced::at(name.span(), reason));
    }
    if let Some(name) = names.get(MAX_TABLES) {
        let reason =
            format!("at most {MAX_TABLES} tables of files are allowed: serve several directories as one");
        faults.add(Misplaced::at(name.span(), reason));
    }
}

/// A route of files: a literal path, or a literal path with `/{*rest}` behind.
pub(super) struct FilesRoute(pub(super) RoutePattern);

impl FromStr for FilesRoute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pattern: RoutePattern = text.parse()?;
        let literal = pattern.parent().unwrap_or(text);
        if literal.contains('{') {
            return Err(format!(
                "{text:?} is not a route of files: write a path as in \"/robots.txt\", or \"/assets/{{*rest}}\""
            ));
        }
        Ok(Self(pattern))
    }
}

/// The path of a file, relative to the directory.
struct FilePath(String);

impl FromStr for FilePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_path(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is not the path of a file: write it relative to the directory, as in \"index.html\""
            ))
        }
    }
}

/// The path of a file, or of a directory with a slash behind.
struct ImmutablePath(String);

impl FromStr for ImmutablePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_path(text.strip_suffix('/').unwrap_or(text)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is not a path: write a directory as in \"assets/\", or a file, relative to the directory"
            ))
        }
    }
}

/// Whether the text is a relative path that a file of a listing can have.
fn is_path(text: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && !name.starts_with('.');
    text.split('/').all(is_name) && !text.contains(|c: char| c == '\\' || c.is_control())
}

/// A header that the manifest may add.
#[derive(PartialEq, Eq)]
struct OwnHeader(HeaderName);

// A map needs an order, which names of headers do not have.
impl Ord for OwnHeader {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}

impl PartialOrd for OwnHeader {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for OwnHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Ok(name) = text.parse::<HeaderName>() else {
            return Err(format!(
                "{text:?} is not the name of a header: write one as in \"content-security-policy\""
            ));
        };
        let is_reserved = RESERVED.contains(&name)
            || RESERVED_PREFIXES
                .iter()
                .any(|prefix| name.as_str().starts_with(prefix));
        if is_reserved {
            return Err(format!(
                "{text:?} is a header that the host sets itself: remove it"
            ));
        }
        Ok(Self(name))
    }
}

/// The value of a header.
struct HeaderText(HeaderValue);

impl FromStr for HeaderText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = HeaderValue::from_str(text).ok();
        let value = value.filter(|_| text.len() <= MAX_HEADER_BYTES && text.trim() == text);
        value.map(Self).ok_or_else(|| {
            format!("{text:?} is not the value of a header: write at most {MAX_HEADER_BYTES} characters of ASCII on one line")
        })
    }
}

/// Whether files need a login.
enum Login {
    None,
    Required,
}

impl FromStr for Login {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "required" => Ok(Self::Required),
            _ => Err(format!(
                "{text:?} does not say whether files need a login: write \"required\", or \"none\", the default"
            )),
        }
    }
}

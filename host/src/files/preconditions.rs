//! The conditions of a request (RFC 9110, 13): whether the client has the content already, and whether a range belongs to
//! the content that the client has.

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, header};

use super::set::Representation;

/// Whether the client has this form of the file already, by its tag, or else by its date.
pub(super) fn is_known(form: &Representation, headers: &HeaderMap) -> bool {
    let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        return tags.any(|list| names(list, &form.tag));
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(date);
    matches!((form.modified, since), (Some(modified), Some(since)) if modified <= since)
}

/// Whether a range of the request is one of this form of the file. A request without `If-Range` says so.
pub(super) fn takes_range(form: &Representation, headers: &HeaderMap) -> bool {
    match headers.get(header::IF_RANGE) {
        None => true,
        // A weak tag has a prefix, so it equals none of the host's.
        Some(condition) if condition.as_bytes().contains(&b'"') => *condition == form.tag,
        Some(condition) => form.modified.is_some() && form.modified == date(condition),
    }
}

/// Whether the list names the tag, by weak comparison, or is `*`.
fn names(list: &HeaderValue, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default();
    list.to_str().is_ok_and(|list| {
        list.split(',')
            .map(str::trim)
            .any(|entry| entry == "*" || entry.strip_prefix("W/").unwrap_or(entry) == tag)
    })
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    value
        .to_str()
        .ok()
        .and_then(|text| httpdate::parse_http_date(text).ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::time::Duration;

    use bytes::Bytes;

    use super::super::content::Content;
    use super::*;

    const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
    const BEFORE: &str = "Wed, 31 Dec 2025 23:59:59 GMT";
    const AFTER: &str = "Thu, 01 Jan 2026 00:00:01 GMT";

    fn form() -> Representation {
        Representation {
            content: Content::Memory(Bytes::new()),
            length: 0,
            tag: HeaderValue::from_static("\"abc\""),
            modified: Some(httpdate::parse_http_date(DATE).unwrap()),
        }
    }

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_known_tag_or_else_a_known_date_is_enough() {
        let known = |pairs: &[_]| is_known(&form(), &headers(pairs));
        for tags in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            assert!(known(&[(header::IF_NONE_MATCH, tags)]), "{tags}");
        }
        for tags in ["\"x\"", "abc", "", "\"abcd\""] {
            assert!(!known(&[(header::IF_NONE_MATCH, tags)]), "{tags}");
        }
        assert!(known(&[(header::IF_MODIFIED_SINCE, DATE)]));
        assert!(known(&[(header::IF_MODIFIED_SINCE, AFTER)]));
        for date in [BEFORE, "yesterday", ""] {
            assert!(!known(&[(header::IF_MODIFIED_SINCE, date)]), "{date}");
        }
        assert!(
            !known(&[
                (header::IF_NONE_MATCH, "\"x\""),
                (header::IF_MODIFIED_SINCE, AFTER)
            ]),
            "the date does not count beside a tag"
        );
        assert!(!known(&[]));
    }

    #[test]
    fn a_range_of_another_content_is_none_of_this() {
        let takes = |pairs: &[_]| takes_range(&form(), &headers(pairs));
        assert!(takes(&[]));
        assert!(takes(&[(header::IF_RANGE, "\"abc\"")]));
        assert!(takes(&[(header::IF_RANGE, DATE)]));
        for condition in ["W/\"abc\"", "\"x\"", BEFORE, AFTER, "yesterday", ""] {
            assert!(!takes(&[(header::IF_RANGE, condition)]), "{condition}");
        }
        let undated = Representation {
            modified: SystemTime::UNIX_EPOCH.checked_sub(Duration::MAX),
            ..form()
        };
        assert!(!takes_range(
            &undated,
            &headers(&[(header::IF_RANGE, "yesterday")])
        ));
    }
}

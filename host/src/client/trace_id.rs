//! The trace that a proxy says a request belongs to: the header `traceparent` (W3C Trace Context, level 1).

use std::fmt;

use http::HeaderMap;

/// The header.
const TRACEPARENT: &str = "traceparent";

/// The length of a version 00 header, which later versions only add to.
const MIN_BYTES: usize = 55;

/// The identifier of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(u128);

impl TraceId {
    /// The trace of the only `traceparent`. None for a header that is malformed: its request begins a trace of its own.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.as_bytes()),
            _ => None,
        }
    }

    /// Parses `version-trace-parent-flags`, all in lower-case hexadecimal.
    fn parse(value: &[u8]) -> Option<Self> {
        let (head, rest) = value.split_at_checked(MIN_BYTES)?;
        let head = str::from_utf8(head).ok()?;
        let mut parts = head.split('-');
        let mut part = |length| {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            parts
                .next()
                .filter(|part| part.len() == length && part.bytes().all(is_digit))
        };
        let (version, trace, parent, _flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let is_known = match version {
            "ff" => false,
            "00" => rest.is_empty(),
            _ => rest.is_empty() || rest.starts_with(b"-"),
        };
        let is_zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
        if !is_known || is_zero(trace) || is_zero(parent) {
            return None;
        }
        u128::from_str_radix(trace, 16).ok().map(Self)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use http::HeaderValue;

    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn parse(value: &str) -> Option<String> {
        TraceId::parse(value.as_bytes()).map(|trace| trace.to_string())
    }

    #[test]
    fn the_trace_is_read_from_this_version_and_from_later_ones() {
        assert_eq!(parse(VALID).as_deref(), Some(TRACE));
        assert_eq!(parse(&VALID.replace("00-", "cc-")).as_deref(), Some(TRACE));
        let later = format!("{}-what-the-future-holds", VALID.replacen("00", "cc", 1));
        assert_eq!(parse(&later).as_deref(), Some(TRACE));
    }

    #[test]
    fn a_malformed_header_has_no_trace() {
        for value in [
            "",
            "00",
            TRACE,
            &VALID.to_uppercase(),
            &VALID[..54],
            &format!("{VALID}-more"),
            &format!("{VALID}0"),
            &VALID.replacen("00", "ff", 1),
            &VALID.replacen("00", "zz", 1),
            &VALID.replace(TRACE, &"0".repeat(32)),
            &VALID.replace("b7ad6b7169203331", &"0".repeat(16)),
            &VALID.replace('-', "_"),
            "00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c8\u{1b}19c-b7ad6b7169203331-01",
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
    }

    #[test]
    fn of_two_headers_neither_counts() {
        let one = HeaderValue::from_static(VALID);
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, one.clone());
        assert_eq!(TraceId::of(&headers).unwrap().to_string(), TRACE);
        headers.append(TRACEPARENT, one);
        assert_eq!(TraceId::of(&headers), None);
    }
}

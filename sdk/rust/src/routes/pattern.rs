//! Compares paths with patterns, segment by segment.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The rules for parameters that hold for all routes of a component.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    /// The parameter that must be the caller's own identifier.
    pub(super) caller: Option<&'static str>,
    /// The words that the caller's parameter never matches.
    pub(super) reserved: &'static [&'static str],
}

impl Parameters {
    /// Whether `pattern` matches `path`.
    pub(super) fn match_path(&self, pattern: &str, path: &str) -> bool {
        let mut given = segments(path);
        let all = segments(pattern).all(|expected| {
            given
                .next()
                .is_some_and(|segment| match parameter_name(expected) {
                    Some(name) if self.is_caller(name) => !segment.is_empty() && !self.is_reserved(segment),
                    Some(_) => !segment.is_empty(),
                    None => segment == expected,
                })
        });
        all && given.next().is_none()
    }

    fn is_caller(&self, name: &[u8]) -> bool {
        self.caller.is_some_and(|caller| caller.as_bytes() == name)
    }

    fn is_reserved(&self, segment: &[u8]) -> bool {
        !self.reserved.is_empty() && self.reserved.contains(&&*decode(segment))
    }
}

/// The percent-decoded value of the parameter `name` in `path`, which `pattern` matches.
pub(crate) fn parameter<'p>(pattern: &str, path: &'p str, name: &str) -> Option<Cow<'p, str>> {
    let mut pairs = segments(pattern).zip(segments(path));
    pairs
        .find(|(expected, _)| parameter_name(expected) == Some(name.as_bytes()))
        .map(|(_, segment)| decode(segment))
}

/// Orders patterns that match the same path: the pattern with the earlier literal segment comes first.
pub(super) fn parameters_at(pattern: &str) -> impl Iterator<Item = bool> {
    segments(pattern).map(|segment| parameter_name(segment).is_some())
}

/// The segments of a path, as bytes: a search for a `char` costs more than all the rest for a table of this size.
fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|byte| *byte == b'/')
}

fn parameter_name(segment: &[u8]) -> Option<&[u8]> {
    segment.strip_prefix(b"{")?.strip_suffix(b"}")
}

fn decode(segment: &[u8]) -> Cow<'_, str> {
    percent_decode(segment).decode_utf8_lossy()
}

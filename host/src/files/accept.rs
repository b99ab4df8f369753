//! What a request accepts: the weights of content codings and of media types (RFC 9110, 12.5.1 and 12.5.3).

use http::{HeaderMap, header};

use super::set::{Representation, StaticFile};

/// The weight of an entry without one, in thousandths.
const FULL_WEIGHT: u16 = 1000;

/// The form of `file` that the request prefers: a compressed one if it is welcome as much as the plain one. Returns its
/// coding, if it has one.
pub(super) fn choose<'a>(
    file: &'a StaticFile,
    headers: &HeaderMap,
) -> (Option<&'static str>, &'a Representation) {
    let accepted: Vec<_> = entries(headers, &header::ACCEPT_ENCODING).collect();
    let weight = |coding: &str| {
        let named = |name: &str| {
            accepted
                .iter()
                .find(|(entry, _)| entry.eq_ignore_ascii_case(name))
        };
        // Older clients know gzip by another name (RFC 9110, 8.4.1.3).
        let alias = (coding == "gzip").then(|| named("x-gzip")).flatten();
        named(coding)
            .or(alias)
            .or_else(|| named("*"))
            .map(|(_, weight)| *weight)
    };
    // A coding that is not named is not welcome; the plain form always is, unless it is ruled out by name.
    let plain = weight("identity").unwrap_or(1);
    let welcome = file.compressed.iter().filter_map(|(coding, form)| {
        let weight = weight(coding).filter(|weight| *weight > 0 && *weight >= plain)?;
        Some((weight, *coding, form))
    });
    // Of equal weights the first is taken, which is the smallest form.
    let best = welcome.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or((None, &file.plain), |(_, coding, form)| (Some(coding), form))
}

/// Whether the request prefers HTML to JSON, as a browser does that opens a page. A request that has no preference, as
/// curl's `*/*`, does not.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    weight_of_type(headers, "text", "html") > weight_of_type(headers, "application", "json")
}

/// The weight of a media type: that of the most specific range which includes it.
fn weight_of_type(headers: &HeaderMap, kind: &str, subtype: &str) -> u16 {
    let precision = |range: &str| match range.split_once('/') {
        Some((one, other)) if one.eq_ignore_ascii_case(kind) && other.eq_ignore_ascii_case(subtype) => {
            Some(3)
        }
        Some((one, "*")) if one.eq_ignore_ascii_case(kind) => Some(2),
        Some(("*", "*")) => Some(1),
        _ => None,
    };
    entries(headers, &header::ACCEPT)
        .filter_map(|(range, weight)| Some((precision(range)?, weight)))
        .max_by_key(|(precision, _)| *precision)
        .map_or(0, |(_, weight)| weight)
}

/// The entries of a list, each with its weight in thousandths. An entry whose weight cannot be read is left out.
fn entries<'a>(
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> impl Iterator<Item = (&'a str, u16)> + use<'a> {
    let values = headers.get_all(name).into_iter();
    let lists = values.filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(Some(FULL_WEIGHT), thousandths)?;
        Some((name, weight))
    })
}

/// Reads a weight: `0.5`, with at most three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: u16 = format!("{fraction:0<3}").parse().ok().filter(|_| is_digits)?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(FULL_WEIGHT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use http::HeaderValue;

    use super::super::content::Content;
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    fn file() -> StaticFile {
        let form = || Representation {
            content: Content::Memory(bytes::Bytes::new()),
            length: 0,
            tag: HeaderValue::from_static("\"x\""),
            modified: None,
        };
        StaticFile {
            content_type: HeaderValue::from_static("text/plain"),
            is_immutable: false,
            plain: form(),
            compressed: vec![("br", form()), ("gzip", form())],
        }
    }

    #[test]
    fn the_form_follows_the_weights() {
        let file = file();
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("x-gzip", Some("gzip")),
            ("br;q=0.5, gzip;q=0.8", Some("gzip")),
            ("br;q=0.8,gzip;q=0.8", Some("br")),
            ("*", Some("br")),
            ("br;q=0, *", Some("gzip")),
            ("identity, br;q=0.5", None),
            ("gzip;q=0", None),
            ("identity", None),
            ("deflate", None),
            ("", None),
            ("br;q=2", None),
            ("br;q=0.0001", None),
            ("br;q=x", None),
            ("br;q=", None),
            (" br ; q=1.000 ", Some("br")),
        ] {
            let chosen = choose(&file, &headers(header::ACCEPT_ENCODING, accepted)).0;
            assert_eq!(chosen, coding, "{accepted:?}");
        }
        assert_eq!(choose(&file, &HeaderMap::new()).0, None);
    }

    #[test]
    fn browsers_prefer_html_and_programs_do_not() {
        let prefers = |accepted: &str| prefers_html(&headers(header::ACCEPT, accepted));
        for accepted in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            "text/html",
            "text/*",
            "application/json;q=0.5, text/html;q=0.6",
            "TEXT/HTML",
        ] {
            assert!(prefers(accepted), "{accepted}");
        }
        for accepted in [
            "*/*",
            "application/json",
            "application/json, text/plain, */*",
            "text/html, application/json",
            "text/html;q=0, */*",
            "text/plain",
            "",
        ] {
            assert!(!prefers(accepted), "{accepted}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}

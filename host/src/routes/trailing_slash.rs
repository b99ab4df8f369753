//! Every path answers the same with and without a trailing slash, and never by a redirect.

use http::Uri;
use http::uri::PathAndQuery;

/// Removes a trailing slash from the path of `uri`.
pub(super) fn strip(uri: &mut Uri) {
    if let Some(stripped) = without_trailing_slash(uri) {
        *uri = stripped;
    }
}

/// The address without the slash; none if there is no slash to remove. The root keeps its slash.
fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/').filter(|rest| !rest.is_empty())?;
    let path_and_query: PathAndQuery = match uri.query() {
        Some(query) => format!("{path}?{query}").try_into().ok()?,
        None => path.try_into().ok()?,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn stripped(uri: &str) -> String {
        let mut uri: Uri = uri.parse().unwrap();
        strip(&mut uri);
        uri.to_string()
    }

    #[test]
    fn one_slash_is_taken_and_the_query_stays() {
        assert_eq!(stripped("/api/tasks/"), "/api/tasks");
        assert_eq!(stripped("/api/tasks/?a=b/"), "/api/tasks?a=b/");
        assert_eq!(stripped("/api/tasks//"), "/api/tasks/");
        assert_eq!(stripped("http://example.com/api/"), "http://example.com/api");
    }

    #[test]
    fn what_has_none_stays_as_it_is() {
        for uri in ["/", "/api/tasks", "/api?x=/", "//"] {
            let expected = if uri == "//" { "/" } else { uri };
            assert_eq!(stripped(uri), expected);
        }
    }
}

//! The web sites that may call: `CORS_ORIGINS`.

use url::Url;

/// The origins whose pages may read the host's responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Every origin, but without credentials.
    Any,
    /// These origins, with credentials. As a browser writes them: `https://example.com`, without the default port.
    Listed(Vec<String>),
}

impl CorsOrigins {
    /// Whether the list has `origin`, as a browser writes it. `*` lists none.
    #[must_use]
    pub fn lists(&self, origin: &str) -> bool {
        matches!(self, Self::Listed(origins) if origins.iter().any(|listed| listed == origin))
    }

    /// Reads a comma-separated list, a JSON array, or `*`.
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        let entries: Vec<String> = if value.starts_with('[') {
            serde_json::from_str(value).map_err(|error| {
                format!("not a JSON array of strings ({error}): write [\"https://example.com\"]")
            })?
        } else {
            value
                .split(',')
                .map(|entry| entry.trim().to_owned())
                .filter(|entry| !entry.is_empty())
                .collect()
        };
        match &*entries {
            [all] if all == "*" => Ok(Self::Any),
            _ => entries
                .iter()
                .map(|entry| origin(entry))
                .collect::<Result<_, _>>()
                .map(Self::Listed),
        }
    }
}

/// An origin in the form that browsers send (RFC 6454, section 6.2).
fn origin(entry: &str) -> Result<String, String> {
    if entry == "*" {
        return Err(
            "`*` allows every origin, without credentials: name either `*` alone or the origins".to_owned(),
        );
    }
    let refused = || format!("{entry:?} is not an origin: write scheme://host or scheme://host:port");
    let url = Url::parse(entry).map_err(|_| refused())?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty() && !host.contains('*'))
        .ok_or_else(refused)?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    if !bare {
        return Err(refused());
    }
    // A scheme that is not the web's own (an app's `capacitor://localhost`) has no origin by `Url`'s rules.
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Ok(format!("{}://{host}{port}", url.scheme()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn listed(origins: &[&str]) -> CorsOrigins {
        CorsOrigins::Listed(origins.iter().map(|&origin| origin.to_owned()).collect())
    }

    #[test]
    fn lists_arrays_and_a_star_are_read() {
        assert_eq!(CorsOrigins::parse("*").unwrap(), CorsOrigins::Any);
        assert_eq!(CorsOrigins::parse(r#"["*"]"#).unwrap(), CorsOrigins::Any);
        let two = listed(&["https://a.example", "http://localhost:3000"]);
        assert_eq!(
            CorsOrigins::parse("https://a.example, http://localhost:3000,").unwrap(),
            two
        );
        assert_eq!(
            CorsOrigins::parse(r#"["https://a.example","http://localhost:3000"]"#).unwrap(),
            two
        );
        assert_eq!(CorsOrigins::parse("[]").unwrap(), listed(&[]));
        assert!(two.lists("https://a.example") && !two.lists("https://b.example"));
        assert!(!CorsOrigins::Any.lists("https://a.example"));
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        let entries = "HTTPS://A.example:443/, capacitor://localhost, http://[::1]:8080";
        let expected = listed(&["https://a.example", "capacitor://localhost", "http://[::1]:8080"]);
        assert_eq!(CorsOrigins::parse(entries).unwrap(), expected);
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for entry in [
            "example.com",
            "localhost:3000",
            "https://*.example.com",
            "https://example.com/app",
            "https://me@example.com",
            "*, https://example.com",
            "[1]",
            "[",
        ] {
            assert!(CorsOrigins::parse(entry).is_err(), "{entry}");
        }
    }
}

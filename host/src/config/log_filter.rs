//! The filter of the log, in the syntax of `RUST_LOG`.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// The longest filter, in bytes.
const MAX_FILTER_BYTES: usize = 4096;

/// Directives that can be parsed: a level, or `target=level`, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// A filter that cannot be parsed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LogFilterError {
    /// A directive that cannot be parsed.
    #[error(
        "directive {number}, {text:?} at character {character}, is invalid: write a level such as info, or target=level pairs"
    )]
    Directive {
        /// The number of the directive, from 1.
        number: usize,
        /// The position of its first character, from 1.
        character: usize,
        /// The directive.
        text: String,
    },
    /// There is no directive.
    #[error("it is empty: write a level such as info, or target=level pairs")]
    Empty,
    /// The filter is too long.
    #[error("it has more than {MAX_FILTER_BYTES} bytes")]
    TooLong,
}

impl LogFilter {
    /// The directives, as they were written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The filter for a subscriber.
    #[must_use]
    pub fn to_env_filter(&self) -> EnvFilter {
        // The text was parsed by `from_str`, so the fallback is never used.
        EnvFilter::try_new(&self.0).unwrap_or_else(|_| EnvFilter::new("info"))
    }
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        if text.len() > MAX_FILTER_BYTES {
            return Err(LogFilterError::TooLong);
        }
        let (mut character, mut found) = (1, 0);
        for (index, directive) in text.split(',').enumerate() {
            // EnvFilter ignores what is empty between commas, and separates at every comma.
            if !directive.is_empty() {
                found += 1;
                if directive.parse::<Directive>().is_err() {
                    let blank = directive.chars().take_while(|one| one.is_whitespace()).count();
                    return Err(LogFilterError::Directive {
                        number: index + 1,
                        character: character + blank,
                        text: directive.trim().to_owned(),
                    });
                }
            }
            character += directive.chars().count() + 1;
        }
        // The parts are valid, but only the whole decides.
        match (found, EnvFilter::try_new(text)) {
            (0, _) => Err(LogFilterError::Empty),
            (_, Ok(_)) => Ok(Self(text.to_owned())),
            (_, Err(_)) => Err(LogFilterError::Directive {
                number: 1,
                character: 1,
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn levels_and_targets_are_taken_as_they_are_written() {
        for text in [
            "info",
            "warn,berth=debug",
            "off",
            "component=trace,sqlx=off,info",
            "info,,berth::routes=debug",
        ] {
            assert_eq!(text.parse::<LogFilter>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_error_names_the_directive_and_its_place() {
        let error = |text: &str| text.parse::<LogFilter>().unwrap_err();
        assert_eq!(
            error("info,berth=loud,component=debug"),
            LogFilterError::Directive {
                number: 2,
                character: 6,
                text: "berth=loud".to_owned()
            }
        );
        assert_eq!(
            error("wärn=info,a=b").to_string(),
            "directive 2, \"a=b\" at character 11, is invalid: write a level such as info, or target=level pairs"
        );
        for text in ["", ",", ",,"] {
            assert_eq!(error(text), LogFilterError::Empty, "{text}");
        }
        assert_eq!(error(&"x".repeat(5000)), LogFilterError::TooLong);
    }
}

#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod fields;
#[cfg(feature = "openapi")]
pub mod openapi;
mod rules;
mod source;
mod timestamp;
mod violations;

pub use fields::{Change, Fields};
pub use rules::{Boolean, Choice, Integer, Rule, Text, TextList};
pub use timestamp::{Datetime, Timestamp};
pub use violations::{Segment, Violation, Violations, both};

/// The body of an error that concerns no field: `{"detail": "<sentence>"}`.
///
/// ```
/// assert_eq!(berth_contract::detail("Not Found"), r#"{"detail":"Not Found"}"#);
/// ```
#[must_use]
pub fn detail(sentence: &str) -> String {
    serde_json::json!({ "detail": sentence }).to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_detail_is_escaped() {
        assert_eq!(
            super::detail(r#"No "such" task"#),
            r#"{"detail":"No \"such\" task"}"#
        );
    }
}

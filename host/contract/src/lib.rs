//! The requests and errors of the HTTP contract, for the host and for components: the bodies of errors, and the checks
//! of fields.
//!
//! A request's fields are read through [`Fields`], each by a [`Rule`], and every violation is collected:
//!
//! ```
//! use berth_contract::{Fields, Text};
//!
//! let mut fields = Fields::json(br#"{"title": "  Buy milk  "}"#)?;
//! let title = fields.required("title", &Text::of(1, 255).trimmed());
//! let note = fields.optional("note", &Text::of(0, 2000));
//! let (title, note) = fields.finish((title, note))?;
//! assert_eq!((title.as_str(), note), ("Buy milk", None));
//! # Ok::<(), berth_contract::Violations>(())
//! ```
//!
//! Names and sentences are those of pydantic 2 and FastAPI, for which the API's clients were written. This crate does
//! no I/O.

mod fields;
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

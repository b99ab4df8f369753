//! A client's message to a conversation, and its rules.

use berth_sdk::Error;
use berth_sdk::contract::{Fields, Integer, Text, Violations};

/// A message, for the OpenAPI document. [`Question::read`] refuses a blank message by 400, and not by this rule.
#[cfg(test)]
pub(crate) const MESSAGE: Text = Text::of(1, MESSAGE_MAX).trimmed();

/// The most characters of a message.
const MESSAGE_MAX: usize = 4000;

/// The title that a client gives to a conversation.
const TITLE: Text = Text::of(0, 255).trimmed();

/// The most characters of a title that is made from a message.
const MADE_TITLE_MAX: usize = 60;

/// A message and its conversation; `None` begins a new conversation.
#[derive(Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) message: String,
    pub(crate) conversation: Option<i64>,
}

impl Question {
    /// Reads a body. A `user_id` there is ignored, as every unknown field is: the caller is the token's.
    pub(crate) fn read(mut fields: Fields) -> Result<Self, Error> {
        let question = Self {
            message: fields.required("message", &Text::of(0, MESSAGE_MAX)),
            conversation: fields.optional("conversation_id", &Integer::ANY),
        };
        let question = fields.finish(question)?;
        if question.message.trim().is_empty() {
            return Err(Error::refused(400, "Message cannot be empty"));
        }
        Ok(question)
    }

    /// The title of a conversation that begins with this message: the first words of the message, on one line.
    pub(crate) fn title(&self) -> String {
        let words: Vec<&str> = self.message.split_whitespace().collect();
        let line = words.join(" ");
        if line.chars().count() <= MADE_TITLE_MAX {
            return line;
        }
        let start: String = line.chars().take(MADE_TITLE_MAX - 1).collect();
        format!("{}…", start.trim_end())
    }
}

/// Reads the body of a new conversation: its title. The first message replaces an empty title.
pub(crate) fn read_title(mut fields: Fields) -> Result<String, Violations> {
    let title = fields.optional("title", &TITLE).unwrap_or_default();
    fields.finish(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Question, Error> {
        Question::read(Fields::json(body.as_bytes())?)
    }

    fn message(text: &str) -> String {
        serde_json::json!({ "message": text }).to_string()
    }

    /// Field and kind of each violation.
    fn violations(body: &str) -> Vec<String> {
        match read(body) {
            Err(Error::Invalid(violations)) => shown(&violations),
            other => vec![format!("{other:?}")],
        }
    }

    fn shown(violations: &Violations) -> Vec<String> {
        let lines = violations.detail().into_iter();
        lines
            .map(|line| format!("{} {}", line["loc"], line["type"]).replace('"', ""))
            .collect()
    }

    #[test]
    fn a_conversation_is_named_by_a_number_or_by_its_digits_or_is_new() {
        for (body, conversation) in [
            (r#"{"message": "hi"}"#, None),
            (r#"{"message": "hi", "conversation_id": null}"#, None),
            (r#"{"message": "hi", "conversation_id": 7}"#, Some(7)),
            (
                r#"{"message": "hi", "conversation_id": "7", "user_id": "bob"}"#,
                Some(7),
            ),
        ] {
            let expected = Question {
                message: "hi".to_owned(),
                conversation,
            };
            assert!(
                matches!(read(body), Ok(question) if question == expected),
                "{body}"
            );
        }
    }

    #[test]
    fn a_message_has_a_length_within_bounds() {
        assert!(read(&message("x")).is_ok());
        assert!(read(&message(&"ä".repeat(MESSAGE_MAX))).is_ok());
        assert_eq!(
            violations(&message(&"ä".repeat(MESSAGE_MAX + 1))),
            ["[body,message] string_too_long"]
        );
        for blank in ["", " ", "\n\t \u{a0}"] {
            let error = read(&message(blank));
            assert!(
                matches!(&error, Err(Error::Refused { status: 400, sentence }) if sentence == "Message cannot be empty"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn fields_of_other_types_are_refused() {
        for (body, expected) in [
            ("{}", "[body,message] missing"),
            (r#"{"message": null}"#, "[body,message] string_type"),
            (r#"{"message": 3}"#, "[body,message] string_type"),
            (r#"{"message": "a\u0000b"}"#, "[body,message] value_error"),
            (
                r#"{"message": "hi", "conversation_id": "seven"}"#,
                "[body,conversation_id] int_parsing",
            ),
            (
                r#"{"message": "hi", "conversation_id": ""}"#,
                "[body,conversation_id] int_parsing",
            ),
            (
                r#"{"message": "hi", "conversation_id": 1.5}"#,
                "[body,conversation_id] int_from_float",
            ),
            (
                r#"{"message": "hi", "conversation_id": [7]}"#,
                "[body,conversation_id] int_type",
            ),
        ] {
            assert_eq!(violations(body), [expected], "{body}");
        }
        assert_eq!(
            violations(r#"{"conversation_id": "x"}"#),
            ["[body,message] missing", "[body,conversation_id] int_parsing"]
        );
    }

    #[test]
    fn a_title_is_the_beginning_of_the_message_on_one_line() {
        let title = |message: &str| {
            Question {
                message: message.to_owned(),
                conversation: None,
            }
            .title()
        };
        assert_eq!(title("  Buy\n milk "), "Buy milk");
        assert_eq!(title(&"ä".repeat(60)), "ä".repeat(60));
        assert_eq!(title(&"ä".repeat(61)), format!("{}…", "ä".repeat(59)));
        assert_eq!(
            title(&format!("{} and more", "x".repeat(58))),
            format!("{}…", "x".repeat(58))
        );
    }

    #[test]
    fn a_new_conversation_may_have_a_title() {
        for (body, title) in [
            ("", ""),
            ("null", ""),
            ("{}", ""),
            (r#"{"title": null}"#, ""),
            (r#"{"title": "  Holidays "}"#, "Holidays"),
        ] {
            let read = Fields::optional_json(body.as_bytes()).and_then(read_title);
            assert_eq!(read, Ok(title.to_owned()), "{body}");
        }
        let refused = Fields::optional_json(br#"{"title": 7}"#).and_then(read_title);
        assert_eq!(
            refused.map_err(|violations| shown(&violations)),
            Err(vec!["[body,title] string_type".to_owned()])
        );
    }
}

//! Escapes foreign text for a line of a log or a terminal.

use std::fmt::Write as _;

/// Escapes every character of `text` that has an effect instead of a glyph: control characters, and those that change
/// lines or the direction of writing.
pub(crate) fn escape(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if is_active(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Escapes the same characters in JSON, in JSON's own way. Inside of its strings, valid JSON has no other control
/// characters than those above U+007E.
pub(crate) fn escape_json(json: &str) -> String {
    if !json.chars().any(is_active) {
        return json.to_owned();
    }
    let mut line = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_active(character) {
            // The active characters are all of the Basic Multilingual Plane. Writing to a string cannot fail.
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        } else {
            line.push(character);
        }
    }
    line
}

/// Whether the character has an effect in a terminal or an editor.
pub(crate) fn is_active(character: char) -> bool {
    let lines = matches!(character, '\u{2028}' | '\u{2029}');
    let directions = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || lines || directions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_is_shown_instead() {
        let text = "a\nb\r\n\u{1b}[31mred\u{9b}\u{7f}\0 übrig\t\u{2028}\u{202e}gpj.exe\u{2066}";
        let shown = r"a\nb\r\n\u{1b}[31mred\u{9b}\u{7f}\u{0} übrig\t\u{2028}\u{202e}gpj.exe\u{2066}";
        assert_eq!(escape(text), shown);
    }

    #[test]
    fn json_stays_json_with_the_same_meaning() {
        let value =
            serde_json::json!({ "text": "a\n\u{1b}[31m\u{9b}\u{7f}\u{2028}\u{202e}gpj.exe übrig \\u{9b}" });
        let line = escape_json(&value.to_string());
        assert!(!line.chars().any(is_active), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).ok(), Some(value));
    }

    #[test]
    fn what_is_only_seen_stays_as_it_is() {
        let text = r#"GET /dashboard/stats: "300 µs" → 日本語 \n {*rest}"#;
        assert_eq!(escape(text), text);
    }
}

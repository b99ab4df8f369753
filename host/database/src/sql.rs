//! Quotes names and texts for statements that cannot have parameters.

/// Quotes a name, so that PostgreSQL reads it back unchanged.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text, so that PostgreSQL reads it back unchanged.
pub(crate) fn quote_literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

//! Writing names and texts into statements, where PostgreSQL takes no parameters.

/// A name as PostgreSQL reads it back unchanged, whatever it contains.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as PostgreSQL reads it back unchanged, whatever it contains.
pub(crate) fn quote_literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

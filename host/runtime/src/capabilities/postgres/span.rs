//! The span of a statement in the request's trace, by OpenTelemetry's conventions for databases
//! (<https://opentelemetry.io/docs/specs/semconv/database/postgresql/>). The text is recorded without its literals, which
//! may be a user's data.

use berth_traces::{KeyValue, Span, SpanKind};

use super::Error;
use super::statement::first_word;

/// The longest text of a statement in a span, in bytes. The rest is left out.
const MAX_TEXT_BYTES: usize = 4 * 1024;

/// The longest name of a span, in bytes.
const MAX_NAME_BYTES: usize = 32;

/// Begins the span of a statement.
pub(super) fn begin(request: &Span, sql: &str) -> Span {
    request.child(SpanKind::Client, || {
        let word = first_word(sql).0;
        let name = word[..word.floor_char_boundary(MAX_NAME_BYTES)].to_ascii_uppercase();
        let attributes = vec![
            KeyValue::new("db.system.name", "postgresql"),
            KeyValue::new("db.operation.name", name.clone()),
            KeyValue::new("db.query.text", without_literals(sql)),
        ];
        (name, attributes)
    })
}

/// Ends the span of a statement with its result.
pub(super) fn end<T>(span: &Span, result: &Result<T, Error>) {
    if let Err(error) = result {
        if let Error::Refused(refusal) = error {
            span.set(|| [KeyValue::new("db.response.status_code", refusal.code.clone())]);
        }
        span.fail(|| kind(error).to_owned());
    }
    span.end();
}

/// The word for an error, as in the WIT's `error`; for a refusal its SQLSTATE.
fn kind(error: &Error) -> &str {
    match error {
        Error::Refused(refusal) => &refusal.code,
        Error::TransactionAborted => "transaction-aborted",
        Error::TooManyTransactions => "too-many-transactions",
        Error::Timeout => "timeout",
        Error::TooManyRows(_) => "too-many-rows",
        Error::TooManyBytes(_) => "too-many-bytes",
        Error::Unsupported(_) => "unsupported",
        Error::PoolExhausted => "pool-exhausted",
        Error::Away(_) | Error::RefusedClaim => "unavailable",
        Error::NotGranted | Error::Table(_) => "internal",
    }
}

/// A statement with `?` in place of each string and number, and without comments. `$1` stays. Text that is not closed is
/// left out. PostgreSQL's rules: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>.
fn without_literals(sql: &str) -> String {
    let mut text = String::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        if text.len() >= MAX_TEXT_BYTES {
            text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
            text.push('…');
            break;
        }
        let (kept, after) = token(rest, first);
        text.push_str(kept);
        rest = after;
    }
    text.trim_end().to_owned()
}

/// The next token as it is recorded, and the rest of the text. The token begins with `first`.
fn token(sql: &str, first: char) -> (&str, &str) {
    let (_, after) = sql.split_at(first.len_utf8());
    match first {
        '\'' => ("?", after_string(after, false)),
        'e' | 'E' if after.starts_with('\'') => ("?", after_string(&after[1..], true)),
        '"' => {
            let end = after.find('"').map_or(sql.len(), |at| at + 2);
            sql.split_at(end)
        }
        '-' if after.starts_with('-') => (" ", after.find(['\n', '\r']).map_or("", |end| &after[end..])),
        '/' if after.starts_with('*') => (" ", super::statement::after_comment(sql)),
        '$' => dollar(sql, after),
        '.' | '0'..='9' if first != '.' || after.starts_with(|next: char| next.is_ascii_digit()) => (
            "?",
            after.trim_start_matches(|next: char| next.is_ascii_alphanumeric() || "._".contains(next)),
        ),
        _ if is_of_name(first) => {
            let end = sql
                .find(|next| !is_of_name(next) && next != '$')
                .unwrap_or(sql.len());
            sql.split_at(end)
        }
        _ => sql.split_at(first.len_utf8()),
    }
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A parameter, a string in dollar quotes, or a single `$`.
fn dollar<'a>(sql: &'a str, after: &'a str) -> (&'a str, &'a str) {
    if after.starts_with(|next: char| next.is_ascii_digit()) {
        let end = after
            .find(|next: char| !next.is_ascii_digit())
            .unwrap_or(after.len());
        return sql.split_at(1 + end);
    }
    let tag = after.find(|next| !is_of_name(next)).unwrap_or(after.len());
    if !after[tag..].starts_with('$') {
        return sql.split_at(1);
    }
    let quote = &sql[..tag + 2];
    let body = &sql[tag + 2..];
    ("?", body.find(quote).map_or("", |end| &body[end + quote.len()..]))
}

/// The text after a string whose first quote is taken.
fn after_string(mut text: &str, has_escapes: bool) -> &str {
    while let Some(at) = text.find(['\'', '\\']) {
        let is_escape = text[at..].starts_with('\\');
        text = &text[at + 1..];
        if is_escape && has_escapes {
            let mut escaped = text.chars();
            escaped.next();
            text = escaped.as_str();
        } else if !is_escape {
            match text.strip_prefix('\'') {
                Some(doubled) => text = doubled,
                None => return text,
            }
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_left_out_and_names_and_parameters_stay() {
        for (sql, wanted) in [
            (
                "SELECT * FROM tasks WHERE id = $1\n--i",
                "SELECT * FROM tasks WHERE id = $1",
            ),
            ("SELECT 'it''s', 12, -1.5e10, .5, 0x1F", "SELECT ?, ?, -?, ?, ?"),
            (
                "SELECT a1, b$2, t_3 FROM \"My 'Table\" LIMIT 20",
                "SELECT a1, b$2, t_3 FROM \"My 'Table\" LIMIT ?",
            ),
            (r"SELECT E'a\'b', 'c\', 'd'", "SELECT ?, ?, ?"),
            ("SELECT e'x' || U&'y' || B'0'", "SELECT ? || U&? || B?"),
            ("SELECT $$secret$$, $a$ $$ secret $a$, $1", "SELECT ?, ?, $1"),
            ("SELECT 1 /* a /* secret */ b */ + 2 -- secret", "SELECT ?   + ?"),
            ("SELECT 'never closed", "SELECT ?"),
            ("SELECT $x$ never closed", "SELECT ?"),
            ("SELECT \"never closed", "SELECT \"never closed"),
            ("SELECT 'é', ünï, 'ß'", "SELECT ?, ünï, ?"),
            ("$", "$"),
            ("", ""),
        ] {
            assert_eq!(without_literals(sql), wanted, "{sql}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = without_literals(&format!("SELECT {}", "ü, ".repeat(10_000)));
        assert!(text.len() <= MAX_TEXT_BYTES + '…'.len_utf8(), "{}", text.len());
        assert!(text.ends_with('…'));
    }

    #[test]
    fn no_text_makes_it_fail() {
        let pieces = [
            "'", "\\", "$", "$a$", "E'", "--", "/*", "*/", "\n", "é", "1", ".", "\"",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let _ = without_literals(&format!("{first}{second}{third}{first}"));
                }
            }
        }
    }
}

//! One statement with its parameters, checked before it reaches a connection.

use berth_database::{Effect, Statement};

use super::bindings::Value;
use super::{Caps, Error, parameters};

/// The longest text of a statement, in bytes.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// The longest text of a statement that a connection keeps prepared, in bytes: a connection keeps a hundred
/// statements, in its own memory and in PostgreSQL's.
const MAX_KEPT_BYTES: usize = 16 * 1024;

/// First words of statements that read and change no rows, and that may have to be the first of their transaction.
const WITHOUT_ROWS: [&str; 6] = ["deallocate", "discard", "reset", "set", "unlisten", "vacuum"];

/// Begins the comment with the types. On a line of its own, since the text may end in a comment of that kind.
const COMMENT: &str = "\n--";

/// The most parameters that PostgreSQL's protocol can count.
const MAX_PARAMETERS: usize = u16::MAX as usize;

/// Checks a statement of a guest. The text to send names the types of the parameters in a last comment, because a
/// prepared statement is looked up by its text alone: values of other types would be read in the format of the first ones.
///
/// The first word decides whether the statement may prepare another statement, or drop statements that the session
/// keeps.
pub(crate) fn check(text: String, parameters: &[Value], caps: Caps) -> Result<Statement, Error> {
    check_text(&text)?;
    check_parameters(parameters, caps)?;
    let (word, rest) = first_word(&text);
    let lower_case = word.to_ascii_lowercase();
    let effect = match lower_case.as_str() {
        "begin" | "start" | "commit" | "end" | "abort" => return Err(ends_transaction(word)),
        "rollback" if !has_word(rest, &["to"]) => return Err(ends_transaction(word)),
        "listen" => {
            return Err(unsupported(
                "LISTEN cannot cross: a request does not last long enough to hear anything",
            ));
        }
        "copy" => {
            return Err(unsupported(
                "COPY cannot cross: use INSERT … SELECT unnest($1::text[])",
            ));
        }
        "prepare" => Effect::Prepares,
        word if leaves_traces(word, rest) => Effect::Unknown,
        _ => Effect::None,
    };
    Ok(Statement {
        is_kept: text.len() <= MAX_KEPT_BYTES,
        sql: key(text, parameters),
        types: parameters.iter().map(parameters::declared_type).collect(),
        parameters: parameters::encode(parameters)?,
        needs_caller: !WITHOUT_ROWS.contains(&lower_case.as_str()),
        effect,
    })
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(unsupported(
            "the statement is longer than 1 MiB: send what is long as a parameter",
        ));
    }
    // The protocol ends the text at the first NUL: PostgreSQL would read the rest as another part of the message.
    if text.contains('\0') {
        return Err(unsupported(
            "the statement contains the character NUL: send bytes as a parameter",
        ));
    }
    Ok(())
}

fn check_parameters(parameters: &[Value], caps: Caps) -> Result<(), Error> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(unsupported(
            "the statement has more than 65535 parameters: send arrays",
        ));
    }
    let bytes: usize = parameters.iter().map(parameters::size).sum();
    if bytes as u64 > caps.bytes {
        Err(Error::TooManyBytes(caps.bytes))
    } else {
        Ok(())
    }
}

fn unsupported(reason: &str) -> Error {
    Error::Unsupported(reason.to_owned())
}

fn ends_transaction(word: &str) -> Error {
    Error::Unsupported(format!(
        "{} cannot cross: begin a transaction with `begin`, and end it with its `commit` or `rollback`",
        word.to_ascii_uppercase(),
    ))
}

/// The statement's text with a mark for the type of each parameter. Their line is there without any, too,
/// so that no text can be mistaken for another one with its marks.
fn key(mut text: String, parameters: &[Value]) -> String {
    text.push_str(COMMENT);
    text.extend(parameters.iter().map(parameters::mark));
    text
}

/// Decides by a statement's first word, in lower case, and the rest of the text.
fn leaves_traces(word: &str, rest: &str) -> bool {
    match word {
        "" | "select" | "insert" | "update" | "delete" | "with" | "merge" | "values" | "table"
        | "explain" | "show" | "savepoint" | "release" | "rollback" | "lock" => false,
        "set" => !["transaction", "local", "constraints"]
            .iter()
            .any(|scope| first_word(rest).0.eq_ignore_ascii_case(scope)),
        _ => true,
    }
}

/// Whether the text contains one of the words, in any case, also in a literal or a comment.
fn has_word(text: &str, words: &[&str]) -> bool {
    text.split(|character| !is_of_word(character))
        .any(|found| words.iter().any(|word| found.eq_ignore_ascii_case(word)))
}

/// The first word of a statement, which may be empty, and the rest of the text.
pub(super) fn first_word(mut text: &str) -> (&str, &str) {
    loop {
        text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '\x0b' | '(' | ';'));
        text = if let Some(comment) = text.strip_prefix("--") {
            comment.find(['\n', '\r']).map_or("", |end| &comment[end..])
        } else if text.starts_with("/*") {
            after_comment(text)
        } else {
            let end = text
                .find(|character| !is_of_word(character))
                .unwrap_or(text.len());
            return text.split_at(end);
        };
    }
}

/// The text after a block comment, which may be nested.
pub(super) fn after_comment(text: &str) -> &str {
    let mut rest = text;
    let mut depth = 0_usize;
    while let Some(at) = rest.find(['/', '*']) {
        rest = &rest[at..];
        match rest.as_bytes() {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                rest = &rest[1..];
                continue;
            }
        }
        rest = &rest[2..];
        if depth == 0 {
            return rest;
        }
    }
    ""
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::{Caps, Effect, Error, Statement, check};

    fn statement(text: &str) -> Result<Statement, Error> {
        check(text.to_owned(), &[], Caps { rows: 1, bytes: 1 })
    }

    #[test]
    fn a_statement_that_changes_its_session_is_told_by_its_words() {
        for text in [
            "SET TimeZone = 'UTC'",
            "PREPARE p AS SELECT 1",
            "CREATE TEMP TABLE t ()",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "DO 'begin end'",
            "call p()",
            "-- SELECT\nSET a.b = 1",
            "/* SELECT /* */ */ SET a.b = 1",
            ";;set a.b = 1",
        ] {
            assert_ne!(statement(text).unwrap().effect, Effect::None, "{text}");
        }
    }

    #[test]
    fn an_ordinary_statement_leaves_no_traces() {
        for text in [
            "SELECT temperature, template FROM attempts",
            "  (\n\tselect 1) UNION (select 2)",
            "-- a comment\r\nINSERT INTO t VALUES ($1)",
            "/* one /* two */ three */update t SET a = 1",
            "WITH a AS (SELECT 1) DELETE FROM t",
            "SELECT pg_advisory_xact_lock(1)",
            "SELECT set_config('a.b', '1', false)",
            "SAVEPOINT a",
            "ROLLBACK TO SAVEPOINT a",
            "rollback work to a",
            "SET LOCAL a.b = 1",
            "set /* the */ transaction isolation level serializable",
            "",
            "/* unfinished",
        ] {
            assert_eq!(statement(text).unwrap().effect, Effect::None, "{text}");
        }
    }

    #[test]
    fn what_ends_a_transaction_or_needs_a_stream_is_refused() {
        for text in [
            "BEGIN",
            "start transaction",
            "COMMIT",
            "end",
            "Rollback",
            "abort",
            "COPY t FROM STDIN",
            "LISTEN news",
        ] {
            assert!(matches!(statement(text), Err(Error::Unsupported(_))), "{text}");
        }
    }

    #[test]
    fn a_text_is_limited_in_length_and_has_no_nul() {
        let of = |length: usize| format!("SELECT 1{}", " ".repeat(length - 8));
        assert!(statement(&of(1024 * 1024)).is_ok());
        assert!(matches!(
            statement(&of(1024 * 1024 + 1)),
            Err(Error::Unsupported(_))
        ));
        assert!(matches!(statement("SELECT 1\0"), Err(Error::Unsupported(_))));
        assert!(statement(&of(16 * 1024)).unwrap().is_kept);
        assert!(!statement(&of(16 * 1024 + 1)).unwrap().is_kept);
    }
}

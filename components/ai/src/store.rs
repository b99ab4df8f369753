//! The SQL. Every statement is bound to one user, so that it never finds the conversations of other users.

use berth_sdk::postgres::{self, Statement};
use serde::Deserialize;

/// The columns of a conversation, in the order of the response's fields.
const CONVERSATION: &str = "id, user_id, title, created_at, updated_at";

/// The columns of a message, in the order of the response's fields.
const MESSAGE: &str = "id, conversation_id, role, content, tool_calls, created_at";

/// The author of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    User,
    Assistant,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A message to store. `tool_calls` is JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewMessage<'a> {
    pub(crate) role: Role,
    pub(crate) content: &'a str,
    pub(crate) tool_calls: &'a str,
}

/// The ids of a stored message and of its conversation.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Stored {
    #[serde(rename = "conversation_id")]
    pub(crate) conversation: i64,
    #[serde(rename = "id")]
    pub(crate) message: i64,
}

/// Makes a conversation without messages, and returns the conversation. The row has its id as `conversation_id` too.
pub(crate) fn create(user: &str, title: &str) -> Statement {
    Statement::new("INSERT INTO conversations (user_id, title) VALUES (")
        .value(user)
        .and(", ")
        .value(title)
        .and(") RETURNING ")
        .and(CONVERSATION)
        .and(", id AS conversation_id")
}

/// Begins a conversation with its first message.
pub(crate) fn begin(user: &str, title: &str, message: NewMessage) -> Statement {
    let conversation =
        Statement::new("WITH conversation AS (INSERT INTO conversations (user_id, title) VALUES (")
            .value(user)
            .and(", ")
            .value(title)
            .and(") RETURNING id) ");
    add(conversation, user, message)
}

/// Appends a message to a conversation; returns no row if the user has no such conversation. A conversation without a
/// title gets `title`.
pub(crate) fn append(user: &str, conversation: i64, title: &str, message: NewMessage) -> Statement {
    let update = Statement::new("WITH conversation AS (UPDATE conversations SET updated_at = now(), ")
        .and("title = COALESCE(NULLIF(title, ''), ")
        .value(title)
        .and(")");
    add(
        only(update, user, conversation).and(" RETURNING id) "),
        user,
        message,
    )
}

/// Adds the message in the statement that makes or finds its conversation, so that both are stored or neither. Returns the
/// ids of conversation and message.
fn add(conversation: Statement, user: &str, message: NewMessage) -> Statement {
    conversation
        .and("INSERT INTO messages (conversation_id, user_id, role, content, tool_calls) SELECT id, ")
        .value(user)
        .and(", ")
        .value(message.role.name())
        .and(", ")
        .value(without_nul(message.content))
        .and(", ")
        .value(message.tool_calls)
        .and("::json FROM conversation RETURNING conversation_id, id")
}

/// Removes NUL characters, because PostgreSQL's text cannot hold them.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

/// The last messages of a conversation, as role and content, the newest first.
pub(crate) fn history(user: &str, conversation: i64, limit: i64) -> Statement {
    of_conversation(Statement::new("SELECT role, content"), user, conversation)
        .and(" ORDER BY id DESC LIMIT ")
        .value(limit)
}

/// A page of a conversation's messages, in order.
pub(crate) fn messages(user: &str, conversation: i64, limit: i64, offset: i64) -> Statement {
    let selected = of_conversation(Statement::new("SELECT ").and(MESSAGE), user, conversation);
    page(selected.and(" ORDER BY id"), limit, offset)
}

fn of_conversation(selected: Statement, user: &str, conversation: i64) -> Statement {
    selected
        .and(" FROM messages WHERE conversation_id = ")
        .value(conversation)
        .and(" AND user_id = ")
        .value(user)
}

/// A page of the user's conversations, the latest first.
pub(crate) fn list(user: &str, limit: i64, offset: i64) -> Statement {
    let selected = Statement::new("SELECT ")
        .and(CONVERSATION)
        .and(" FROM conversations WHERE user_id = ")
        .value(user);
    page(selected.and(" ORDER BY updated_at DESC, id DESC"), limit, offset)
}

/// The id of the first conversation of [`list`], as `conversation_id`: one row, with null if the user has none.
pub(crate) fn latest(user: &str) -> Statement {
    Statement::new("SELECT (SELECT id FROM conversations WHERE user_id = ")
        .value(user)
        .and(" ORDER BY updated_at DESC, id DESC LIMIT 1) AS conversation_id")
}

fn page(statement: Statement, limit: i64, offset: i64) -> Statement {
    statement
        .and(" LIMIT ")
        .value(limit)
        .and(" OFFSET ")
        .value(offset)
}

/// The conversation with this id.
pub(crate) fn read(user: &str, conversation: i64) -> Statement {
    only(
        Statement::new("SELECT ")
            .and(CONVERSATION)
            .and(" FROM conversations"),
        user,
        conversation,
    )
}

/// Deletes the conversation with this id, and its messages with it.
pub(crate) fn delete(user: &str, conversation: i64) -> Statement {
    only(Statement::new("DELETE FROM conversations"), user, conversation)
}

fn only(statement: Statement, user: &str, conversation: i64) -> Statement {
    statement
        .and(" WHERE id = ")
        .value(conversation)
        .and(" AND user_id = ")
        .value(user)
}

/// Runs a statement that stores a message; `None` if its conversation does not exist.
pub(crate) fn stored(statement: &Statement) -> Result<Option<Stored>, postgres::Error> {
    statement.fetch_optional()
}

/// Runs [`history`], and returns role and content, oldest first.
pub(crate) fn said(history: &Statement) -> Result<Vec<(Role, String)>, postgres::Error> {
    let mut said: Vec<(Role, String)> = history.fetch_all()?;
    said.reverse();
    Ok(said)
}

#[cfg(test)]
mod tests {
    use berth_sdk::postgres::Value;
    use berth_sdk::testing::{Database, Host};

    use super::*;

    const HI: NewMessage = NewMessage {
        role: Role::User,
        content: "hi",
        tool_calls: "[]",
    };

    #[test]
    fn every_statement_is_bound_to_the_user() {
        for statement in [
            append("ann", 7, "Hi", HI),
            history("ann", 7, 20),
            messages("ann", 7, 100, 0),
            list("ann", 100, 0),
            latest("ann"),
            read("ann", 7),
            delete("ann", 7),
        ] {
            let place = statement
                .params()
                .iter()
                .position(|param| matches!(param, Value::Text(user) if user == "ann"));
            let bound = place
                .map(|index| format!("user_id = ${} ", index + 1))
                .unwrap_or_default();
            assert!(
                !bound.is_empty() && format!("{} ", statement.text()).contains(&bound),
                "{}",
                statement.text()
            );
        }
        for statement in [begin("ann", "hi", HI), append("ann", 7, "Hi", HI)] {
            let text = statement.text();
            let inserted =
                text.split_once("(conversation_id, user_id, role, content, tool_calls) SELECT id, ");
            let place =
                inserted.and_then(|(_, rest)| rest.strip_prefix('$')?.split(',').next()?.parse().ok());
            let user = place.and_then(|place: usize| statement.params().get(place - 1));
            assert!(matches!(user, Some(Value::Text(user)) if user == "ann"), "{text}");
        }
    }

    #[test]
    fn a_message_is_stored_with_its_conversation_in_one_statement() {
        assert_eq!(
            begin("ann", "hi", HI).text(),
            "WITH conversation AS (INSERT INTO conversations (user_id, title) VALUES ($1, $2) RETURNING id) \
             INSERT INTO messages (conversation_id, user_id, role, content, tool_calls) \
             SELECT id, $3, $4, $5, $6::json FROM conversation RETURNING conversation_id, id"
        );
    }

    #[test]
    fn a_nul_character_does_not_keep_an_answer_from_being_stored() {
        let answer = NewMessage {
            role: Role::Assistant,
            content: "a\0b",
            tool_calls: "[]",
        };
        let statement = append("ann", 7, "", answer);
        assert!(
            statement
                .params()
                .iter()
                .any(|param| matches!(param, Value::Text(text) if text == "ab"))
        );
    }

    #[test]
    fn history_is_read_oldest_first() {
        let host = Host::new()
            .with_database(&Database::temporary())
            .migrated(berth_sdk::migrations!());
        let read = host.run(|| {
            let conversation = stored(&begin("ann", "hi", HI))?.map(|stored| stored.conversation);
            let conversation = conversation.unwrap_or_default();
            for (role, content) in [(Role::Assistant, "Hello."), (Role::User, "list")] {
                let message = NewMessage {
                    role,
                    content,
                    tool_calls: "[]",
                };
                stored(&append("ann", conversation, "", message))?;
            }
            Ok::<_, postgres::Error>((
                said(&history("ann", conversation, 10))?,
                said(&history("ann", conversation, 1))?,
                said(&history("bob", conversation, 10))?,
            ))
        });
        let list = (Role::User, "list".to_owned());
        let all = vec![
            (Role::User, "hi".to_owned()),
            (Role::Assistant, "Hello.".to_owned()),
            list.clone(),
        ];
        assert!(matches!(read, Ok(read) if read == (all, vec![list], vec![])));
    }
}

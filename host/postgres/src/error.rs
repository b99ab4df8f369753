//! The ways in which a statement fails, and PostgreSQL's own messages.

use std::fmt;
use std::io;
use std::mem;

/// The longest kept part of each field of an error or a notice, in bytes. The rest is cut.
pub const MAX_FIELD_BYTES: usize = 8 * 1024;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL refused. Unless [`ServerMessage::is_fatal`], the connection is ready for the next statement.
    #[error("{0}")]
    Server(Box<ServerMessage>),
    /// A message is longer than the limit of the connection. The rest of the answer is unread.
    #[error("PostgreSQL sent a message of {length} bytes, which is over the limit of {limit} bytes")]
    TooLong {
        /// Bytes of the message.
        length: u64,
        /// Bytes that a message may have.
        limit: u64,
    },
    /// The connection cannot be opened, or broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// TLS was asked for and cannot be had.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server's bytes do not follow the protocol.
    #[error("PostgreSQL's answer does not follow its protocol: {0}")]
    Protocol(String),
}

impl Error {
    pub(crate) fn protocol(reason: impl Into<String>) -> Self {
        Self::Protocol(reason.into())
    }

    /// PostgreSQL's own message, if it is one.
    #[must_use]
    pub fn server(&self) -> Option<&ServerMessage> {
        match self {
            Self::Server(message) => Some(message),
            _ => None,
        }
    }

    /// The SQLSTATE, if PostgreSQL refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.server().map(|message| message.code.as_str())
    }
}

/// An error or a notice of the server. Each field is cut at [`MAX_FIELD_BYTES`].
/// Source: <https://www.postgresql.org/docs/current/protocol-error-fields.html>.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerMessage {
    /// `ERROR`, `FATAL`, `NOTICE` and so on, in English.
    pub severity: String,
    /// The SQLSTATE.
    pub code: String,
    /// The message itself.
    pub message: String,
    /// A second message with more details.
    pub detail: Option<String>,
    /// The name of the constraint that was violated.
    pub constraint: Option<String>,
    /// The function of PostgreSQL's sources that reported it.
    pub routine: Option<String>,
    /// The place in the statement, in characters, counted from 1.
    pub position: Option<usize>,
    /// The statement within a function that failed.
    pub internal_query: Option<String>,
    /// The place in the statement within a function, in characters, counted from 1.
    pub internal_position: Option<usize>,
}

impl ServerMessage {
    /// Whether the server ends the session after this message.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (SQLSTATE {})", self.message, self.code)
    }
}

/// Reads the fields of an error or a notice from bytes that come in pieces, and keeps no more of them than may be kept.
#[derive(Default)]
pub(crate) struct Fields {
    /// The letter of the field that is being read; `None` where the next field begins.
    field: Option<u8>,
    text: Vec<u8>,
    message: ServerMessage,
}

impl Fields {
    /// Reads the next piece.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match (self.field, byte) {
                (None, 0) => {}
                (None, letter) => self.field = Some(letter),
                (Some(letter), 0) => {
                    let text = String::from_utf8_lossy(&mem::take(&mut self.text)).into_owned();
                    self.field = None;
                    self.set(letter, text);
                }
                (Some(_), byte) if self.text.len() < MAX_FIELD_BYTES => self.text.push(byte),
                (Some(_), _) => {}
            }
        }
    }

    pub(crate) fn finish(self) -> ServerMessage {
        self.message
    }

    fn set(&mut self, letter: u8, text: String) {
        let message = &mut self.message;
        match letter {
            b'V' => message.severity = text,
            // Servers before 9.6 have only the translated one.
            b'S' if message.severity.is_empty() => message.severity = text,
            b'C' => message.code = text,
            b'M' => message.message = text,
            b'D' => message.detail = Some(text),
            b'n' => message.constraint = Some(text),
            b'R' => message.routine = Some(text),
            b'P' => message.position = text.parse().ok(),
            b'p' => message.internal_position = text.parse().ok(),
            b'q' => message.internal_query = Some(text),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_pieces_of_any_size() {
        let bytes = b"SERROR\0VERROR\0C23505\0Mduplicate key\0Dit exists\0none_each\0P12\0\0";
        for size in [1, 3, bytes.len()] {
            let mut fields = Fields::default();
            bytes.chunks(size).for_each(|piece| fields.feed(piece));
            let message = fields.finish();
            assert_eq!(message.to_string(), "duplicate key (SQLSTATE 23505)");
            assert_eq!(message.detail.as_deref(), Some("it exists"));
            assert_eq!(
                (message.constraint.as_deref(), message.position),
                (Some("one_each"), Some(12))
            );
            assert!(!message.is_fatal());
        }
    }

    #[test]
    fn a_long_field_is_cut() {
        let mut fields = Fields::default();
        fields.feed(b"M");
        fields.feed(&vec![b'x'; 3 * MAX_FIELD_BYTES]);
        fields.feed(b"\0VFATAL\0");
        let message = fields.finish();
        assert_eq!(message.message.len(), MAX_FIELD_BYTES);
        assert!(message.is_fatal());
    }
}

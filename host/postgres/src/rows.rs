//! Receivers of results.

use std::borrow::Cow;

use crate::Error;

/// The receiver of a result. The functions are called in this order: for each row `row`, and for each of its fields `admit`,
/// unless it is NULL, and `field`.
pub trait Rows: Send {
    /// The reason to stop reading rows.
    type Error: From<Error> + Send;

    /// Whether rows are read, rather than skipped.
    fn wants_rows(&self) -> bool {
        true
    }

    /// A row begins.
    fn row(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Whether a field of `length` bytes may be read at all. Its bytes have not been read yet. Columns are counted from 0.
    fn admit(&mut self, column: usize, length: usize) -> Result<(), Self::Error>;

    /// A field of the current row; `None` for NULL. A long field comes in a buffer of exactly its size.
    fn field(&mut self, column: usize, value: Option<Cow<'_, [u8]>>) -> Result<(), Self::Error>;

    /// The row has ended.
    fn row_end(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Discards rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ignored;

impl Rows for Ignored {
    type Error = Error;

    fn wants_rows(&self) -> bool {
        false
    }

    fn admit(&mut self, _: usize, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn field(&mut self, _: usize, _: Option<Cow<'_, [u8]>>) -> Result<(), Error> {
        Ok(())
    }
}

/// Keeps rows of text, as [`Connection::query`](crate::Connection::query) brings them, up to a number of bytes.
#[derive(Clone, Debug)]
pub struct TextRows {
    /// The rows; `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
    limit: usize,
    left: usize,
}

/// Bytes that a field counts for beside its text.
const FIELD_BYTES: usize = 24;

impl TextRows {
    /// No rows, with room for `limit` bytes, of which each field takes 24 beside its text.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            rows: Vec::new(),
            limit,
            left: limit,
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        let (length, limit) = (bytes as u64, self.limit as u64);
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or(Error::TooLong { length, limit })?;
        Ok(())
    }
}

impl Rows for TextRows {
    type Error = Error;

    fn row(&mut self) -> Result<(), Error> {
        self.spend(FIELD_BYTES)?;
        self.rows.push(Vec::new());
        Ok(())
    }

    fn admit(&mut self, _: usize, length: usize) -> Result<(), Error> {
        self.spend(length)
    }

    fn field(&mut self, _: usize, value: Option<Cow<'_, [u8]>>) -> Result<(), Error> {
        self.spend(FIELD_BYTES)?;
        let text = value.map(|value| String::from_utf8_lossy(&value).into_owned());
        if let Some(row) = self.rows.last_mut() {
            row.push(text);
        }
        Ok(())
    }
}

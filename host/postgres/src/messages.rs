//! The bodies of the messages that are read whole.
//!
//! Source: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::borrow::Cow;

use postgres_types::Oid;

use crate::Error;
use crate::rows::Rows;

/// The server's description of a prepared statement.
#[derive(Default)]
pub(crate) struct Description {
    pub(crate) parameters: usize,
    /// Names, and the numbers of types.
    pub(crate) columns: Vec<(String, Oid)>,
}

/// Hands on the fields of a row that is in memory.
pub(crate) fn short_row<R: Rows>(body: &[u8], rows: &mut R) -> Result<(), R::Error> {
    let malformed = || Error::protocol("a field is longer than its row");
    let fields = count(body);
    let mut rest = body.get(2..).unwrap_or_default();
    for column in 0..fields {
        let (length, after) = rest.split_first_chunk().ok_or_else(malformed)?;
        rest = after;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            rows.field(column, None)?;
            continue;
        };
        let (value, after) = rest.split_at_checked(length).ok_or_else(malformed)?;
        rest = after;
        rows.admit(column, length)?;
        rows.field(column, Some(Cow::Borrowed(value)))?;
    }
    Ok(())
}

/// The count of two bytes that several messages begin with.
pub(crate) fn count(body: &[u8]) -> usize {
    body.first_chunk()
        .map_or(0, |count| usize::from(u16::from_be_bytes(*count)))
}

/// The number at the end of a command's tag: `INSERT 0 3`.
pub(crate) fn rows_affected(body: &[u8]) -> u64 {
    let tag = body.strip_suffix(&[0]).unwrap_or(body);
    let word = tag.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(word)
        .ok()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}

/// The columns of a row description: for each a name, and 18 bytes of which four are the number of its type.
pub(crate) fn columns(body: &[u8]) -> Option<Vec<(String, Oid)>> {
    let mut columns = Vec::with_capacity(count(body));
    let mut rest = body.get(2..)?;
    for _ in 0..count(body) {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        let about = rest.get(end + 1..end + 19)?;
        let oid = u32::from_be_bytes(*about[6..].first_chunk()?);
        columns.push((name, oid));
        rest = &rest[end + 19..];
    }
    Some(columns)
}

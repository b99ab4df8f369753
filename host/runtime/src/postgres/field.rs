//! One field of a row: its bytes, how they are read, and why they cannot be.

use sqlx::postgres::{PgColumn, PgRow};
use sqlx::{Column as _, Row as _, ValueRef as _};

use super::Error;
use super::kind::{Kind, type_name};
use super::wire::Misfit;

/// What the fields of a column are read as.
pub(crate) fn kind_of(column: &PgColumn) -> Result<Kind, Error> {
    Kind::of(column.type_info()).ok_or_else(|| {
        Error::Unsupported(format!(
            "column {} (`{}`) is of type `{}`, which cannot cross: cast it in the statement, for example \
             to text",
            column.ordinal() + 1,
            column.name(),
            type_name(column.type_info()),
        ))
    })
}

/// A field in binary format; `None` for NULL.
pub(crate) fn field(row: &PgRow, index: usize) -> Result<Option<&[u8]>, Error> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(None);
    }
    value.as_bytes().map(Some).map_err(|_| Stop::Misfit(Misfit::Malformed).at(row, index))
}

/// Why no more of a result is read.
pub(crate) enum Stop {
    Misfit(Misfit),
    TooManyBytes(u64),
}

impl From<Misfit> for Stop {
    fn from(misfit: Misfit) -> Self {
        Self::Misfit(misfit)
    }
}

impl Stop {
    /// The error for a stop in a certain field.
    pub(crate) fn at(self, row: &PgRow, index: usize) -> Error {
        match self {
            Self::TooManyBytes(limit) => Error::TooManyBytes(limit),
            Self::Misfit(misfit) => Error::Unsupported(format!(
                "column {} (`{}`) {misfit}: cast it in the statement, for example to text",
                index + 1,
                row.columns().get(index).map_or("?", |column| column.name()),
            )),
        }
    }
}

//! One field of a row: how its bytes are read, and errors of reading them.

use berth_postgres::Column;

use super::Error;
use super::kind::{Kind, type_name};
use super::wire::ValueError;

/// The kind as which a column's fields are read. `index` is counted from 0.
pub(crate) fn kind_of(index: usize, column: &Column) -> Result<Kind, Error> {
    Kind::from_type(&column.ty).ok_or_else(|| {
        Error::Unsupported(format!(
            "column {} (`{}`) is of type `{}`, which cannot cross: cast it in the statement, for example \
             to text",
            index + 1,
            column.name,
            type_name(&column.ty),
        ))
    })
}

/// Why reading of a result stopped.
pub(crate) enum Stop {
    ValueError(ValueError),
    TooManyBytes(u64),
}

impl From<ValueError> for Stop {
    fn from(misfit: ValueError) -> Self {
        Self::ValueError(misfit)
    }
}

impl Stop {
    /// The error for a stop in a certain field, whose column is called `name`. `index` is counted from 0.
    pub(crate) fn at(self, index: usize, name: &str) -> Error {
        match self {
            Self::TooManyBytes(limit) => Error::TooManyBytes(limit),
            Self::ValueError(misfit) => Error::Unsupported(format!(
                "column {} (`{name}`) {misfit}: cast it in the statement, for example to text",
                index + 1,
            )),
        }
    }
}

//! The result of a statement of which only the number of rows matters.

use std::borrow::Cow;

use berth_database::Collect;
use berth_postgres::{Column, Rows};

use super::Error;

/// Discards the rows.
pub(crate) struct Affected;

impl Collect for Affected {
    fn begin(&mut self, _: &[Column]) -> Result<(), Error> {
        Ok(())
    }
}

impl Rows for Affected {
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

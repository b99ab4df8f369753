//! A long result as one JSON array, read page by page, so that neither the host's limits on a result nor a component's
//! memory limit its length.

use crate::postgres::{self, JsonRows, Statement, elements};
use crate::{Response, Unfinished, Writer, log};

/// A result whose first page has been read.
///
/// Each page is a statement of its own: a row whose place changes meanwhile may be omitted or appear twice.
///
/// ```
/// use berth_sdk::postgres::Statement;
/// use berth_sdk::{Error, Pages, Principal, Request, Response};
///
/// fn list(caller: &Principal, _: &Request) -> Result<Response, Error> {
///     let owner = caller.subject.clone();
///     let notes = Pages::read(500, move |limit, offset| {
///         Statement::new("SELECT id, text FROM notes WHERE owner = ")
///             .value(&owner)
///             .and(" ORDER BY id LIMIT ")
///             .value(limit)
///             .and(" OFFSET ")
///             .value(offset)
///     })?;
///     Ok(notes.response())
/// }
/// ```
pub struct Pages {
    first: JsonRows,
    size: u32,
    page: Box<Page>,
}

/// The statement for a page, by limit and offset.
type Page = dyn Fn(i64, i64) -> Statement;

impl Pages {
    /// Reads the first page. `page` makes the statement for `limit` rows after the first `offset`; `size` is that
    /// limit.
    ///
    /// ```
    /// # use berth_sdk::Pages;
    /// # use berth_sdk::postgres::{Error, Statement};
    /// fn notes() -> Result<Pages, Error> {
    ///     Pages::read(500, |limit, offset| {
    ///         let page = Statement::new("SELECT id, text FROM notes ORDER BY id LIMIT ").value(limit);
    ///         page.and(" OFFSET ").value(offset)
    ///     })
    /// }
    /// ```
    pub fn read(size: u32, page: impl Fn(i64, i64) -> Statement + 'static) -> Result<Self, postgres::Error> {
        let first = page(size.into(), 0).query_json()?;
        Ok(Self {
            first,
            size,
            page: Box::new(page),
        })
    }

    /// Whether the result has no row.
    ///
    /// ```
    /// # use berth_sdk::{Error, Pages};
    /// fn unless_empty(notes: Pages) -> Result<Pages, Error> {
    ///     if notes.is_empty() { Err(Error::NotFound) } else { Ok(notes) }
    /// }
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.count == 0
    }

    /// The array as a response. A result of more than one page is streamed.
    ///
    /// ```
    /// # use berth_sdk::{Pages, Response};
    /// fn answer(notes: Pages) -> Response {
    ///     notes.response()
    /// }
    /// ```
    #[must_use]
    pub fn response(self) -> Response {
        self.response_between(Vec::new(), b"")
    }

    /// The array as a part of a response: `before`, the array and `after` together are JSON.
    ///
    /// ```
    /// # use berth_sdk::{Pages, Response};
    /// fn named(notes: Pages) -> Response {
    ///     notes.response_between(br#"{"notes":"#.to_vec(), b"}")
    /// }
    /// ```
    #[must_use]
    pub fn response_between(self, mut before: Vec<u8>, after: &'static [u8]) -> Response {
        if self.first.count < self.size {
            before.extend_from_slice(&self.first.body);
            before.extend_from_slice(after);
            return Response::json_text(200, before);
        }
        Response::stream(200, "application/json", move |writer| {
            writer.write(&before)?;
            self.write(writer)?;
            writer.write(after)
        })
    }

    fn write(self, writer: &Writer) -> Result<(), Unfinished> {
        let size = i64::from(self.size);
        let mut rows = self.first;
        let mut offset = 0;
        let mut before = b'[';
        loop {
            let is_last = rows.count < self.size;
            if rows.count > 0 {
                writer.write(&[before])?;
                writer.write(&elements(rows.body))?;
                before = b',';
            }
            if is_last {
                return writer.write(b"]");
            }
            offset += size;
            rows = (self.page)(size, offset).query_json().map_err(|error| {
                let cause = postgres::describe(&error);
                log::error(
                    "pages",
                    &format!("a result could not be read to its end: {cause}"),
                );
                Unfinished
            })?;
        }
    }
}

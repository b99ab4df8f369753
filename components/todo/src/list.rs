//! `GET …/tasks`: mostly one statement, a second to count when a page is full, more when a list is long.

use berth_sdk::contract::{Fields, Integer, Violations};
use berth_sdk::postgres::{self, JsonRows, elements};
use berth_sdk::{Error, Principal, Request, Response, Unfinished, Writer, log};

use crate::handlers::shape;
use crate::listing::Listing;
use crate::store;
use crate::task::Shape;

/// The tasks of one fetch when a client asks for all. This many tasks of the largest size stay below the host's limits
/// on one result (10,000 rows, 16 MiB).
const PAGE: i64 = 500;

/// A list of one user's tasks that is being read.
struct List {
    user: String,
    listing: Listing,
    shape: Shape,
}

/// `GET …/tasks`
pub(crate) fn list(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let list = List {
        user: caller.subject.clone(),
        listing: Listing::read(request.query())?,
        shape: shape(request),
    };
    let limit = list.listing.limit.unwrap_or(PAGE);
    let first = list.page(limit, list.listing.offset)?;
    let total = list.total(limit, i64::from(first.count))?;
    let goes_on = list.listing.limit.is_none() && total > list.listing.offset.saturating_add(PAGE);
    let response = if goes_on {
        Response::stream(200, "application/json", move |writer| {
            list.write_all(writer, first.body)
        })
    } else {
        Response::json_text(200, first.body)
    };
    Ok(response.with_header("x-total-count", total.to_string()))
}

impl List {
    fn page(&self, limit: i64, offset: i64) -> Result<JsonRows, postgres::Error> {
        store::list(&self.user, &self.listing, self.shape, limit, offset).query_json()
    }

    /// The number of tasks before paging. A page with fewer rows than `limit` is the last, so its end is the total.
    fn total(&self, limit: i64, rows: i64) -> Result<i64, Error> {
        let offset = self.listing.offset;
        if rows < limit && (rows > 0 || offset == 0) {
            return Ok(offset + rows);
        }
        let counted = store::count(&self.user, &self.listing)
            .query_json_row()?
            .unwrap_or_default();
        total_of(&counted).map_err(|_| Error::Internal("a count of tasks is not a number".into()))
    }

    /// Writes one array of all pages, so that the whole list is never in memory. Each page is a statement of its own: a
    /// task whose place changes meanwhile may be omitted or appear twice.
    fn write_all(&self, writer: &Writer, first: Vec<u8>) -> Result<(), Unfinished> {
        writer.write(b"[")?;
        writer.write(&elements(first))?;
        let mut offset = self.listing.offset + PAGE;
        loop {
            let page = self.page(PAGE, offset).map_err(|error| {
                let cause = postgres::describe(&error);
                log::error("list", &format!("a list could not be read to its end: {cause}"));
                Unfinished
            })?;
            if page.count > 0 {
                writer.write(b",")?;
                writer.write(&elements(page.body))?;
            }
            if i64::from(page.count) < PAGE {
                return writer.write(b"]");
            }
            offset += PAGE;
        }
    }
}

/// The number in the row of a count. The component reads nothing else by typed rows, whose code is larger than this.
fn total_of(row: &[u8]) -> Result<i64, Violations> {
    let mut fields = Fields::json(row)?;
    let total = fields.required("total", &Integer::ANY);
    fields.finish(total)
}

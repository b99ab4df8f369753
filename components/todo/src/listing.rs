//! A client's query for a list of tasks: filters, order and page.

use berth_sdk::contract::{Boolean, Choice, Datetime, Fields, Integer, Text, Timestamp, Violations};

/// The bounds of `limit`.
pub(crate) const LIMIT: Integer = Integer::between(1, 200);
/// The bounds of `offset`.
pub(crate) const OFFSET: Integer = Integer::at_least(0);

/// A query. `None` and the empty text filter nothing. Filters are joined by "and".
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Listing {
    pub(crate) status: Status,
    pub(crate) completed: Option<bool>,
    pub(crate) priority: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) search: Option<String>,
    pub(crate) due_before: Option<Timestamp>,
    pub(crate) due_after: Option<Timestamp>,
    pub(crate) overdue: Option<bool>,
    pub(crate) sort: Sort,
    pub(crate) order: Order,
    /// The most tasks; `None` for all.
    pub(crate) limit: Option<i64>,
    pub(crate) offset: i64,
}

/// The filter `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    #[default]
    All,
    Pending,
    Completed,
}

/// The field by which a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sort {
    #[default]
    CreatedAt,
    UpdatedAt,
    /// By due date; tasks without a due date come last, in both orders.
    DueDate,
    /// By title, without regard to case.
    Title,
    /// From `low` to `urgent`; the user's own words come last, in both orders.
    Priority,
}

/// The direction of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Order {
    Ascending,
    #[default]
    Descending,
}

/// The words of `status`.
pub(crate) const STATUS: Choice<Status> = Choice(&[
    ("all", Status::All),
    ("pending", Status::Pending),
    ("completed", Status::Completed),
    ("incomplete", Status::Pending),
    ("active", Status::Pending),
    ("complete", Status::Completed),
    ("done", Status::Completed),
]);

/// The words of `sort`.
pub(crate) const SORT: Choice<Sort> = Choice(&[
    ("created_at", Sort::CreatedAt),
    ("updated_at", Sort::UpdatedAt),
    ("due_date", Sort::DueDate),
    ("title", Sort::Title),
    ("priority", Sort::Priority),
    ("created", Sort::CreatedAt),
]);

/// The words of `order`.
pub(crate) const ORDER: Choice<Order> = Choice(&[("asc", Order::Ascending), ("desc", Order::Descending)]);

impl Listing {
    /// Reads a query.
    pub(crate) fn read(mut query: Fields) -> Result<Self, Violations> {
        let listing = Self {
            status: query.optional("status", &STATUS).unwrap_or_default(),
            completed: query.optional("completed", &Boolean),
            priority: text(&mut query, "priority"),
            category: text(&mut query, "category"),
            tag: text(&mut query, "tag"),
            search: text(&mut query, "search"),
            due_before: query.optional("due_before", &Datetime),
            due_after: query.optional("due_after", &Datetime),
            overdue: query.optional("overdue", &Boolean),
            sort: query.optional("sort", &SORT).unwrap_or_default(),
            order: query.optional("order", &ORDER).unwrap_or_default(),
            limit: query.optional("limit", &LIMIT),
            offset: query.optional("offset", &OFFSET).unwrap_or_default(),
        };
        query.finish(listing)
    }
}

/// Treats an empty text as absent, because forms send their empty fields too.
fn text(query: &mut Fields, name: &'static str) -> Option<String> {
    query.optional(name, &Text::ANY).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;

//! Everything Berth does with PostgreSQL, on a real one.

mod private;
mod support;

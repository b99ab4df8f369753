//! Everything Berth does with PostgreSQL, on a real one.

mod isolation;
mod migrations;
mod pool;
mod sessions;
mod support;

//! Everything Berth does with PostgreSQL, on a real one.

mod guest;
mod isolation;
mod migrations;
mod pool;
mod rows;
mod sessions;
mod support;

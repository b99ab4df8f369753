//! The servers that `DATABASE_URL` can lead to.
//!
//! - `tls`: encrypted, and verified as far as the URL asks for it
//! - `pooler`: behind PgBouncer in transaction mode
//! - `outages`: away at the start, or for a while
//! - `rows`: rows that belong to users, and a component that tries to reach those of others

mod outages;
mod pooler;
mod rows;
mod tls;

//! The servers that `DATABASE_URL` can lead to.
//!
//! - `tls`: encrypted, and verified as far as the URL asks for it
//! - `pooler`: behind PgBouncer in transaction mode
//! - `outages`: away at the start, or for a while

mod outages;
mod pooler;
mod tls;

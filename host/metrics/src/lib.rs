//! Counters, gauges and histograms, which record with a few atomic operations and without a lock.
//!
//! - `counter`: a number that only grows, and seconds that only grow
//! - `gauge`: a number of things that exist at the moment
//! - `histogram`: a distribution of times or sizes
//! - `labels`: a counter for each value of a fixed set
//! - `operation`: an operation under way, which is counted when it ends
//! - `by_key`: one value for each of a bounded set of names
//!
//! A crate that records owns its values, and lends them to the exporter in the package `berth`, which reads them when
//! it is asked. prometheus-client's own histogram takes a lock for each observation and cannot be read by an exporter;
//! its encoder is used.

mod by_key;
mod counter;
mod gauge;
mod histogram;
mod labels;
mod operation;

pub use by_key::ByKey;
pub use counter::{Counter, Seconds};
pub use gauge::{Gauge, Present};
pub use histogram::{Buckets, Histogram, SIZES, Snapshot, TIMES};
pub use labels::{Counters, Label};
pub use operation::Operation;

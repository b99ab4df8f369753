//! A small server that speaks Cohere's v2 chat API. Tests give it a script. A person without a key can try Berth with
//! it: without a script, the server answers by simple rules. It is never part of the host.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use fake_cohere::{FakeCohere, Gate, Turn};
//!
//! let cohere = FakeCohere::start(0).await?;
//! let gate = Gate::default();
//! cohere.answer(Turn::text("Hello, Ada.").paced(&gate)); // streamed, each word waits for `gate.open()`
//! // … point the code under test to `cohere.base_url()` …
//! assert_eq!(cohere.requests()[0].body["model"], "command-a-03-2025");
//! # Ok(()) }
//! ```
//!
//! - `server`: the server, its script, and what it has seen
//! - `check`: what Cohere refuses
//! - `reply`: what a script can say, from a well-formed turn to bytes that are no protocol at all
//! - `wire`: a turn as JSON or as server-sent events
//! - `rules`: what is answered when the script says nothing
//! - `gate`: where an answer waits for the test

mod check;
mod gate;
mod reply;
mod rules;
mod server;
mod wire;

pub use gate::Gate;
pub use reply::{Raw, Refusal, Reply, Turn};
pub use server::{FakeCohere, Received};

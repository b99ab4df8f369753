//! Loads, links and runs components.

mod limits;
mod principal;

pub use limits::Limits;
pub use principal::Principal;

/// What a component can be granted beyond `wasi:http` and an empty `wasi:cli`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `berth:postgres/client`
    Postgres,
    /// `berth:identity/caller`
    Identity,
    /// `wasi:config/store`
    Config,
    /// `wasi:logging/logging`
    Logging,
    /// `wasi:http/outgoing-handler`
    OutgoingHttp,
}

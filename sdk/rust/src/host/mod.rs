//! The host's interfaces, as the rest of this crate calls them: those of the real host, by the bindings, or those of a
//! test's host.

#[cfg(not(all(feature = "testing", not(target_arch = "wasm32"))))]
mod real;

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub use crate::testing::interfaces::serve;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub(crate) use crate::testing::interfaces::*;
#[cfg(not(all(feature = "testing", not(target_arch = "wasm32"))))]
pub use real::serve;
#[cfg(not(all(feature = "testing", not(target_arch = "wasm32"))))]
pub(crate) use real::*;

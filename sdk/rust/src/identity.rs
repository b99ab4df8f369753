//! The caller of a request: `berth:identity/caller`, granted by `capabilities = ["identity"]`.
//!
//! A handler of [`Route::get`](crate::Route::get) and its like gets the caller as an argument, and needs nothing of this
//! module. A function that another component calls asks for the caller itself.

pub use crate::bindings::http::berth::identity::caller::Principal;
use crate::host;

/// The verified caller; `None` if the request came without a token.
///
/// ```
/// use berth_sdk::identity;
/// # use berth_sdk::testing::Host;
/// # Host::new().with_user("ann").run(|| {
/// let subject = identity::caller().map(|caller| caller.subject);
/// assert_eq!(subject.as_deref(), Some("ann"));
/// # });
/// ```
#[must_use]
pub fn caller() -> Option<Principal> {
    host::caller()
}

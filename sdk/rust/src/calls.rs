//! Functions of other components, and functions for other components.
//!
//! Components call each other by WIT interfaces, which the manifest joins by `imports`. The host runs each call in an
//! instance of its own, for the same caller: a component cannot name another user.
//!
//! The component that calls, for an interface in a folder `wit` of the component or, as here, in the source:
//!
//! ```
//! mod greeter {
//!     berth_sdk::interface!({
//!         inline: "
//!             package example:greeting;
//!
//!             interface greeting {
//!                 greet: func(name: string) -> string;
//!             }
//!
//!             world caller {
//!                 import greeting;
//!             }
//!         ",
//!     });
//! }
//!
//! fn welcome(name: &str) -> String {
//!     greeter::example::greeting::greeting::greet(name)
//! }
//! ```
//!
//! ```toml
//! [components.front]
//! imports = { "example:greeting/greeting" = "greeter" }
//! ```
//!
//! The component that is called exports the interface beside its routes, if it has any:
//!
//! ```
//! mod greeter {
//!     berth_sdk::interface!({
//!         inline: "
//!             package example:greeting;
//!
//!             interface greeting {
//!                 greet: func(name: string) -> string;
//!             }
//!
//!             world greeter {
//!                 export greeting;
//!             }
//!         ",
//!     });
//!
//!     struct Greeter;
//!
//!     impl exports::example::greeting::greeting::Guest for Greeter {
//!         fn greet(name: String) -> String {
//!             let caller = berth_sdk::identity::caller();
//!             format!("Hello {name}, from {}!", caller.map_or("nobody".to_owned(), |caller| caller.subject))
//!         }
//!     }
//!
//!     export!(Greeter with_types_in self);
//! }
//! ```
//!
//! In a native test an imported function panics. Give the code under test a closure or a trait in its place.

/// Generates bindings for an interface, by `wit_bindgen::generate!` with the same options: `path` or `inline`, `world`,
/// `additional_derives`. See [`calls`](crate::calls).
///
/// ```
/// mod clock {
///     berth_sdk::interface!({
///         inline: "
///             package example:clock;
///
///             interface clock {
///                 now: func() -> u64;
///             }
///
///             world reader {
///                 import clock;
///             }
///         ",
///     });
/// }
///
/// fn seconds() -> u64 {
///     clock::example::clock::clock::now() / 1000
/// }
/// ```
#[macro_export]
macro_rules! interface {
    ({ $($options:tt)* }) => {
        $crate::wit_bindgen::generate!({
            generate_all,
            runtime_path: "berth_sdk::wit_bindgen::rt",
            $($options)*
        });
    };
}

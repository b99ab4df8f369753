//! Bindings that `wit-bindgen` generates from the WIT packages in `wit/`, for interfaces that this crate does not cover.
//!
//! A component imports only those interfaces that it calls. The crate of a component needs neither `wit-bindgen` nor
//! the WIT files: [`component!`](crate::component) exports these bindings.
//!
//! On a machine that is no WebAssembly host, each of these functions panics: tests go by the module `testing` (a feature).
#![expect(missing_docs, clippy::pedantic, reason = "generated code, documented in wit/")]

/// A component that answers HTTP requests.
pub mod http {
    wit_bindgen::generate!({
        path: "wit",
        world: "http",
        generate_all,
        export_macro_name: "export_http",
        pub_export_macro: true,
        default_bindings_module: "berth_sdk::bindings::http",
    });
}

/// A component that has migrations.
pub mod migrations {
    wit_bindgen::generate!({
        path: "wit",
        world: "migrations",
        generate_all,
        export_macro_name: "export_migrations",
        pub_export_macro: true,
        default_bindings_module: "berth_sdk::bindings::migrations",
    });
}

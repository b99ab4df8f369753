//! Bindings that `wit-bindgen` generates from the WIT packages: three worlds. A component exports those that it needs.
//!
//! A component imports only those interfaces of a world that it calls. The crate of a component needs neither
//! `wit-bindgen` nor the WIT files: [`component!`](crate::component) exports these bindings.
#![expect(missing_docs, clippy::pedantic, reason = "generated code, documented in wit/")]

/// A component that answers HTTP requests.
pub mod http {
    wit_bindgen::generate!({
        inline: "
            package berth:sdk;

            world http {
                include wasi:http/proxy@0.2.12;
                import wasi:logging/logging@0.1.0-draft;
                import berth:identity/caller@0.1.0;
                import berth:postgres/client@0.1.0;
                import berth:cohere/chat@0.1.0;
            }
        ",
        path: "../../wit",
        world: "berth:sdk/http",
        generate_all,
        export_macro_name: "export_http",
        pub_export_macro: true,
        default_bindings_module: "berth_sdk::bindings::http",
    });
}

/// A component that has migrations.
pub mod migrations {
    wit_bindgen::generate!({
        inline: "
            package berth:sdk;

            world migrations {
                export berth:migrations/migrations@0.1.0;
            }
        ",
        path: "../../wit",
        world: "berth:sdk/migrations",
        generate_all,
        export_macro_name: "export_migrations",
        pub_export_macro: true,
        default_bindings_module: "berth_sdk::bindings::migrations",
    });
}

/// A component that describes its routes.
pub mod openapi {
    wit_bindgen::generate!({
        inline: "
            package berth:sdk;

            world openapi {
                export berth:openapi/document@0.1.0;
            }
        ",
        path: "../../wit",
        world: "berth:sdk/openapi",
        generate_all,
        export_macro_name: "export_openapi",
        pub_export_macro: true,
        default_bindings_module: "berth_sdk::bindings::openapi",
    });
}

//! The macro that makes a crate a component.

/// Makes the crate a component that answers requests by [`Routes`](crate::Routes). A list of
/// [`Migration`](crate::Migration)s and the text of an `OpenAPI` document are optional.
///
/// ```
/// use berth_sdk::Routes;
///
/// const ROUTES: Routes = Routes::new(&[]);
///
/// berth_sdk::component! {
///     routes: ROUTES,
///     migrations: berth_sdk::migrations!("$CARGO_MANIFEST_DIR/tests/migrations"),
///     document: r#"{"paths": {}}"#,
/// }
///
/// /// Does nothing: the host calls the component's exports.
/// fn main() {}
/// ```
///
/// The crate is a program and no library, so that its tests run natively by plain `cargo test`.
#[macro_export]
macro_rules! component {
    (routes: $routes:expr $(, migrations: $migrations:expr)? $(, document: $document:expr)? $(,)?) => {
        struct Component;

        impl $crate::bindings::http::exports::wasi::http::incoming_handler::Guest for Component {
            fn handle(
                request: $crate::bindings::http::wasi::http::types::IncomingRequest,
                response: $crate::bindings::http::wasi::http::types::ResponseOutparam,
            ) {
                $crate::serve(&$routes, request, response);
            }
        }

        $crate::bindings::http::export_http!(Component with_types_in $crate::bindings::http);

        $(
            impl $crate::bindings::migrations::exports::berth::migrations::migrations::Guest for Component {
                fn list() -> Vec<$crate::Migration> {
                    $migrations
                }
            }

            $crate::bindings::migrations::export_migrations!(
                Component with_types_in $crate::bindings::migrations
            );
        )?

        $(
            impl $crate::bindings::openapi::exports::berth::openapi::document::Guest for Component {
                fn get() -> String {
                    String::from($document)
                }
            }

            $crate::bindings::openapi::export_openapi!(Component with_types_in $crate::bindings::openapi);
        )?
    };
}

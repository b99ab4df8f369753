//! The macro that makes a crate a component.

/// One step of a component's schema: see `wit/deps/migrations`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its place in the order, 1 or more.
    pub version: u32,
    /// A description for people: `create tasks`.
    pub name: &'static str,
    /// One or more SQL statements.
    pub sql: &'static str,
    /// Whether older versions of the component, which do not know the migration, can work after it has run.
    pub compatible: bool,
}

/// Makes the crate a component that answers requests by a table of [`Route`](crate::Route)s. A slice of [`Migration`]s
/// and the text of an `OpenAPI` document are optional.
///
/// ```
/// # use berth_sdk::{Migration, Route};
/// const ROUTES: &[Route] = &[];
/// const MIGRATIONS: &[Migration] =
///     &[Migration { version: 1, name: "create notes", sql: "CREATE TABLE notes (text text)", compatible: true }];
///
/// berth_sdk::component! {
///     routes: ROUTES,
///     migrations: MIGRATIONS,
///     document: r#"{"paths": {}}"#,
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! component {
    (routes: $routes:expr $(, migrations: $migrations:expr)? $(, document: $document:expr)? $(,)?) => {
        struct Component;

        impl $crate::bindings::http::exports::wasi::http::incoming_handler::Guest for Component {
            fn handle(
                request: $crate::bindings::http::wasi::http::types::IncomingRequest,
                response: $crate::bindings::http::wasi::http::types::ResponseOutparam,
            ) {
                $crate::serve($routes, request, response);
            }
        }

        $crate::bindings::http::export_http!(Component with_types_in $crate::bindings::http);

        $(
            impl $crate::bindings::migrations::exports::berth::migrations::migrations::Guest for Component {
                fn list() -> Vec<$crate::bindings::migrations::exports::berth::migrations::migrations::Migration> {
                    let migrations: &[$crate::Migration] = $migrations;
                    migrations.iter().map(|migration| (*migration).into()).collect()
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

impl From<Migration> for crate::bindings::migrations::exports::berth::migrations::migrations::Migration {
    fn from(migration: Migration) -> Self {
        Self {
            version: migration.version,
            name: migration.name.to_owned(),
            sql: migration.sql.to_owned(),
            compatible: migration.compatible,
        }
    }
}

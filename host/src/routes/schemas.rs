//! Schemas of the OpenAPI document for JSON that the host reads or writes without a Rust type of this shape.

#![expect(dead_code, reason = "the fields are there for the document")]

use berth_contract::openapi;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Implements utoipa's traits for error bodies, whose schemas the host and components have in common.
macro_rules! errors {
    ($($name:ident),*) => {
        $(
            pub(super) struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    of_contract(stringify!($name))
                }
            }

            impl ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                    let all = openapi::errors().into_iter();
                    schemas.extend(all.map(|(name, _)| (name.to_owned(), of_contract(name))));
                }
            }
        )*
    };
}

errors!(Error, HTTPValidationError);

/// The schema of the contract with this name.
fn of_contract(name: &str) -> RefOr<Schema> {
    let found = openapi::errors().into_iter().find(|(known, _)| *known == name);
    let schema = found.and_then(|(_, schema)| serde_json::from_value(schema).ok());
    schema.unwrap_or_default()
}

/// A login by the password flow of `OAuth2`.
#[derive(ToSchema)]
pub(super) struct PasswordForm {
    /// The account's address.
    #[schema(min_length = 1, pattern = r"^[^\x00]*$", example = "ann@example.com")]
    username: String,
    /// The account's password.
    #[schema(format = Password, min_length = 1, pattern = r"^[^\x00]*$", example = "correct horse")]
    password: String,
}

/// A login. The address may also be called `username`.
#[derive(ToSchema)]
pub(super) struct EmailLogin {
    /// The account's address.
    #[schema(min_length = 1, pattern = r"^[^\x00]*$", example = "ann@example.com")]
    email: String,
    /// The account's password.
    #[schema(format = Password, min_length = 1, pattern = r"^[^\x00]*$", example = "correct horse")]
    password: String,
}

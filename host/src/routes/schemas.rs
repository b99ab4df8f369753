//! Schemas of the OpenAPI document for JSON that the host reads or writes without a Rust type of this shape.

#![expect(dead_code, reason = "the fields are there for the document")]

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The names of error bodies in the document. Their schemas are those of the contract, which host and components have in
/// common: `routes/openapi.rs` puts them in.
macro_rules! errors {
    ($($name:ident => $others:expr),*) => {
        $(
            pub(super) struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    RefOr::default()
                }
            }

            impl ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                    let others: &[&str] = &$others;
                    schemas.extend(others.iter().map(|name| ((*name).to_owned(), RefOr::default())));
                }
            }
        )*
    };
}

errors!(Error => [], HTTPValidationError => ["ValidationError"]);

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

//! Schemas of the OpenAPI document for JSON that the host reads or writes without a Rust type of this shape.

#![expect(dead_code, reason = "the fields are there for the document")]

use serde_json::Value;
use utoipa::ToSchema;

/// An error.
#[derive(ToSchema)]
pub(super) struct Error {
    /// A sentence for people.
    #[schema(example = "Not Found")]
    detail: String,
}

/// A request whose fields are not valid, with every fault of it.
#[derive(ToSchema)]
pub(super) struct HTTPValidationError {
    detail: Vec<ValidationError>,
}

/// One fault of a request, in pydantic's words.
#[derive(ToSchema)]
pub(super) struct ValidationError {
    /// The machine's name of the fault.
    #[schema(example = "missing")]
    r#type: String,
    /// The place of the fault, from `body`, `query` or `path` on.
    #[schema(inline, example = json!(["body", "email"]))]
    loc: Vec<Step>,
    /// A sentence for people.
    #[schema(example = "Field required")]
    msg: String,
    /// The value that was sent. Left out where it is or may hold a secret.
    #[schema(required = false)]
    input: Value,
}

/// One step on the way to a field.
#[derive(ToSchema)]
#[serde(untagged)]
enum Step {
    /// The name of a field.
    Name(String),
    /// The index of an element, or the byte at which JSON breaks.
    Position(u64),
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

//! The OpenAPI document of a component's routes. Only with the feature `openapi`, which belongs to the dev-dependencies: a
//! test makes the document, which is checked in, and `component!` exports the file.
//!
//! The document follows from the types of the handlers: the schema of a body from the function that reads the body
//! ([`body`]), the parameters of a query likewise ([`query`]), and the schema of a response from a type that derives
//! utoipa's `ToSchema` ([`WithTypes`]). Operations are described route by route.
//!
//! ```
//! use berth_sdk::contract::{Fields, Text, Violations};
//! use berth_sdk::openapi::{self, Document, Operation, WithTypes, body, id, list, reference};
//! use berth_sdk::{Error, Method, Principal, Request, Response, Route, Routes};
//!
//! const ROUTES: Routes = Routes::new(&[Route::at("/notes").get(list_notes).post(create)]);
//! # fn list_notes(_: &Principal, _: &Request) -> Result<Response, Error> { Err(Error::NotFound) }
//! # fn create(_: &Principal, _: &Request) -> Result<Response, Error> { Err(Error::NotFound) }
//!
//! /// A note.
//! #[derive(serde::Serialize, utoipa::ToSchema)]
//! struct Note {
//!     id: i64,
//!     text: String,
//! }
//!
//! fn read(mut fields: Fields) -> Result<String, Violations> {
//!     let text = fields.required("text", &Text::of(1, 500));
//!     fields.finish(text)
//! }
//!
//! fn describe(pattern: &str, method: Method) -> Operation {
//!     match (pattern, method) {
//!         ("/notes", Method::Get) => Operation::new("list_notes", "List notes", "The caller's notes.")
//!             .answers(200, "The notes", &list(&reference("Note"))),
//!         ("/notes", Method::Post) => Operation::new("create_note", "Create a note", "Its text is required.")
//!             .takes("NewNote", true, &serde_json::json!({ "text": "Hi" }))
//!             .answers(201, "The note", &reference("Note")),
//!         _ => panic!("{} {pattern} is not described", method.name()),
//!     }
//! }
//!
//! let document = Document::new("notes", "0.1.0")
//!     .with_type::<Note>()
//!     .schema("NewNote", body(read).into_schema());
//! let document = openapi::of_routes(document, &ROUTES, describe);
//! assert!(document.undefined().is_empty());
//! ```

use std::io;
use std::path::Path;

pub use berth_contract::openapi::*;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Method, Routes};

/// Adds an operation for each method of each route. `describe` gets the route's pattern.
///
/// ```
/// # use berth_sdk::{Method, Routes};
/// # use berth_sdk::openapi::{self, Document, Operation};
/// const ROUTES: Routes = Routes::new(&[]);
/// let document = openapi::of_routes(Document::new("notes", "0.1.0"), &ROUTES, |pattern, method| {
///     Operation::new(&format!("{}_{pattern}", method.name()), "Do it", "Does it.")
/// });
/// ```
pub fn of_routes(
    document: Document,
    routes: &Routes,
    describe: impl Fn(&'static str, Method) -> Operation,
) -> Document {
    let document = match routes.caller() {
        Some(parameter) => document.caller(parameter),
        None => document,
    };
    let operations = routes
        .iter()
        .flat_map(|route| route.methods().map(|method| (route.pattern(), method)));
    operations.fold(document, |document, (pattern, method)| {
        let name = method.name().to_lowercase();
        document.operation(pattern, &name, describe(pattern, method))
    })
}

/// Compares a document with the file that is checked in. An outdated file is written anew, and the test fails once.
///
/// ```no_run
/// # use berth_sdk::openapi::{self, Document};
/// #[test]
/// fn the_document_is_up_to_date() -> std::io::Result<()> {
///     openapi::check(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &document())
/// }
/// # fn document() -> Document { Document::new("notes", "0.1.0") }
/// ```
pub fn check(file: impl AsRef<Path>, document: &Document) -> io::Result<()> {
    let file = file.as_ref();
    let undefined = document.undefined();
    if !undefined.is_empty() {
        let names = undefined.join(", ");
        return Err(io::Error::other(format!(
            "no schema is called {names}: add it to the document"
        )));
    }
    let text = document.to_string();
    if std::fs::read_to_string(file).unwrap_or_default() == text {
        return Ok(());
    }
    std::fs::write(file, text)?;
    Err(io::Error::other(format!(
        "{} was outdated and is now written anew: check it in",
        file.display()
    )))
}

/// Schemas of Rust types.
///
/// ```
/// use berth_sdk::openapi::{Document, WithTypes};
///
/// #[derive(utoipa::ToSchema)]
/// struct Note {
///     text: String,
/// }
///
/// let document = Document::new("notes", "0.1.0").with_type::<Note>();
/// assert!(document.to_string().contains(r#""Note":{"#));
/// ```
pub trait WithTypes {
    /// Adds the schema of a type that derives utoipa's `ToSchema`, and those to which it refers, by their names.
    #[must_use]
    fn with_type<T: ToSchema>(self) -> Self;
}

impl WithTypes for Document {
    fn with_type<T: ToSchema>(self) -> Self {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        schemas.into_iter().fold(self, |document, (name, schema)| {
            // Every schema of utoipa's has JSON.
            document.schema(&name, serde_json::to_value(schema).unwrap_or(Value::Null))
        })
    }
}

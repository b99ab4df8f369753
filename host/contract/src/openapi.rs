//! OpenAPI 3.1 documents, for the host and for components.
//!
//! - [`Document`]: paths, schemas and tags, as text with a line for each
//! - [`Operation`]: one method of one path; the document adds what all operations have in common
//! - [`body`] and [`query`]: the fields that a function reads from a request, as a schema or as parameters
//! - [`merge`]: adds a component's document to the host's
//! - [`errors`] and the functions beside it: schemas
//!
//! A component's document is made by a test and checked in, so a built component contains nothing of this module.

mod document;
mod merge;
mod names;
mod operation;
mod reading;
mod schemas;

pub use document::Document;
pub use merge::{each_operation, merge, state_security};
pub use operation::Operation;
pub use reading::{Reading, body, query};
pub(crate) use reading::{Recorder, schema, schema_or_null};
pub use schemas::{
    described, errors, flag, id, json_content, list, nullable, object, partial, reference, text, time,
};

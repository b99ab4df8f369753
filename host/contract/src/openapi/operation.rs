//! One method of one path.

use serde_json::{Value, json};

use super::{Reading, described, json_content, reference};

/// One method of one path: an Operation Object.
///
/// The [`Document`](super::Document) that takes the operation adds the parameters of the path and the refusals that every
/// operation has.
///
/// ```
/// use berth_contract::openapi::{Document, Operation, reference};
///
/// let create = Operation::new("create_note", "Create a note", "Only its text is required.")
///     .takes("NewNote", true, &serde_json::json!({ "text": "Hi" }))
///     .answers(201, "The note", &reference("Note"));
/// # let document = Document::new("notes", "0.1.0").operation("/notes", "post", create);
/// # assert!(document.to_string().contains("create_note"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Operation {
    pub(super) object: Value,
    pub(super) access: Access,
}

/// The callers of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Authenticated callers.
    Private,
    /// Everybody, with or without a token.
    Public,
}

impl Operation {
    /// An operation of authenticated callers. `id` is unique in the document.
    ///
    /// ```
    /// # use berth_contract::openapi::Operation;
    /// let list = Operation::new("list_notes", "List notes", "The caller's notes, newest first.");
    /// ```
    pub fn new(id: &str, summary: &str, description: &str) -> Self {
        let object = json!({
            "operationId": id,
            "summary": summary,
            "description": description,
            "parameters": [],
            "responses": {},
        });
        Self {
            object,
            access: Access::Private,
        }
    }

    /// Admits callers without a token.
    ///
    /// ```
    /// # use berth_contract::openapi::Operation;
    /// let hello = Operation::new("hello", "Say hello", "Greets everybody.").public();
    /// ```
    pub fn public(mut self) -> Self {
        self.access = Access::Public;
        self
    }

    /// Puts the operation under a tag.
    ///
    /// ```
    /// # use berth_contract::openapi::Operation;
    /// let list = Operation::new("list_notes", "List notes", "All of them.").tagged("notes");
    /// ```
    pub fn tagged(mut self, tag: &str) -> Self {
        self.object["tags"] = json!([tag]);
        self
    }

    /// Takes the parameters of the query that `reading` has: see [`query`](super::query).
    ///
    /// ```
    /// # use berth_contract::Integer;
    /// # use berth_contract::openapi::{Operation, query};
    /// let page = query(|mut fields| fields.optional("limit", &Integer::between(1, 200)));
    /// let list = Operation::new("list_notes", "List notes", "A page of them.").asks(page);
    /// ```
    pub fn asks(mut self, reading: Reading) -> Self {
        if let Some(all) = self.object["parameters"].as_array_mut() {
            all.extend(reading.into_parameters());
        }
        self.validates()
    }

    /// Takes a JSON body of the schema with this name. `example` is a valid one. A body that is not required may be
    /// empty or `null`.
    ///
    /// ```
    /// # use berth_contract::openapi::Operation;
    /// let create = Operation::new("create_note", "Create a note", "Only its text is required.")
    ///     .takes("NewNote", true, &serde_json::json!({ "text": "Hi" }));
    /// ```
    pub fn takes(mut self, schema: &str, required: bool, example: &Value) -> Self {
        let reference = reference(schema);
        let schema = if required {
            reference
        } else {
            json!({ "anyOf": [reference, { "type": "null" }] })
        };
        let content = json!({ "application/json": { "schema": schema, "example": example } });
        self.object["requestBody"] = json!({ "required": required, "content": content });
        self.refuses(413, "`Request body too large`")
            .refuses(415, "`Send the body as application/json`")
            .validates()
    }

    /// Answers with JSON.
    ///
    /// ```
    /// # use berth_contract::openapi::{Operation, reference};
    /// let read = Operation::new("read_note", "Get a note", "One note.").answers(200, "The note", &reference("Note"));
    /// ```
    pub fn answers(self, status: u16, description: &str, schema: &Value) -> Self {
        let content = json!({ "content": json_content(schema) });
        self.responds(status, described(content, description))
    }

    /// Answers without a body.
    ///
    /// ```
    /// # use berth_contract::openapi::Operation;
    /// let delete = Operation::new("delete_note", "Delete a note", "For good.").answers_empty(204, "It is deleted");
    /// ```
    pub fn answers_empty(self, status: u16, description: &str) -> Self {
        self.responds(status, described(json!({}), description))
    }

    /// Answers with this Response Object.
    ///
    /// ```
    /// # use berth_contract::openapi::Operation;
    /// # use serde_json::json;
    /// let export = Operation::new("export", "Export", "As CSV.")
    ///     .responds(200, json!({ "description": "The notes", "content": { "text/csv": {} } }));
    /// ```
    pub fn responds(mut self, status: u16, response: Value) -> Self {
        self.object["responses"][status.to_string()] = response;
        self
    }

    /// Refuses a request with a sentence in `detail`.
    ///
    /// ```
    /// # use berth_contract::openapi::Operation;
    /// let read = Operation::new("read_note", "Get a note", "One note.").refuses(404, "`Note not found`");
    /// ```
    pub fn refuses(self, status: u16, description: &str) -> Self {
        self.answers(status, description, &reference("Error"))
    }

    /// Refuses a request with an invalid field.
    pub(super) fn validates(self) -> Self {
        self.answers(
            422,
            "A field is not what it must be",
            &reference("HTTPValidationError"),
        )
    }

    /// Refuses a request, unless the operation describes this status itself.
    pub(super) fn refuses_by_default(self, status: u16, description: &str) -> Self {
        if self.object["responses"].get(status.to_string()).is_some() {
            self
        } else {
            self.refuses(status, description)
        }
    }
}

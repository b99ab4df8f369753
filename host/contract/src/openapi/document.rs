//! A whole document.

use std::fmt;

use serde_json::{Map, Value, json};

use super::errors;
use super::operation::{Access, Operation};

/// An OpenAPI document. Its text has a line for each path and each schema and no indentation, so that a diff shows each
/// change.
///
/// ```
/// use berth_contract::openapi::{Document, Operation, id, list, object, reference, text};
///
/// let list_notes = Operation::new("list_notes", "List notes", "The caller's notes.")
///     .answers(200, "The notes", &list(&reference("Note")));
/// let document = Document::new("notes", "0.1.0")
///     .tag("notes", "The caller's notes")
///     .operation("/notes", "get", list_notes.tagged("notes"))
///     .schema("Note", object(&[("id", id()), ("text", text())]));
/// assert_eq!(document.undefined(), Vec::<String>::new());
/// # let json: serde_json::Value = serde_json::from_str(&document.to_string())?;
/// # assert!(json["paths"]["/notes"]["get"]["responses"]["401"].is_object());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Document {
    info: Value,
    tags: Vec<Value>,
    paths: Vec<(String, Map<String, Value>)>,
    schemas: Vec<(String, Value)>,
    caller: Option<String>,
    parameters: Vec<(String, Value)>,
}

impl Document {
    /// A document without operations.
    ///
    /// ```
    /// # use berth_contract::openapi::Document;
    /// assert!(Document::new("notes", "0.1.0").to_string().starts_with(r#"{"openapi":"3.1.0""#));
    /// ```
    pub fn new(title: &str, version: &str) -> Self {
        Self {
            info: json!({ "title": title, "version": version }),
            tags: Vec::new(),
            paths: Vec::new(),
            schemas: Vec::new(),
            caller: None,
            parameters: Vec::new(),
        }
    }

    /// Adds a tag, under which operations are shown.
    ///
    /// ```
    /// # use berth_contract::openapi::Document;
    /// let document = Document::new("notes", "0.1.0").tag("notes", "The caller's notes");
    /// ```
    pub fn tag(mut self, name: &str, description: &str) -> Self {
        self.tags
            .push(json!({ "name": name, "description": description }));
        self
    }

    /// Makes a parameter of paths the caller's own identifier. Paths that have it refuse other callers with 403.
    ///
    /// ```
    /// # use berth_contract::openapi::Document;
    /// let document = Document::new("notes", "0.1.0").caller("user_id");
    /// ```
    pub fn caller(mut self, name: &str) -> Self {
        self.caller = Some(name.to_owned());
        self
    }

    /// Describes a parameter of paths that is read by a rule. Paths that have it refuse invalid values with 422.
    ///
    /// ```
    /// # use berth_contract::openapi::{Document, id};
    /// let document = Document::new("notes", "0.1.0").parameter("id", "The number of the note", &id());
    /// ```
    pub fn parameter(mut self, name: &str, description: &str, schema: &Value) -> Self {
        self.parameters
            .push((name.to_owned(), in_path(name, description, schema)));
        self
    }

    /// Adds an operation. `method` is in lower case. Call [`Document::caller`] and [`Document::parameter`] before.
    ///
    /// ```
    /// # use berth_contract::openapi::{Document, Operation};
    /// let list = Operation::new("list_notes", "List notes", "The caller's notes.");
    /// let document = Document::new("notes", "0.1.0").operation("/notes", "get", list);
    /// ```
    pub fn operation(mut self, pattern: &str, method: &str, operation: Operation) -> Self {
        let object = self.complete(pattern, operation);
        let existing = self.paths.iter_mut().find(|(path, _)| path == pattern);
        if let Some((_, methods)) = existing {
            methods.insert(method.to_owned(), object);
        } else {
            let methods = Map::from_iter([(method.to_owned(), object)]);
            self.paths.push((pattern.to_owned(), methods));
        }
        self
    }

    /// Adds a schema, which [`reference`](super::reference) finds by its name.
    ///
    /// ```
    /// # use berth_contract::openapi::{Document, object, text};
    /// let document = Document::new("notes", "0.1.0").schema("Note", object(&[("text", text())]));
    /// ```
    pub fn schema(mut self, name: &str, schema: Value) -> Self {
        self.schemas.push((name.to_owned(), schema));
        self
    }

    /// The names of schemas that are referred to and not there.
    ///
    /// ```
    /// # use berth_contract::openapi::{Document, Operation, reference};
    /// let read = Operation::new("read_note", "Get a note", "One note.").answers(200, "The note", &reference("Note"));
    /// let document = Document::new("notes", "0.1.0").operation("/note", "get", read);
    /// assert_eq!(document.undefined(), ["Note"]);
    /// ```
    #[must_use]
    pub fn undefined(&self) -> Vec<String> {
        let text = self.to_string();
        let referred = text
            .split("#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        let is_missing = |name: &&str| !self.all_schemas().any(|(defined, _)| defined == *name);
        let mut missing: Vec<String> = referred.filter(is_missing).map(str::to_owned).collect();
        missing.dedup();
        missing
    }

    /// Adds the parameters of the path, and the refusals that every operation has.
    fn complete(&self, pattern: &str, operation: Operation) -> Value {
        let names: Vec<&str> = pattern.split('/').filter_map(parameter_name).collect();
        let is_caller = |name: &&str| self.caller.as_deref() == Some(*name);
        let mut operation =
            operation.refuses_by_default(503, "Too busy, or the database is away; see `Retry-After`");
        if operation.access == Access::Private {
            operation.object["security"] = json!([{ "bearer": [] }]);
            operation = operation.refuses_by_default(
                401,
                "`Not authenticated` without a token, `Could not validate credentials` with a bad one",
            );
        } else {
            operation.object["security"] = json!([{}, { "bearer": [] }]);
        }
        if names.iter().any(is_caller) {
            operation = operation.refuses_by_default(403, "`Forbidden`: the path is another user's");
        }
        if names.iter().any(|name| self.described_parameter(name).is_some()) {
            operation = operation.validates();
        }
        let mut object = operation.object;
        if let Some(parameters) = object["parameters"].as_array_mut() {
            parameters.splice(0..0, names.iter().map(|name| self.parameter_of_path(name)));
        }
        object
    }

    fn parameter_of_path(&self, name: &str) -> Value {
        if self.caller.as_deref() == Some(name) {
            let schema = json!({ "type": "string", "minLength": 1, "maxLength": 100 });
            return in_path(name, "The caller: the `sub` of the token", &schema);
        }
        self.described_parameter(name)
            .cloned()
            .unwrap_or_else(|| in_path(name, name, &super::text()))
    }

    fn described_parameter(&self, name: &str) -> Option<&Value> {
        let (_, parameter) = self.parameters.iter().find(|(described, _)| described == name)?;
        Some(parameter)
    }

    /// The document's own schemas, and those of errors.
    fn all_schemas(&self) -> impl Iterator<Item = (String, Value)> {
        let errors = errors()
            .into_iter()
            .map(|(name, schema)| (name.to_owned(), schema));
        self.schemas.iter().cloned().chain(errors)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self
            .paths
            .iter()
            .map(|(path, methods)| (path.clone(), methods.clone().into()));
        let tags: Vec<String> = self.tags.iter().map(Value::to_string).collect();
        write!(
            formatter,
            "{{\"openapi\":\"3.1.0\",\"info\":{},\"tags\":[{}],\n\
            \"paths\":{{\n{}\n}},\n\
            \"components\":{{\"schemas\":{{\n{}\n}}}}}}\n",
            self.info,
            tags.join(","),
            lines(paths),
            lines(self.all_schemas()),
        )
    }
}

fn in_path(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
}

fn parameter_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn lines(members: impl Iterator<Item = (String, Value)>) -> String {
    let lines: Vec<String> = members
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    lines.join(",\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &str) -> Operation {
        Operation::new(id, "Do", "Does.")
    }

    fn described(document: &Document) -> serde_json::Result<Value> {
        serde_json::from_str(&document.to_string())
    }

    #[test]
    fn an_operation_has_the_refusals_that_follow_from_its_path() -> serde_json::Result<()> {
        let document = Document::new("notes", "0.1.0")
            .caller("user")
            .parameter("id", "The number", &super::super::id())
            .operation("/notes", "get", operation("a"))
            .operation("/{user}/notes/{id}", "get", operation("b").refuses(503, "Mine"))
            .operation("/hello/{name}", "get", operation("c").public());
        let document = described(&document)?;
        let statuses = |path: &str| -> Vec<String> {
            let responses = document["paths"][path]["get"]["responses"].as_object();
            responses.into_iter().flat_map(Map::keys).cloned().collect()
        };
        assert_eq!(statuses("/notes"), ["401", "503"]);
        assert_eq!(statuses("/{user}/notes/{id}"), ["401", "403", "422", "503"]);
        assert_eq!(statuses("/hello/{name}"), ["503"]);
        let own = &document["paths"]["/{user}/notes/{id}"]["get"];
        assert_eq!(own["responses"]["503"]["description"], "Mine");
        assert_eq!(
            (&own["parameters"][0]["name"], &own["parameters"][1]["name"]),
            (&json!("user"), &json!("id"))
        );
        assert_eq!(
            document["paths"]["/hello/{name}"]["get"]["security"],
            json!([{}, { "bearer": [] }])
        );
        Ok(())
    }

    #[test]
    fn a_schema_that_is_missing_is_named() {
        let takes = operation("a").takes("NewNote", true, &json!({}));
        let document = Document::new("notes", "0.1.0").operation("/notes", "post", takes);
        assert_eq!(document.undefined(), ["NewNote"]);
        assert!(
            document
                .schema("NewNote", super::super::text())
                .undefined()
                .is_empty()
        );
    }
}

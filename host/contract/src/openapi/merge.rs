//! One document from those of the host and its components.

use serde_json::{Map, Value};

/// Adds a component's paths, its named parts (schemas, parameters, …) and its tags. Existing entries stay. A named part that
/// differs from one of the same name is renamed, with every reference to it.
///
/// ```
/// use berth_contract::openapi::merge;
/// use serde_json::json;
///
/// let mut document = json!({ "paths": {}, "components": { "schemas": { "Note": { "type": "string" } } } });
/// merge(&mut document, json!({ "components": { "schemas": { "Note": { "type": "object" } } } }), "notes");
/// assert_eq!(document["components"]["schemas"]["NotesNote"]["type"], "object");
/// ```
pub fn merge(document: &mut Value, mut part: Value, component: &str) {
    if let Some(security) = part.get("security").cloned() {
        state_security(&mut part, &security);
    }
    super::names::settle(&mut part, document, component);
    let mut take = |key: &str| part.get_mut(key).map(Value::take);
    add(&mut document["paths"], take("paths"));
    if let Some(Value::Object(kinds)) = take("components") {
        for (kind, parts) in kinds {
            add(&mut document["components"][kind], Some(parts));
        }
    }
    if let (Some(Value::Array(tags)), Some(known)) = (take("tags"), document["tags"].as_array_mut()) {
        let names: Vec<Value> = known.iter().map(|tag| tag["name"].clone()).collect();
        known.extend(tags.into_iter().filter(|tag| !names.contains(&tag["name"])));
    }
}

/// Adds the parts whose names are new. A path has a single description: the host's own, or that of the first component.
fn add(known: &mut Value, more: Option<Value>) {
    let Some(Value::Object(more)) = more else { return };
    if !known.is_object() {
        *known = Value::Object(Map::new());
    }
    let Some(known) = known.as_object_mut() else {
        return;
    };
    for (name, value) in more {
        known.entry(name).or_insert(value);
    }
}

/// Writes `security` to each operation that has none.
///
/// ```
/// # use berth_contract::openapi::state_security;
/// # use serde_json::json;
/// let mut document = json!({ "paths": { "/notes": { "get": {} } } });
/// state_security(&mut document, &json!([{ "bearer": [] }]));
/// assert_eq!(document["paths"]["/notes"]["get"]["security"], json!([{ "bearer": [] }]));
/// ```
pub fn state_security(document: &mut Value, security: &Value) {
    each_operation(document, |operation| {
        operation.entry("security").or_insert_with(|| security.clone());
    });
}

/// Calls `change` with every operation of a document.
///
/// ```
/// # use berth_contract::openapi::each_operation;
/// let mut document = serde_json::json!({ "paths": { "/notes": { "get": {} } } });
/// each_operation(&mut document, |operation| {
///     operation.insert("deprecated".to_owned(), true.into());
/// });
/// assert_eq!(document["paths"]["/notes"]["get"]["deprecated"], true);
/// ```
pub fn each_operation(document: &mut Value, mut change: impl FnMut(&mut Map<String, Value>)) {
    const METHODS: [&str; 8] = [
        "get", "put", "post", "delete", "options", "head", "patch", "trace",
    ];
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return;
    };
    for path in paths.values_mut().filter_map(Value::as_object_mut) {
        for method in METHODS {
            if let Some(Value::Object(operation)) = path.get_mut(method) {
                change(operation);
            }
        }
    }
}

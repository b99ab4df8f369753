//! Names in a component's document that the merged document has already: the component's parts are renamed, and each
//! reference to them is changed.

use serde_json::{Map, Value};

/// Renames parts that `known`, the document so far, defines differently under the same name. Equal definitions are
/// shared.
pub(super) fn settle(part: &mut Value, known: &Value, component: &str) {
    // Each name is renamed at most once, because the new name is free. A definition that refers to a renamed part
    // differs from then on.
    while let Some((kind, name)) = taken(part, known) {
        let is_free = |new: &str| {
            part["components"][&kind]
                .get(new)
                .or(known["components"][&kind].get(new))
                .is_none()
        };
        let new = free_name(&format!("{}{}", prefix(component), capitalized(&name)), is_free);
        rename(part, &kind, &name, &new);
    }
    for id in shared_operations(part, known) {
        let ids = [operation_ids(part), operation_ids(known)].concat();
        let new = free_name(&format!("{component}_{id}"), |new| {
            !ids.iter().any(|id| id == new)
        });
        each_object(part, &mut |object| replace(object, "operationId", &id, &new));
    }
}

/// A named part (a schema, a parameter, …) that is in both documents and differs: its kind and its name.
fn taken(part: &Value, known: &Value) -> Option<(String, String)> {
    let kinds = part.get("components")?.as_object()?;
    kinds.iter().find_map(|(kind, parts)| {
        let known = known["components"].get(kind)?;
        let differs =
            |(name, value): &(&String, &Value)| known.get(name).is_some_and(|known| known != *value);
        let (name, _) = parts.as_object()?.iter().find(differs)?;
        Some((kind.clone(), name.clone()))
    })
}

fn rename(part: &mut Value, kind: &str, old: &str, new: &str) {
    if let Some(parts) = part["components"][kind].as_object_mut()
        && let Some(value) = parts.remove(old)
    {
        parts.insert(new.to_owned(), value);
    }
    let pointer = |name: &str| {
        format!(
            "#/components/{kind}/{}",
            name.replace('~', "~0").replace('/', "~1")
        )
    };
    let (old_pointer, new_pointer) = (pointer(old), pointer(new));
    each_object(part, &mut |object| {
        if let Some(reference) = object.get_mut("$ref") {
            redirect(reference, &old_pointer, &new_pointer);
        }
        match kind {
            "schemas" => {
                let mapping = object
                    .get_mut("discriminator")
                    .and_then(|of| of.get_mut("mapping"));
                for target in mapping
                    .and_then(Value::as_object_mut)
                    .into_iter()
                    .flat_map(Map::values_mut)
                {
                    if target == old {
                        *target = new.into();
                    }
                    redirect(target, &old_pointer, &new_pointer);
                }
            }
            "securitySchemes" => {
                let requirements = object.get_mut("security").and_then(Value::as_array_mut);
                requirements
                    .into_iter()
                    .flatten()
                    .for_each(|one| rename_requirement(one, old, new));
            }
            _ => {}
        }
    });
}

/// Changes a reference to `old`, or to a part of it, into a reference to `new`.
fn redirect(reference: &mut Value, old: &str, new: &str) {
    let Value::String(reference) = reference else {
        return;
    };
    if let Some(rest) = reference
        .strip_prefix(old)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    {
        *reference = format!("{new}{rest}");
    }
}

fn rename_requirement(requirement: &mut Value, old: &str, new: &str) {
    let Some(requirement) = requirement.as_object_mut() else {
        return;
    };
    if let Some(scopes) = requirement.remove(old) {
        requirement.insert(new.to_owned(), scopes);
    }
}

fn replace(object: &mut Map<String, Value>, key: &str, old: &str, new: &str) {
    if let Some(value) = object.get_mut(key).filter(|value| *value == old) {
        *value = new.into();
    }
}

/// Calls `change` with every object in `value`.
fn each_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            change(object);
            object.values_mut().for_each(|value| each_object(value, change));
        }
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|element| each_object(element, change)),
        _ => {}
    }
}

/// The identifiers of operations that both documents have.
fn shared_operations(part: &Value, known: &Value) -> Vec<String> {
    let known = operation_ids(known);
    operation_ids(part)
        .into_iter()
        .filter(|id| known.contains(id))
        .collect()
}

fn operation_ids(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::values);
    let operations = paths.filter_map(Value::as_object).flat_map(Map::values);
    operations
        .filter_map(|operation| Some(operation.get("operationId")?.as_str()?.to_owned()))
        .collect()
}

/// `wanted`, or `wanted` with the first number that makes the name free.
fn free_name(wanted: &str, is_free: impl Fn(&str) -> bool) -> String {
    let numbered = (2_usize..).map(|number| format!("{wanted}{number}"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names
        .find(|name| is_free(name))
        .unwrap_or_else(|| wanted.to_owned())
}

/// `MyShop` for a component `my-shop`: a prefix for names that generated clients use as types.
fn prefix(component: &str) -> String {
    component
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(capitalized)
        .collect()
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    characters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(characters)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_is_taken_is_renamed_with_every_reference_to_it() {
        let known = json!({ "components": { "schemas": { "User": { "type": "string" } } } });
        let mut part = json!({
            "paths": { "/x": { "get": { "responses": { "200": { "$ref": "#/components/schemas/User" } } } } },
            "components": { "schemas": {
                "User": { "type": "object", "properties": { "$ref": { "$ref": "#/components/schemas/User/properties/a" } } },
                "Users": { "items": { "$ref": "#/components/schemas/User" } },
                "Pet": { "discriminator": { "mapping": { "a": "User", "b": "#/components/schemas/User", "c": "Users" } } },
            } },
        });
        settle(&mut part, &known, "my-todo");
        let expected = json!({
            "paths": { "/x": { "get": { "responses": { "200": { "$ref": "#/components/schemas/MyTodoUser" } } } } },
            "components": { "schemas": {
                "MyTodoUser": { "type": "object", "properties": { "$ref": { "$ref": "#/components/schemas/MyTodoUser/properties/a" } } },
                "Users": { "items": { "$ref": "#/components/schemas/MyTodoUser" } },
                "Pet": { "discriminator": { "mapping": { "a": "MyTodoUser", "b": "#/components/schemas/MyTodoUser", "c": "Users" } } },
            } },
        });
        assert_eq!(part, expected);
    }

    #[test]
    fn an_equal_definition_is_shared_unless_it_refers_to_one_that_differs() {
        let list = json!({ "items": { "$ref": "#/components/schemas/Item" } });
        let same = json!({ "type": "integer" });
        let known = json!({ "components": { "schemas": { "Item": 1, "List": list, "Same": same } } });
        let mut part =
            json!({ "components": { "schemas": { "Item": 2, "List": list, "Same": same, "AItem": 3 } } });
        settle(&mut part, &known, "a");
        let list = json!({ "items": { "$ref": "#/components/schemas/AItem2" } });
        let expected = json!({ "schemas": { "AItem2": 2, "AItem": 3, "AList": list, "Same": same } });
        assert_eq!(part["components"], expected);
    }

    #[test]
    fn a_security_scheme_and_an_operation_are_renamed_where_they_are_used() {
        let known = json!({
            "paths": { "/y": { "get": { "operationId": "list" } } },
            "components": { "securitySchemes": { "bearer": 1 } },
        });
        let mut part = json!({
            "paths": { "/x": { "get": {
                "operationId": "list",
                "security": [{}, { "bearer": [], "key": [] }],
                "responses": { "200": { "links": { "self": { "operationId": "list" } } } },
            } } },
            "components": { "securitySchemes": { "bearer": 2, "key": 3 } },
        });
        settle(&mut part, &known, "todo");
        let operation = &part["paths"]["/x"]["get"];
        assert_eq!(
            operation["security"],
            json!([{}, { "TodoBearer": [], "key": [] }])
        );
        assert_eq!(operation["operationId"], "todo_list");
        assert_eq!(
            operation["responses"]["200"]["links"]["self"]["operationId"],
            "todo_list"
        );
        assert_eq!(
            part["components"]["securitySchemes"],
            json!({ "TodoBearer": 2, "key": 3 })
        );
    }

    #[test]
    fn a_document_of_another_shape_is_left_as_it_is() {
        let known = json!({ "paths": [], "components": { "schemas": { "A": 1 } } });
        for mut part in [
            json!({}),
            json!({ "components": 1, "paths": 2 }),
            json!({ "components": { "schemas": [1] } }),
        ] {
            let before = part.clone();
            settle(&mut part, &known, "todo");
            assert_eq!(part, before);
        }
    }
}

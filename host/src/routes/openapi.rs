//! The OpenAPI document: the host's routes from their own code, and what each component says of its own.

use serde_json::{Map, Value};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::auth::AuthDoc;
use super::{docs, health};
use crate::auth::bearer;

/// The host's own part.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Berth",
        description = "The routes of this host and of the components that it runs. Log in at `POST /auth/login`, \
                       then give the token to *Authorize*."
    ),
    paths(health::index, health::health, health::ready, docs::document, docs::page),
    tags((name = "host", description = "The host itself")),
    modifiers(&Cookie)
)]
struct HostDoc;

/// Browsers send the token as a cookie.
struct Cookie;

impl Modify for Cookie {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(bearer::COOKIE)));
        document.components.get_or_insert_default().add_security_scheme("cookie", cookie);
    }
}

/// The document of the host and of components, by their names.
pub(super) fn document<'a>(
    components: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(HostDoc::openapi().merge_from(AuthDoc::openapi()))?;
    for (name, part) in components {
        match serde_json::from_str(part) {
            Ok(part) => merge(&mut document, part, name),
            Err(error) => {
                tracing::warn!(component = name, %error, "the component's OpenAPI document is not JSON");
            }
        }
    }
    Ok(document)
}

/// Adds a component's paths, its named parts (schemas, parameters, …) and its tags. What is there already stays.
fn merge(document: &mut Value, mut part: Value, component: &str) {
    let mut take = |key: &str| part.get_mut(key).map(Value::take);
    let mut left_out = add(&mut document["paths"], take("paths"));
    if let Some(Value::Object(kinds)) = take("components") {
        for (kind, parts) in kinds {
            left_out += add(&mut document["components"][kind], Some(parts));
        }
    }
    if left_out > 0 {
        tracing::warn!(
            component,
            left_out,
            "the OpenAPI document has parts of these names from another component"
        );
    }
    if let (Some(Value::Array(tags)), Some(known)) = (take("tags"), document["tags"].as_array_mut()) {
        let names: Vec<Value> = known.iter().map(|tag| tag["name"].clone()).collect();
        known.extend(tags.into_iter().filter(|tag| !names.contains(&tag["name"])));
    }
}

/// Adds the parts whose names are new, and returns how many were left out because their names are taken.
fn add(known: &mut Value, more: Option<Value>) -> usize {
    let Some(Value::Object(more)) = more else { return 0 };
    if !known.is_object() {
        *known = Value::Object(Map::new());
    }
    let Some(known) = known.as_object_mut() else { return 0 };
    let mut left_out = 0;
    for (name, value) in more {
        match known.get(&name) {
            None => {
                known.insert(name, value);
            }
            Some(first) if *first == value => {}
            Some(_) => left_out += 1,
        }
    }
    left_out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_hosts_own_routes_are_there_with_what_they_need() {
        let document = document([]).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        for scheme in ["bearer", "cookie"] {
            assert!(document["components"]["securitySchemes"].get(scheme).is_some(), "{scheme}");
        }
        let mut routes = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().cloned().collect();
                routes.push(format!("{} {path} {}", method.to_uppercase(), statuses.join(" ")));
            }
        }
        insta::assert_snapshot!(routes.join("\n"));
    }

    #[test]
    fn a_components_part_is_added_and_takes_nothing_away() {
        let part = json!({
            "openapi": "3.1.0",
            "info": { "title": "Todo" },
            "paths": { "/api/tasks": { "get": {} }, "/health": { "get": { "summary": "mine" } } },
            "components": { "schemas": { "Task": { "type": "object" } }, "parameters": { "Limit": {} } },
            "tags": [{ "name": "tasks" }, { "name": "auth", "description": "mine" }],
        });
        let alone = document([]).unwrap();
        let merged = document([("todo", &*part.to_string()), ("broken", "{")]).unwrap();
        assert_eq!(merged["paths"]["/api/tasks"], json!({ "get": {} }));
        assert_eq!(merged["paths"]["/health"], alone["paths"]["/health"]);
        assert_eq!(merged["components"]["schemas"]["Task"], json!({ "type": "object" }));
        assert_eq!(merged["components"]["parameters"], json!({ "Limit": {} }));
        assert_eq!(merged["info"], alone["info"]);
        let names: Vec<_> = merged["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        assert_eq!(names, ["host", "auth", "tasks"]);
    }
}

//! The OpenAPI document: the host's routes from their own code, and each component's document of its routes.

use berth_contract::openapi::{each_operation, merge, state_security};
use serde_json::{Value, json};
use utoipa::openapi::security::{
    Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::{Modify, OpenApi};

use super::{auth, docs, health};
use crate::config::OwnRoutes;

/// The security scheme of clients that have a token. Components name it in their documents.
const BEARER: &str = "bearer";

/// The security scheme for clients that have a name and a password: `/docs` logs in by it and gets the token.
const PASSWORD: &str = "OAuth2PasswordBearer";

/// The host's own document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Berth",
        description = "The routes of this host and of the components that it runs."
    ),
    servers((url = "/", description = "This host")),
    paths(health::index, health::health, health::ready, docs::document, docs::page),
    tags((name = "host", description = "The host itself")),
    modifiers(&Bearer)
)]
struct HostDoc;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    }
}

/// The document of the host, whose routes are at `own`, and of components, by their names. With `has_root`, a component
/// answers `/`.
pub(super) fn document<'a>(
    own: &OwnRoutes,
    has_root: bool,
    components: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(of_the_host(own))?;
    place(&mut document, own, has_root);
    state_security(&mut document, &json!([]));
    for (name, part) in components {
        match serde_json::from_str(part) {
            Ok(part) => merge(&mut document, part, name),
            Err(error) => {
                tracing::warn!(component = name, %error, "the component's OpenAPI document is not JSON");
            }
        }
    }
    if own.accounts.base().is_some() {
        offer_password(&mut document);
    }
    Ok(document)
}

/// The document of the host's own routes, and of accounts if there are any.
fn of_the_host(own: &OwnRoutes) -> utoipa::openapi::OpenApi {
    let mut document = HostDoc::openapi();
    let Some(base) = own.accounts.base() else {
        return document;
    };
    document.merge(auth::document(&own.accounts));
    let login = Password::new(format!("{base}/login"), Scopes::new());
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        PASSWORD,
        SecurityScheme::OAuth2(OAuth2::new([Flow::Password(login)])),
    );
    let authorize = " *Authorize* takes the name and the password of an account, or a token.";
    document
        .info
        .description
        .get_or_insert_default()
        .push_str(authorize);
    document
}

/// Moves the paths of the host's pages to their configured places, and removes those that are off.
fn place(document: &mut Value, own: &OwnRoutes, has_root: bool) {
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    let places = [
        ("/", Some("/").filter(|_| !has_root)),
        ("/health", Some(&*own.health)),
        ("/ready", Some(&*own.ready)),
        ("/openapi.json", own.openapi.as_deref()),
        ("/docs", own.docs.as_deref()),
    ];
    let taken = places.map(|(usual, place)| (place, paths.remove(usual)));
    for (place, path) in taken {
        paths.extend(place.map(str::to_owned).zip(path));
    }
}

/// Adds the password flow to operations that accept a bearer token.
fn offer_password(document: &mut Value) {
    let bearer = json!({ BEARER: [] });
    each_operation(document, |operation| {
        if let Some(Value::Array(security)) = operation.get_mut("security")
            && security.contains(&bearer)
        {
            security.push(json!({ PASSWORD: [] }));
        }
    });
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use serde_json::json;

    use super::*;
    use crate::config::Accounts;

    /// The document of a host with the default paths.
    fn usual<'a>(components: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
        document(&OwnRoutes::default(), false, components).unwrap()
    }

    #[test]
    fn what_the_host_has_moved_or_switched_off_is_described_so() {
        let bearer = json!({
            "paths": { "/api/tasks": { "get": { "security": [{ BEARER: [] }] } } },
        })
        .to_string();
        let describe = |own: &OwnRoutes| document(own, true, [("todo", &*bearer)]).unwrap();
        let paths = |document: &Value| -> Vec<String> {
            document["paths"].as_object().unwrap().keys().cloned().collect()
        };
        let moved = describe(&OwnRoutes {
            health: "/healthz".to_owned(),
            docs: None,
            accounts: Accounts::At("/berth".to_owned()),
            ..OwnRoutes::default()
        });
        let accounts = ["login", "logout", "me", "register", "session"].map(|name| format!("/berth/{name}"));
        let mut expected = vec!["/api/tasks".to_owned()];
        expected.extend(accounts);
        expected.extend(["/healthz", "/openapi.json", "/ready"].map(str::to_owned));
        let mut described = paths(&moved);
        described.sort();
        assert_eq!(described, expected);
        let scheme = &moved["components"]["securitySchemes"][PASSWORD];
        assert_eq!(scheme["flows"]["password"]["tokenUrl"], "/berth/login");
        let text = moved.to_string();
        assert!(text.contains("`/berth/signup`") && !text.contains("/auth") && !text.contains("/users/me"));

        let off = describe(&OwnRoutes {
            openapi: None,
            accounts: Accounts::Off,
            ..OwnRoutes::default()
        });
        let mut described = paths(&off);
        described.sort();
        assert_eq!(described, ["/api/tasks", "/docs", "/health", "/ready"]);
        assert_eq!(
            off["paths"]["/api/tasks"]["get"]["security"],
            json!([{ BEARER: [] }])
        );
        assert_eq!(off["components"]["securitySchemes"].as_object().unwrap().len(), 1);
    }

    #[test]
    fn the_hosts_own_routes_are_there_with_what_they_need() {
        let document = usual([]);
        assert_eq!(document["openapi"], "3.1.0");
        let schemes: Vec<_> = document["components"]["securitySchemes"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(
            schemes,
            [PASSWORD, BEARER],
            "and none that a browser's page cannot send"
        );
        let mut routes = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let statuses: Vec<_> = operation["responses"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect();
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
        let alone = usual([]);
        let merged = usual([("todo", &*part.to_string()), ("broken", "{")]);
        assert_eq!(merged["paths"]["/api/tasks"], json!({ "get": {} }));
        assert_eq!(merged["paths"]["/health"], alone["paths"]["/health"]);
        assert_eq!(
            merged["components"]["schemas"]["Task"],
            json!({ "type": "object" })
        );
        assert_eq!(merged["components"]["parameters"], json!({ "Limit": {} }));
        assert_eq!(merged["info"], alone["info"]);
        let names: Vec<_> = merged["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| &tag["name"])
            .collect();
        assert_eq!(names, ["host", "auth", "tasks"]);
    }

    #[test]
    fn every_operation_of_the_host_is_described_for_generators() {
        let document = usual([]);
        let (mut ids, mut count) = (std::collections::BTreeSet::new(), 0);
        for (path, methods) in document["paths"].as_object().unwrap() {
            for operation in methods.as_object().unwrap().values() {
                for key in ["operationId", "summary", "description"] {
                    assert!(
                        operation[key].as_str().is_some_and(|text| !text.is_empty()),
                        "{key} of {path}"
                    );
                }
                assert!(operation["security"].is_array(), "{path}");
                ids.insert(operation["operationId"].as_str().unwrap());
                count += 1;
                for (status, response) in operation["responses"].as_object().unwrap() {
                    assert!(
                        !response["description"].as_str().unwrap().is_empty(),
                        "{status} of {path}"
                    );
                    let content = response["content"].as_object().unwrap();
                    assert!(
                        content.values().all(|media| media.get("schema").is_some()),
                        "{status} of {path}"
                    );
                }
            }
        }
        assert_eq!(ids.len(), count, "each has an id of its own: {ids:?}");
        assert_eq!(document["servers"][0]["url"], "/");
        assert_eq!(
            document["paths"]["/health"]["get"]["security"],
            json!([]),
            "it is public"
        );
        let optional = json!([{}, { BEARER: [] }, { PASSWORD: [] }]);
        assert_eq!(document["paths"]["/auth/logout"]["post"]["security"], optional);
    }

    #[test]
    fn a_components_schemas_keep_their_meaning_whatever_they_are_called() {
        let part = |kind: &str| {
            json!({
                "paths": { format!("/{kind}"): { "get": {
                    "operationId": "me",
                    "responses": { "200": { "$ref": "#/components/schemas/User" } },
                } } },
                "components": { "schemas": { "User": { "type": kind } } },
                "security": [{ "bearer": [] }],
            })
            .to_string()
        };
        let (one, two) = (part("string"), part("integer"));
        let merged = usual([("one", &*one), ("two", &*two)]);
        let schemas = &merged["components"]["schemas"];
        assert_eq!(schemas["User"]["type"], "object", "the host's own");
        for (path, id, kind) in [("/string", "one_me", "string"), ("/integer", "two_me", "integer")] {
            let operation = &merged["paths"][path]["get"];
            assert_eq!(operation["operationId"], id);
            assert_eq!(operation["security"], json!([{ BEARER: [] }, { PASSWORD: [] }]));
            let reference = operation["responses"]["200"]["$ref"].as_str().unwrap();
            let schema = merged.pointer(reference.strip_prefix('#').unwrap()).unwrap();
            assert_eq!(schema["type"], kind, "{reference}");
        }
    }
}

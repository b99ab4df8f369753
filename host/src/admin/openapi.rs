//! The OpenAPI document of the admin API, from the code of its routes.

use axum::Json;
use berth_rollout::report::Progress;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::{components, events, host, log_level, logs, metrics, traps};

/// The security scheme: the operators' token.
const BEARER: &str = "bearer";

/// The body of an error.
#[derive(ToSchema)]
#[schema(as = Error)]
#[expect(dead_code, reason = "the field is there for the document")]
pub(super) struct ErrorBody {
    /// A sentence for people.
    detail: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Berth's admin API",
        description = "Components, their versions, the log, and the sizes of one host."
    ),
    servers((url = "/", description = "The operators' listener of this host, `ADMIN_ADDR`")),
    paths(
        components::list,
        components::show,
        components::push,
        components::history,
        components::swaps,
        components::roll_back,
        events::all,
        host::show,
        log_level::show,
        log_level::set,
        logs::lines,
        metrics::show,
        show,
        traps::list,
    ),
    components(schemas(Progress)),
    tags((name = "operators", description = "Routes for operators")),
    security(("bearer" = [])),
    modifiers(&Bearer)
)]
struct AdminDoc;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The value of `ADMIN_TOKEN`"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    }
}

/// This document
///
/// OpenAPI 3.1 of every route of the admin API.
#[utoipa::path(
    get,
    path = "/admin/openapi.json",
    operation_id = "adminOpenapi",
    tag = "operators",
    responses(
        (status = 200, description = "The document", body = Object),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
    ),
)]
pub(super) async fn show() -> Json<Document> {
    Json(AdminDoc::openapi())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::admin::routes;

    fn document() -> Value {
        serde_json::to_value(AdminDoc::openapi()).unwrap()
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = document();
        let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
        let routed: BTreeSet<_> = routes().iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_operation_is_described_for_generators() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let mut ids = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                for key in ["operationId", "summary", "description"] {
                    let text = operation[key].as_str();
                    assert!(
                        text.is_some_and(|text| !text.is_empty()),
                        "{key} of {method} {path}"
                    );
                }
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} is there twice");
                let responses = operation["responses"].as_object().unwrap();
                for status in ["200", "401", "403"] {
                    assert!(responses.contains_key(status), "{status} of {method} {path}");
                }
            }
        }
        assert_eq!(document["security"][0][BEARER], serde_json::json!([]));
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        fn check(value: &Value, document: &Value) {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            match value {
                Value::Object(fields) => fields.values().for_each(|field| check(field, document)),
                Value::Array(items) => items.iter().for_each(|item| check(item, document)),
                _ => {}
            }
        }
        let document = document();
        check(&document, &document);
    }
}

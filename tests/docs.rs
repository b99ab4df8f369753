//! `/openapi.json` and `/docs`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{App, Component, Send, User};

#[tokio::test]
async fn the_document_describes_every_route_of_host_and_components() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.expect(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let responses: Vec<_> = operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect();
            routes.push(format!(
                "{} {path}: {}",
                method.to_uppercase(),
                responses.join(" ")
            ));
        }
    }
    routes.sort();
    insta::assert_snapshot!(routes.join("\n"));
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.json();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| collect(field, references));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, references)),
        _ => {}
    }
}

#[tokio::test]
async fn a_component_that_brings_no_document_leaves_the_hosts_own() {
    let app = App::serving([Component::new("hello").at("/hello")]).start().await;
    let document = app.get("/openapi.json/").answer().await.expect(200).json();
    assert!(document["paths"].get("/auth/login").is_some());
    assert!(document["paths"].get("/api/tasks").is_none());
}

#[tokio::test]
async fn the_page_needs_no_other_site() {
    let app = App::start().await;
    let page = app.get("/docs").answer().await.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let text = page.text();
    assert!(text.contains("/openapi.json"), "it reads the document");
    for elsewhere in [
        "src=\"http",
        "href=\"http",
        "src=\"//",
        "href=\"//",
        "url(http",
        "@import",
        "import \"http",
        "cdn.",
    ] {
        assert!(!text.contains(elsewhere), "{elsewhere}");
    }
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.contains("default-src 'none'") || policy.contains("default-src 'self'"),
        "{policy}"
    );
}

#[tokio::test]
async fn the_page_logs_in_with_a_name_and_a_password() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.json();
    let example = |schema: &str, field: &str| {
        let properties = &document["components"]["schemas"][schema]["properties"];
        properties[field]["example"].as_str().unwrap().to_owned()
    };
    let registration = json!({
        "email": example("Registration", "email"),
        "password": example("Registration", "password"),
        "name": example("Registration", "name"),
    });
    app.post("/auth/register")
        .json(&registration)
        .answer()
        .await
        .expect(201);

    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let kinds: BTreeSet<_> = schemes
        .values()
        .map(|scheme| scheme["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        BTreeSet::from(["http", "oauth2"]),
        "a page cannot send a cookie of its choice"
    );
    let (scheme, flow) = schemes
        .iter()
        .find(|(_, scheme)| scheme["type"] == "oauth2")
        .unwrap();
    // As Swagger UI asks for a token, without a client's id.
    let form = [
        ("grant_type", "password"),
        ("username", &example("PasswordForm", "username")),
        ("password", &example("PasswordForm", "password")),
    ];
    let request = app.post(flow["flows"]["password"]["tokenUrl"].as_str().unwrap());
    let answer = request
        .header("authorization", "Basic Og==")
        .form(&form)
        .answer()
        .await
        .expect(200)
        .json();
    assert_eq!(answer["token_type"], "bearer");
    let user = User::new(&app, answer["access_token"].as_str().unwrap().to_owned());
    for path in ["/api/tasks", "/api/conversations", "/auth/me"] {
        user.get(path).await.expect(200);
        let security = document["paths"][path]["get"]["security"].as_array().unwrap();
        assert!(security.contains(&json!({ scheme: [] })), "{path}");
    }

    let login =
        json!({ "email": example("EmailLogin", "email"), "password": example("EmailLogin", "password") });
    app.post("/auth/login").json(&login).answer().await.expect(200);
}

//! The edge without sockets, components or a database: the properties that all responses share.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::routing::get;
use berth_rollout::LiveVersions;
use berth_runtime::Deployment;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Routes;
use crate::app::App;
use crate::auth::test_database::nowhere;
use crate::auth::{Auth, AuthSettings};
use crate::config::Config;
use crate::files::FilesTables;

/// A host whose database is not available, and the token that makes it drain.
struct Host {
    app: App,
    stop: CancellationToken,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Host {
    /// A host that is still starting.
    fn starting(variables: &[(&str, &str)]) -> Self {
        Self::starting_with("", variables)
    }

    /// A host that is still starting, with a manifest.
    fn starting_with(manifest_text: &str, variables: &[(&str, &str)]) -> Self {
        let manifest = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(manifest.path(), manifest_text).unwrap();
        let given = [
            ("BERTH_MANIFEST", manifest.path().to_str().unwrap()),
            ("JWT_SECRET", &"s".repeat(32)),
        ];
        let config = Config::read(&given.into_iter().chain(variables.iter().copied()).collect()).unwrap();
        let settings = AuthSettings {
            secret: config.jwt_secret().unwrap(),
            token_lifetime: config.jwt_lifetime,
            anonymous_user: None,
            secure_cookies: false,
            cors_origins: config.cors_origins.clone(),
        };
        let stop = CancellationToken::new();
        let live = LiveVersions::new(&config.manifest.components.clone().into());
        let auth = Auth::new(settings, nowhere());
        let files = FilesTables::read(&config.manifest.files).unwrap();
        let app = App::new(
            &config,
            auth,
            nowhere(),
            &live,
            files,
            berth_traces::Traces::off(),
            stop.clone(),
        );
        Self { app, stop }
    }

    /// A host that has started, without components.
    fn started(variables: &[(&str, &str)]) -> Self {
        Self::started_with("", variables)
    }

    /// A host that has started, without components, with a manifest.
    fn started_with(manifest_text: &str, variables: &[(&str, &str)]) -> Self {
        let host = Self::starting_with(manifest_text, variables);
        host.app.registry().publish(Deployment::new([]).unwrap());
        host
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        Self::ask_routes(&Routes::new(&self.app), method, path, headers).await
    }

    async fn ask_routes(routes: &Routes, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = routes.answer(request.body(Body::empty()).unwrap()).await;
        let (parts, body) = response.into_parts();
        let body = String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.unwrap()).into_owned();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The CORS headers, in the order of their names.
    fn cors(&self) -> Vec<(&str, &str)> {
        let is_about_cors = |name: &str| name.starts_with("access-control-") || name == "vary";
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .filter(|(name, _)| is_about_cors(name))
            .collect();
        headers.sort_unstable();
        headers
    }
}

#[tokio::test]
async fn a_trailing_slash_changes_nothing() {
    let host = Host::started(&[]);
    for path in ["/openapi.json", "/docs", "/auth/me", "/api/auth/me", "/nowhere"] {
        let (without, with) = (host.get(path).await, host.get(&format!("{path}/")).await);
        assert_eq!((without.status, without.body), (with.status, with.body), "{path}");
        assert!(!with.status.is_redirection());
    }
    assert_eq!(host.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_panic_fails_its_request_only() {
    let host = Host::started(&[]);
    let panics = Router::new().route(
        "/panics",
        get(|| async { panic!("a bug of the test") as StatusCode }),
    );
    let mut routes = Routes::new(&host.app);
    routes.router = routes.router.merge(panics);
    let failed = Host::ask_routes(&routes, Method::GET, "/panics", &[]).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(failed.json(), json!({ "detail": "Internal Server Error" }));
    assert!(failed.header("x-request-id").is_some());
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_json() {
    let host = Host::started(&[]);
    let unknown = host.get("/nowhere").await;
    assert_eq!(
        (unknown.status, unknown.json()),
        (StatusCode::NOT_FOUND, json!({ "detail": "Not Found" }))
    );
    for (method, path, allow) in [
        (Method::POST, "/health", "GET,HEAD"),
        (Method::GET, "/auth/login", "POST"),
        (Method::PUT, "/", "GET,HEAD"),
    ] {
        let refused = host.ask(method, path, &[]).await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.json(), json!({ "detail": "Method Not Allowed" }));
        assert_eq!(refused.header("allow"), Some(allow));
    }
}

#[tokio::test]
async fn head_works_wherever_get_does() {
    let host = Host::started(&[]);
    for path in ["/", "/health", "/ready", "/openapi.json", "/docs", "/auth/me"] {
        let (get, head) = (host.get(path).await, host.ask(Method::HEAD, path, &[]).await);
        assert_eq!((get.status, head.body.as_str()), (head.status, ""), "{path}");
        assert_eq!(get.header("content-type"), head.header("content-type"), "{path}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let host = Host::started(&[]);
    let named = host
        .ask(Method::GET, "/nowhere", &[("x-request-id", "mine-1")])
        .await;
    assert_eq!(named.header("x-request-id"), Some("mine-1"));
    let unnamed = host
        .ask(Method::GET, "/nowhere", &[("x-request-id", "not {sane}")])
        .await;
    assert_eq!(unnamed.header("x-request-id").map(str::len), Some(36));
}

/// The error of a host whose database address has no listener.
const AWAY: &str = "The database does not answer: no server listens at its host and port; start PostgreSQL, or correct the URL";

#[tokio::test]
async fn a_host_whose_database_is_away_lives_but_is_not_ready() {
    let host = Host::started(&[("ENVIRONMENT", "Staging")]);
    let health = host.get("/health").await.json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["service"], "berth");
    assert_eq!(health["environment"], "staging");
    assert_eq!(health["components"], json!({}));
    assert!(
        health["timestamp"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok()
    );

    let ready = host.get("/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["reasons"], json!([AWAY]));

    host.stop.cancel();
    let reasons = json!(["The host is shutting down", AWAY]);
    assert_eq!(host.get("/ready").await.json()["reasons"], reasons);
    assert_eq!(host.get("/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn while_the_host_starts_a_root_that_a_component_claims_is_not_the_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("berth.toml");
    std::fs::write(folder.path().join("site.wasm"), "").unwrap();
    std::fs::write(
        &manifest,
        "[components.site]\nsource = \"site.wasm\"\nroutes = [\"/{*rest}\"]",
    )
    .unwrap();
    let host = Host::starting(&[("BERTH_MANIFEST", manifest.to_str().unwrap())]);
    assert_eq!(host.get("/").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(host.get("/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn before_the_components_are_there_no_path_is_called_unknown() {
    let answer = Host::starting(&[]).get("/api/tasks").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn what_the_manifest_reserves_for_the_host_is_the_hosts() {
    // A starting host answers "starting" on every path that is left to components.
    let host = Host::starting(&[]);
    for path in host
        .app
        .own_routes()
        .paths()
        .into_iter()
        .chain(["/auth/x/y", "/docs/x/y"])
    {
        let answer = host.get(path).await;
        assert!(
            !answer.body.contains("starting, try again"),
            "{path}: {}",
            answer.body
        );
    }
    for path in ["/auth/login", "/api/auth/login"] {
        assert_eq!(
            host.get(path).await.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_service_has_the_name_that_the_manifest_gives_it() {
    let host = Host::starting_with("[http]\nservice = \"shop-backend\"", &[]);
    let health = host.get("/health").await.json();
    assert_eq!(health["service"], "shop-backend");
}

#[tokio::test]
async fn the_hosts_own_routes_are_where_the_manifest_has_them() {
    let manifest = "[http]\nhealth = \"/healthz\"\nready = \"/berth/ready\"\nopenapi = \"/berth/api.json\"\n\
                    docs = \"/berth/docs\"\naccounts = \"/berth/accounts\"";
    let host = Host::starting_with(manifest, &[]);
    for path in [
        "/healthz",
        "/healthz/",
        "/berth/api.json",
        "/berth/docs",
        "/berth/docs/swagger-ui.css",
    ] {
        assert_eq!(host.get(path).await.status, StatusCode::OK, "{path}");
    }
    assert!(host.get("/berth/ready").await.json()["reasons"].is_array());
    assert_eq!(
        host.get("/berth/accounts/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    for path in [
        "/health",
        "/ready",
        "/openapi.json",
        "/docs",
        "/docs/start.js",
        "/auth/me",
        "/api/auth/me",
        "/users/me",
    ] {
        assert!(
            host.get(path).await.body.contains("starting, try again"),
            "{path} is a component's"
        );
    }
    let index = host.get("/").await.json();
    assert_eq!(
        (&index["docs"], &index["health"]),
        (&json!("/berth/docs"), &json!("/healthz"))
    );
    let (page, script) = (
        host.get("/berth/docs").await.body,
        host.get("/berth/docs/start.js").await.body,
    );
    assert!(
        page.contains("\"/berth/docs/start.js\"") && page.contains("\"/berth/api.json\""),
        "{page}"
    );
    assert!(
        !page.contains("\"/docs") && !page.contains("/openapi.json"),
        "{page}"
    );
    assert!(script.contains("\"/berth/api.json\""), "{script}");

    let off = Host::starting_with("[http]\nopenapi = false\naccounts = false", &[]);
    for path in ["/openapi.json", "/docs", "/auth/login", "/users/me"] {
        assert!(
            off.get(path).await.body.contains("starting, try again"),
            "{path} is a component's"
        );
    }
    assert_eq!(off.get("/").await.json()["docs"], Value::Null);
}

#[tokio::test]
async fn a_busy_host_turns_requests_away_but_answers_its_probes() {
    let host = Host::started(&[("BERTH_MAX_IN_FLIGHT", "1")]);
    let request = Request::get("/docs")
        .header("host", "x")
        .body(Body::empty())
        .unwrap();
    let served = Routes::new(&host.app).answer(request).await;

    let refused = host.get("/docs").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(host.get("/health").await.status, StatusCode::OK);

    // A request is over when the last byte of its response is sent.
    drop(served);
    assert_eq!(host.get("/docs").await.status, StatusCode::OK);
}

#[tokio::test]
async fn any_origin_may_read_but_without_credentials() {
    let host = Host::started_with(
        "[http]\nexpose_headers = [\"x-total-count\"]",
        &[("CORS_ORIGINS", "*")],
    );
    let error = host
        .ask(Method::GET, "/nowhere", &[("origin", "https://a.example")])
        .await;
    let exposed = "x-request-id, x-component, x-total-count, retry-after";
    assert_eq!(
        error.cors(),
        [
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", exposed)
        ]
    );
    assert!(host.get("/nowhere").await.cors().is_empty());
}

#[tokio::test]
async fn listed_origins_may_read_with_credentials_and_others_may_not() {
    let host = Host::started(&[("CORS_ORIGINS", "https://a.example,https://b.example")]);
    let listed = host
        .ask(Method::GET, "/nowhere", &[("origin", "https://b.example")])
        .await;
    assert_eq!(
        listed.cors(),
        [
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-origin", "https://b.example"),
            (
                "access-control-expose-headers",
                "x-request-id, x-component, retry-after"
            ),
            ("vary", "origin"),
        ]
    );
    for headers in [&[("origin", "https://c.example")][..], &[]] {
        let other = host.ask(Method::GET, "/nowhere", headers).await;
        assert_eq!(other.cors(), [("vary", "origin")]);
    }
}

#[tokio::test]
async fn the_host_answers_preflights_for_any_path() {
    let host = Host::started(&[("CORS_ORIGINS", "https://a.example")]);
    let ask = |origin, method| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", method),
            ("access-control-request-headers", "authorization,x-mine"),
        ];
        let host = &host;
        async move { host.ask(Method::OPTIONS, "/api/whatever/", &headers).await }
    };
    let granted = ask("https://a.example", "PATCH").await;
    assert_eq!(granted.status, StatusCode::OK);
    assert_eq!(
        granted.cors(),
        [
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-headers", "authorization,x-mine"),
            (
                "access-control-allow-methods",
                "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
            ),
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-max-age", "600"),
            ("vary", "origin"),
        ]
    );
    let stranger = ask("https://b.example", "PATCH").await;
    assert_eq!(stranger.status, StatusCode::BAD_REQUEST);
    assert_eq!(stranger.json(), json!({ "detail": "Disallowed CORS origin" }));
    assert_eq!(stranger.cors(), [("vary", "origin")]);
    assert_eq!(
        ask("https://a.example", "TRACE").await.json(),
        json!({ "detail": "Disallowed CORS method" })
    );
}

#[tokio::test]
async fn options_without_a_question_is_an_ordinary_request() {
    let host = Host::started(&[]);
    let answer = host
        .ask(Method::OPTIONS, "/health", &[("origin", "https://a.example")])
        .await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_page_of_the_routes_can_be_switched_off() {
    let host = Host::started(&[("BERTH_DOCS", "off")]);
    for path in ["/docs", "/docs/", "/docs/start.js", "/docs/swagger-ui-bundle.js"] {
        let answer = host.get(path).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::NOT_FOUND, json!({ "detail": "Not Found" }))
        );
    }
    assert_eq!(host.get("/").await.json()["docs"], Value::Null);
    let document = host.get("/openapi.json").await;
    assert_eq!(document.status, StatusCode::OK);
    assert_eq!(document.json()["paths"].get("/docs"), None);
    assert_eq!(Host::started(&[]).get("/").await.json()["docs"], "/docs");
}

#[tokio::test]
async fn the_page_of_the_routes_needs_no_other_site() {
    let host = Host::started(&[]);
    let page = host.get("/docs").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("http"),
        "{policy}"
    );
    let places: Vec<&str> = page
        .body
        .split(['"'])
        .skip(1)
        .step_by(2)
        .filter(|value| value.starts_with('/') || value.contains("://"))
        .collect();
    assert!(places.len() >= 4, "{places:?}");
    for place in places {
        assert_eq!(host.get(place).await.status, StatusCode::OK, "{place}");
    }
    assert_eq!(host.get("/docs/other.js").await.status, StatusCode::NOT_FOUND);
}

//! `/auth`: register, log in, log out, and who am I. The same routes answer under `/api/auth`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderValue, StatusCode, header};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::auth::answers::{LoggedIn, Me, Message, Registered};
use crate::auth::caller::{Caller, CallerByLink};
use crate::auth::requests::{Login, Registration};
use crate::auth::{Auth, bearer};
use crate::client::Client;
use crate::error::ApiError;

/// The routes, ready to be merged into a router with any state of its own. For logins to be slowed down by client,
/// requests need [`Client`] among their extensions.
pub fn router<S: Clone + Send + Sync + 'static>(auth: Arc<Auth>) -> Router<S> {
    let routes = Router::new()
        .route("/register", post(register))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/me", get(me));
    Router::new().nest("/auth", routes.clone()).nest("/api/auth", routes).with_state(auth)
}

/// These routes in the OpenAPI document, and the security scheme `bearer` that they share with components'.
#[derive(OpenApi)]
#[openapi(
    paths(register, log_in, log_out, me),
    tags((name = "auth", description = "Accounts and tokens. The same routes answer under `/api/auth`.")),
    modifiers(&Bearer),
)]
pub struct AuthDoc;

/// Register
///
/// Makes an account and logs it in. Addresses are compared without case.
#[utoipa::path(
    post,
    path = "/auth/register",
    tag = "auth",
    request_body = Registration,
    responses(
        (status = 201, description = "The new account and a token for it", body = Registered),
        (status = 400, description = "`Email already registered`"),
        (status = 413, description = "The body is over 64 KiB"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The body's fields are not valid"),
        (status = 503, description = "Too busy, or the database is away; see `Retry-After`"),
    ),
)]
async fn register(
    State(auth): State<Arc<Auth>>,
    client: Client,
    registration: Registration,
) -> Result<(StatusCode, Json<Registered>), ApiError> {
    let session = auth.register(registration, &client).await?;
    Ok((StatusCode::CREATED, Json(session.into())))
}

/// Log in
///
/// Takes the password form of `OAuth2`, or the same as JSON, where the address may also be called `email`. The token comes
/// in the body and as the cookie `access_token`.
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "auth",
    request_body(content(
        (Login = "application/x-www-form-urlencoded"),
        (Login = "application/json"),
    )),
    responses(
        (status = 200, description = "A token", body = LoggedIn),
        (status = 401, description = "`Invalid email or password`"),
        (status = 403, description = "`Account is disabled`"),
        (status = 413, description = "The body is over 64 KiB"),
        (status = 415, description = "The body is neither a form nor JSON"),
        (status = 422, description = "The body's fields are not valid"),
        (status = 429, description = "Too many logins failed; see `Retry-After`"),
        (status = 503, description = "Too busy, or the database is away; see `Retry-After`"),
    ),
)]
async fn log_in(State(auth): State<Arc<Auth>>, client: Client, login: Login) -> Result<Response, ApiError> {
    let session = auth.log_in(login, &client).await?;
    let cookie = bearer::cookie(&session.token, session.lifetime, auth.secures_cookies_of(&client));
    Ok(with_cookie(cookie, Json(LoggedIn::from(session))))
}

/// Log out
///
/// Revokes the token until it expires, and clears the cookie.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "auth",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Logged out", body = Message),
        (status = 401, description = "`Not authenticated` without a token, `Could not validate credentials` with a bad one"),
        (status = 403, description = "`Cross-site request refused`: by the cookie alone, from a page of another site"),
        (status = 503, description = "The database is away, the token still good; see `Retry-After`"),
    ),
)]
async fn log_out(
    State(auth): State<Arc<Auth>>,
    Caller(caller): Caller,
    client: Client,
) -> Result<Response, ApiError> {
    auth.log_out(&caller).await?;
    Ok(with_cookie(bearer::no_cookie(auth.secures_cookies_of(&client)), Json(Message::LOGGED_OUT)))
}

/// Who am I
///
/// The account that the token stands for. For another issuer's token, whose `sub` is nobody's here: what the token
/// itself says, with the `sub` as `id`.
#[utoipa::path(
    get,
    path = "/auth/me",
    tag = "auth",
    security(("bearer" = [])),
    params(("token" = Option<String>, Query, description = "The token, for clients that can send no header")),
    responses(
        (status = 200, description = "The caller", body = Me),
        (status = 401, description = "`Not authenticated` without a token, `Could not validate credentials` with a bad one"),
        (status = 503, description = "The database is away; see `Retry-After`"),
    ),
)]
async fn me(State(auth): State<Arc<Auth>>, CallerByLink(caller): CallerByLink) -> Result<Json<Me>, ApiError> {
    let account = auth.account_of(&caller).await?;
    Ok(Json(Me::of(caller, account.as_ref())))
}

fn with_cookie(cookie: Option<HeaderValue>, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use std::time::Duration;

    use axum::body::Body;
    use http::Request;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::auth::AuthSettings;
    use crate::auth::test_database::nowhere;
    use crate::config::CorsOrigins;

    /// What a host answers whose database is away.
    async fn answer(method: &str, path: &str, body: &'static str) -> Response {
        let settings = AuthSettings {
            secret: "a secret of thirty-two characters".to_owned().into(),
            token_lifetime: Duration::from_hours(1),
            anonymous_user: None,
            secure_cookies: false,
            cors_origins: CorsOrigins::Any,
        };
        let auth = Auth::new(settings, nowhere());
        let request = Request::builder().method(method).uri(path);
        let request =
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
        router(Arc::new(auth)).with_state(()).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn the_routes_answer_under_both_prefixes() {
        for prefix in ["/auth", "/api/auth"] {
            for (method, path, status) in [
                ("POST", "/register", 422),
                ("POST", "/login", 422),
                ("POST", "/logout", 401),
                ("GET", "/me", 401),
            ] {
                let answer = answer(method, &format!("{prefix}{path}"), "{}").await;
                assert_eq!(answer.status(), status, "{method} {prefix}{path}");
            }
        }
    }

    #[tokio::test]
    async fn without_the_database_nobody_registers_or_logs_in_for_now() {
        let body = r#"{"email": "ann@example.com", "password": "correct horse"}"#;
        for path in ["/auth/register", "/auth/login"] {
            let answer = answer("POST", path, body).await;
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(answer.headers().contains_key(header::RETRY_AFTER), "{path}");
        }
    }

    #[test]
    fn the_document_has_every_route_and_how_to_show_a_token() {
        let document: Value = serde_json::to_value(AuthDoc::openapi()).unwrap();
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/auth/login", "/auth/logout", "/auth/me", "/auth/register"]);
        assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
        let login = &document["paths"]["/auth/login"]["post"]["requestBody"]["content"];
        assert!(
            login["application/json"].is_object() && login["application/x-www-form-urlencoded"].is_object()
        );
        assert!(document["components"]["schemas"]["Login"]["properties"]["username"].is_object());
    }
}

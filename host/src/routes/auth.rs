//! `/auth`: register, log in, log out, and the caller's account. The routes also answer under `/api/auth`, unless the
//! manifest moves them, and by the other names that front ends use.

use std::mem;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa::OpenApi;

use super::schemas::{EmailLogin, Error, HTTPValidationError, PasswordForm};
use crate::auth::caller::{CallerByLink, KnownCaller};
use crate::auth::requests::{Login, Registration};
use crate::auth::responses::{CurrentSession, LoggedIn, LoggedOut, Me, Registered};
use crate::auth::{Auth, bearer};
use crate::client::Client;
use crate::config::Accounts;
use crate::error::ApiError;

/// The routes, for a router with any state. Requests need [`Client`] among their extensions, for logins to be slowed
/// down by client.
pub fn router<S: Clone + Send + Sync + 'static>(place: &Accounts, auth: Arc<Auth>) -> Router<S> {
    let mut routes = Router::new().route("/me", get(me));
    for path in ["/register", "/signup", "/sign-up"] {
        routes = routes.route(path, post(register));
    }
    for path in ["/login", "/signin", "/sign-in"] {
        routes = routes.route(path, post(log_in));
    }
    for path in ["/logout", "/signout", "/sign-out"] {
        routes = routes.route(path, post(log_out));
    }
    for path in ["/session", "/get-session"] {
        routes = routes.route(path, get(session));
    }
    let mut all = Router::new();
    for base in place.bases() {
        all = all.nest(base, routes.clone());
    }
    for path in place.me() {
        all = all.route(path, get(me));
    }
    all.with_state(auth)
}

/// These routes in the OpenAPI document.
#[derive(OpenApi)]
#[openapi(
    paths(register, log_in, log_out, me, session),
    tags((name = "auth", description = "Accounts and tokens.")),
)]
struct AuthDoc;

/// The further sentences for the default paths.
const USUAL: &str =
    " The same routes answer under `/api/auth`, and `/auth/me` as `/users/me` and `/api/users/me`, too.";

/// The OpenAPI document of these routes, for a host that serves them at `place`.
pub(super) fn document(place: &Accounts) -> utoipa::openapi::OpenApi {
    let mut document = AuthDoc::openapi();
    let Accounts::At(base) = place else {
        let descriptions = document
            .tags
            .iter_mut()
            .flatten()
            .filter_map(|tag| tag.description.as_mut());
        descriptions.for_each(|description| description.push_str(USUAL));
        return document;
    };
    let moved = |text: &str| text.replace("/auth/", &format!("{base}/"));
    let paths = mem::take(&mut document.paths.paths).into_iter();
    document.paths.paths = paths.map(|(path, item)| (moved(&path), item)).collect();
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation.description = operation.description.as_deref().map(moved);
        }
    }
    document
}

/// Register
///
/// Makes an account and logs it in: the token comes in the body and as the cookie `access_token`. Addresses are compared
/// without case. The same as `/auth/signup` and `/auth/sign-up`.
#[utoipa::path(
    post,
    path = "/auth/register",
    operation_id = "register",
    tag = "auth",
    request_body = Registration,
    responses(
        (status = 201, description = "The new account and a token for it", body = Registered),
        (status = 400, description = "`Email already registered`", body = Error),
        (status = 413, description = "The body is over 64 KiB", body = Error),
        (status = 415, description = "The body is not JSON", body = Error),
        (status = 422, description = "The body's fields are not valid", body = HTTPValidationError),
        (status = 503, description = "Too busy, or the database is away; see `Retry-After`", body = Error),
    ),
)]
async fn register(
    State(auth): State<Arc<Auth>>,
    client: Client,
    registration: Registration,
) -> Result<Response, ApiError> {
    let session = auth.register(registration, &client).await?;
    let cookie = bearer::cookie(&session.token, session.lifetime, auth.secures_cookies_of(&client));
    Ok(with_cookie(
        cookie,
        (StatusCode::CREATED, Json(Registered::from(session))),
    ))
}

/// Log in
///
/// Takes the password form of `OAuth2`, or JSON. The token comes in the body and as the cookie `access_token`. The same as
/// `/auth/signin` and `/auth/sign-in`.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "login",
    tag = "auth",
    request_body(content(
        (PasswordForm = "application/x-www-form-urlencoded"),
        (EmailLogin = "application/json"),
    )),
    responses(
        (status = 200, description = "A token", body = LoggedIn),
        (status = 401, description = "`Invalid email or password`", body = Error),
        (status = 403, description = "`Account is disabled`", body = Error),
        (status = 413, description = "The body is over 64 KiB", body = Error),
        (status = 415, description = "The body is neither a form nor JSON", body = Error),
        (status = 422, description = "The body's fields are not valid", body = HTTPValidationError),
        (status = 429, description = "Too many logins failed; see `Retry-After`", body = Error),
        (status = 503, description = "Too busy, or the database is away; see `Retry-After`", body = Error),
    ),
)]
async fn log_in(State(auth): State<Arc<Auth>>, client: Client, login: Login) -> Result<Response, ApiError> {
    let session = auth.log_in(login, &client).await?;
    let cookie = bearer::cookie(&session.token, session.lifetime, auth.secures_cookies_of(&client));
    Ok(with_cookie(cookie, Json(LoggedIn::from(session))))
}

/// Log out
///
/// Clears the cookie, and revokes a good token until it expires. Works with or without a token, as often as one likes. The
/// same as `/auth/signout` and `/auth/sign-out`.
#[utoipa::path(
    post,
    path = "/auth/logout",
    operation_id = "logout",
    tag = "auth",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "Logged out", body = LoggedOut),
        (
            status = 403,
            description = "`Cross-site request refused`: by the cookie alone, from a page of another site",
            body = Error,
        ),
        (status = 503, description = "The database is away, the token still good; see `Retry-After`", body = Error),
    ),
)]
async fn log_out(
    State(auth): State<Arc<Auth>>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    auth.log_out(&headers, &client).await?;
    Ok(with_cookie(
        bearer::no_cookie(auth.secures_cookies_of(&client)),
        Json(LoggedOut::SUCCESSFULLY),
    ))
}

/// Read the caller's account
///
/// The account that the token stands for. For another issuer's token, whose `sub` is nobody's here: what the token
/// itself says, with the `sub` as `id`.
#[utoipa::path(
    get,
    path = "/auth/me",
    operation_id = "me",
    tag = "auth",
    security(("bearer" = [])),
    params(("token" = Option<String>, Query, description = "The token, for clients that can send no header")),
    responses(
        (status = 200, description = "The caller", body = Me),
        (
            status = 401,
            description = "`Not authenticated` without a token, `Could not validate credentials` with a bad one",
            body = Error,
        ),
        (status = 503, description = "Too busy, or the database is away; see `Retry-After`", body = Error),
    ),
)]
async fn me(State(auth): State<Arc<Auth>>, CallerByLink(caller): CallerByLink) -> Result<Json<Me>, ApiError> {
    let account = auth.account_of(&caller).await?;
    Ok(Json(Me::new(caller, account.as_ref())))
}

/// Current session
///
/// The caller, and when their token expires: `null` without a token or with a bad one. The same as `/auth/get-session`.
#[utoipa::path(
    get,
    path = "/auth/session",
    operation_id = "session",
    tag = "auth",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The session, or `null`", body = Option<CurrentSession>),
        (status = 503, description = "Too busy, or the database is away; see `Retry-After`", body = Error),
    ),
)]
async fn session(
    State(auth): State<Arc<Auth>>,
    KnownCaller(caller): KnownCaller,
) -> Result<Json<Option<CurrentSession>>, ApiError> {
    let Some(caller) = caller else {
        return Ok(Json(None));
    };
    match auth.account_of(&caller).await {
        Ok(account) => Ok(Json(CurrentSession::new(caller, account.as_ref()))),
        Err(error) if error.is_bad_token() => Ok(Json(None)),
        Err(error) => Err(error.into()),
    }
}

fn with_cookie(cookie: Option<HeaderValue>, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response
        .headers_mut()
        .extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
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

    /// The response of a host whose database is not available.
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
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap();
        router(&Accounts::Usual, Arc::new(auth))
            .with_state(())
            .oneshot(request)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_routes_answer_under_both_prefixes_and_every_name() {
        for prefix in ["/auth", "/api/auth"] {
            for (method, paths, status) in [
                ("POST", &["/register", "/signup", "/sign-up"][..], 422),
                ("POST", &["/login", "/signin", "/sign-in"], 422),
                ("POST", &["/logout", "/signout", "/sign-out"], 200),
                ("GET", &["/me"], 401),
                ("GET", &["/session", "/get-session"], 200),
            ] {
                for path in paths {
                    let answer = answer(method, &format!("{prefix}{path}"), "{}").await;
                    assert_eq!(answer.status(), status, "{method} {prefix}{path}");
                }
            }
        }
        for path in ["/users/me", "/api/users/me"] {
            assert_eq!(answer("GET", path, "").await.status(), 401, "{path}");
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
    fn the_document_has_every_route_and_both_forms_of_a_login() {
        let document: Value = serde_json::to_value(document(&Accounts::Usual)).unwrap();
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(
            paths,
            [
                "/auth/login",
                "/auth/logout",
                "/auth/me",
                "/auth/register",
                "/auth/session"
            ]
        );
        let login = &document["paths"]["/auth/login"]["post"]["requestBody"]["content"];
        for (encoding, address) in [
            ("application/json", "email"),
            ("application/x-www-form-urlencoded", "username"),
        ] {
            let reference = login[encoding]["schema"]["$ref"].as_str().unwrap();
            let schema = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
            assert_eq!(
                schema["required"],
                serde_json::json!([address, "password"]),
                "{encoding}"
            );
        }
    }
}

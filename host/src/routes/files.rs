//! Static files, for paths that are a directory's and not a component's.

use axum::extract::Request;
use axum::response::Response;
use http::Method;

use crate::app::App;
use crate::client::Client;
use crate::error::ApiError;
use crate::files::{self, FilesAt};
use crate::request_record::RequestRecord;

/// Answers with the file at the request's path. If the directory needs a login, the token is checked first.
pub(super) async fn answer(app: &App, at: &FilesAt, request: Request) -> Result<Response, ApiError> {
    let (request, _) = request.into_parts();
    RequestRecord::of(&request.extensions).set_route(at.pattern().shared());
    if matches!(request.method, Method::TRACE | Method::CONNECT) {
        return Err(ApiError::MethodNotServed);
    }
    if at.spec().needs_login {
        let client = request.extensions.get::<Client>().cloned().unwrap_or_default();
        // A file is read and never changed, so the method makes no difference to the check.
        let identity = app
            .auth()
            .authenticate(&Method::GET, &request.headers, &client, None)
            .await?;
        if identity.is_none() {
            return Err(ApiError::NotAuthenticated);
        }
    }
    files::answer(at, &request.method, &request.headers)
}

//! The requests to register and to log in.
//!
//! Both are extractors: a handler that takes one gets a request whose content type, size and fields are valid.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use berth_contract::{Fields, Text};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::email::{Email, EmailAddress};
use crate::error::ApiError;

/// How long the client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest body, in bytes; a registration has some hundred.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The length of a new password, in characters. The maximum keeps hashing fast.
const PASSWORD: Text = Text::of(8, 128);

const NAME: Text = Text::of(0, 255);

/// The fields that a 422 may repeat; a password is never among them.
const SHOWN: &[&str] = &["email", "username", "name"];

/// A login's fields only have to be present: their values either match an account or do not.
const ANYTHING: Text = Text::of(1, usize::MAX);

/// The body of a registration.
#[derive(ToSchema)]
pub struct Registration {
    /// The new account's address.
    #[schema(value_type = String, format = Email, max_length = 254, example = "ann@example.com")]
    pub email: EmailAddress,
    /// 8 to 128 characters.
    #[schema(format = Password, min_length = 8, max_length = 128, pattern = r"^[^\x00]*$", example = "correct horse")]
    pub password: String,
    /// The person's name.
    #[schema(max_length = 255, pattern = r"^[^\x00]*$", example = "Ann")]
    pub name: Option<String>,
}

/// A login, as a form or JSON.
pub struct Login {
    /// The account's address.
    pub address: String,
    /// The account's password.
    pub password: String,
}

impl<S: Send + Sync> FromRequest<S> for Registration {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let Some(Encoding::Json) = Encoding::from_headers(request.headers()) else {
            return Err(ApiError::UnsupportedMediaType {
                wanted: "application/json",
            });
        };
        let mut fields = Fields::json_with_secrets(&read(request.into_body()).await?, SHOWN)?;
        let email = fields.required("email", &Email);
        let password = fields.required("password", &PASSWORD);
        let name = fields.optional("name", &NAME);
        Ok(fields.finish(Self {
            email,
            password,
            name,
        })?)
    }
}

impl<S: Send + Sync> FromRequest<S> for Login {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let wanted = "application/json or application/x-www-form-urlencoded";
        let encoding =
            Encoding::from_headers(request.headers()).ok_or(ApiError::UnsupportedMediaType { wanted })?;
        let body = read(request.into_body()).await?;
        // Either name is accepted in either form. If both are missing, the error names the usual name.
        let (mut fields, usual, other) = match encoding {
            Encoding::Json => (Fields::json_with_secrets(&body, SHOWN)?, "email", "username"),
            Encoding::Form => (Fields::form_with_secrets(&body, SHOWN), "username", "email"),
        };
        let address = fields
            .optional(other, &ANYTHING)
            .unwrap_or_else(|| fields.required(usual, &ANYTHING));
        let password = fields.required("password", &ANYTHING);
        Ok(fields.finish(Self { address, password })?)
    }
}

/// The encoding of a body.
enum Encoding {
    Json,
    Form,
}

impl Encoding {
    /// The encoding by content type; none if the type is another. Without a type, the body counts as JSON, as in
    /// FastAPI.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
            return Some(Self::Json);
        };
        let essence = content_type
            .to_str()
            .ok()?
            .split(';')
            .next()?
            .trim()
            .to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            other if other.starts_with("application/") && other.ends_with("+json") => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads a whole body of at most 64 KiB in at most 10 seconds.
pub(crate) async fn read(body: Body) -> Result<Bytes, ApiError> {
    match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::PayloadTooLarge),
        Ok(Err(_)) => Err(ApiError::UnreadableBody),
        Err(_) => Err(ApiError::BodyTooSlow),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use serde_json::{Value, json};

    use super::*;

    const JSON: Option<&str> = Some("application/json");
    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    async fn read_as<T: FromRequest<(), Rejection = ApiError>>(
        content_type: Option<&str>,
        body: impl Into<Body>,
    ) -> Result<T, ApiError> {
        let mut request = http::Request::builder();
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        T::from_request(request.body(body.into()).unwrap(), &()).await
    }

    async fn faults<T: FromRequest<(), Rejection = ApiError>>(
        content_type: Option<&str>,
        body: impl Into<Body>,
    ) -> Vec<(String, Value)> {
        let Err(error) = read_as::<T>(content_type, body).await else {
            return Vec::new();
        };
        let body: Value = serde_json::from_str(&error.body()).unwrap();
        let detail = body["detail"].as_array().unwrap();
        detail
            .iter()
            .map(|fault| (fault["type"].as_str().unwrap().to_owned(), fault["loc"].clone()))
            .collect()
    }

    fn registration(password: &str) -> String {
        json!({ "email": " Ann@Example.com", "password": password, "role": "admin" }).to_string()
    }

    #[tokio::test]
    async fn a_registration_is_read_and_unknown_fields_ignored() {
        let read = read_as::<Registration>(JSON, registration("12345678"))
            .await
            .unwrap();
        assert_eq!(read.email.as_str(), "Ann@example.com");
        assert_eq!((read.password.as_str(), read.name), ("12345678", None));
    }

    #[tokio::test]
    async fn a_new_password_has_8_to_128_characters() {
        for (length, fault) in [
            (7, Some("string_too_short")),
            (8, None),
            (128, None),
            (129, Some("string_too_long")),
        ] {
            let found = faults::<Registration>(JSON, registration(&"ä".repeat(length))).await;
            assert_eq!(found.first().map(|(kind, _)| kind.as_str()), fault, "{length}");
        }
    }

    #[tokio::test]
    async fn every_fault_of_a_registration_is_told() {
        let body = json!({ "email": "nobody", "password": "short", "name": 7 }).to_string();
        let found = faults::<Registration>(JSON, body).await;
        let expected = [
            ("value_error", "email"),
            ("string_too_short", "password"),
            ("string_type", "name"),
        ]
        .map(|(kind, field)| (kind.to_owned(), json!(["body", field])));
        assert_eq!(found, expected);
        let found = faults::<Registration>(JSON, "{}").await;
        assert_eq!(
            found,
            ["email", "password"].map(|field| ("missing".to_owned(), json!(["body", field])))
        );
    }

    #[tokio::test]
    async fn a_login_is_a_form_or_json_by_either_name() {
        for (content_type, body) in [
            (
                FORM,
                "grant_type=password&username=ann%40example.com&password=a+b",
            ),
            (FORM, "email=ann%40example.com&password=a%20b"),
            (JSON, r#"{"email": "ann@example.com", "password": "a b"}"#),
            (JSON, r#"{"username": "ann@example.com", "password": "a b"}"#),
            (
                JSON,
                r#"{"email": "ann@example.com", "username": null, "password": "a b"}"#,
            ),
            (None, r#"{"email": "ann@example.com", "password": "a b"}"#),
            (
                Some("Application/JSON; charset=utf-8"),
                r#"{"email": "ann@example.com", "password": "a b"}"#,
            ),
            (
                Some("application/merge+json"),
                r#"{"email": "ann@example.com", "password": "a b"}"#,
            ),
        ] {
            let login = read_as::<Login>(content_type, body).await.unwrap();
            assert_eq!(
                (login.address.as_str(), login.password.as_str()),
                ("ann@example.com", "a b"),
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn what_a_login_lacks_is_told_by_the_name_that_its_form_uses() {
        for (content_type, body, address) in [(FORM, "", "username"), (JSON, "{}", "email")] {
            let expected = [address, "password"].map(|field| ("missing".to_owned(), json!(["body", field])));
            assert_eq!(faults::<Login>(content_type, body).await, expected);
        }
        let found = faults::<Login>(JSON, r#"{"email": 7, "password": ["a"]}"#).await;
        assert_eq!(
            found,
            ["email", "password"].map(|field| ("string_type".to_owned(), json!(["body", field])))
        );
        assert_eq!(faults::<Login>(JSON, "{").await[0].0, "json_invalid");
    }

    #[tokio::test]
    async fn other_content_types_are_not_read() {
        for content_type in [
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/xml",
            "json",
            "",
        ] {
            let refused = read_as::<Login>(Some(content_type), "{}").await;
            let told = refused.err().map(|error| error.to_string());
            let expected = "Send the body as application/json or application/x-www-form-urlencoded";
            assert_eq!(told.as_deref(), Some(expected), "{content_type}");
        }
        let refused = read_as::<Registration>(FORM, "email=a").await;
        assert_eq!(
            refused.err().unwrap().to_string(),
            "Send the body as application/json"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_waited_for_10_seconds() {
        let began = tokio::time::Instant::now();
        let stream = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let refused = read_as::<Login>(JSON, Body::from_stream(stream)).await;
        assert!(matches!(refused, Err(ApiError::BodyTooSlow)));
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_64_kib() {
        let padded = |length: usize| {
            let login = r#"{"email": "ann@example.com", "password": "x"}"#;
            login.to_owned() + &" ".repeat(length - login.len())
        };
        assert!(read_as::<Login>(JSON, padded(MAX_BODY_BYTES)).await.is_ok());
        let refused = read_as::<Login>(JSON, padded(MAX_BODY_BYTES + 1)).await;
        assert!(matches!(refused, Err(ApiError::PayloadTooLarge)));
    }
}

//! A request, as a handler gets it.

use std::borrow::Cow;

use berth_contract::{Fields, Violations};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::host::Incoming;
use crate::routes::parameter;

/// A request. The headers and the body stay with the host until the handler asks for them.
///
/// ```
/// use berth_sdk::contract::{Integer, Text};
/// use berth_sdk::{Error, Principal, Request, Response};
///
/// fn create(_: &Principal, request: &Request) -> Result<Response, Error> {
///     let mut fields = request.fields()?;
///     let text = fields.required("text", &Text::of(1, 500).trimmed());
///     let stars = fields.optional("stars", &Integer::between(1, 5));
///     let (text, stars) = fields.finish((text, stars))?;
///     Ok(Response::text(201, format!("{text}: {stars:?}")))
/// }
/// # use berth_sdk::testing::{Call, Host};
/// # use berth_sdk::{Route, Routes};
/// # const ROUTES: Routes = Routes::new(&[Route::at("/").post(create)]);
/// # let call = Call::post("/").with_json(&serde_json::json!({ "text": "Good", "stars": 5 }));
/// # assert_eq!(Host::new().with_user("ann").call(&ROUTES, call).text(), "Good: Some(5)");
/// ```
#[derive(Debug)]
pub struct Request {
    incoming: Incoming,
    pattern: &'static str,
    target: String,
}

/// The reason why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    all(feature = "testing", not(target_arch = "wasm32")),
    expect(dead_code, reason = "the bodies of a test are whole")
)]
pub(crate) enum Unread {
    /// The body is longer than the host permits.
    TooLarge,
    /// The body ended early.
    Incomplete,
    /// The body was read before.
    Twice,
}

impl Request {
    /// `target` is the path with an optional query; `pattern` is the route's, and matches the path.
    pub(crate) fn new(incoming: Incoming, pattern: &'static str, target: String) -> Self {
        Self {
            incoming,
            pattern,
            target,
        }
    }

    /// The pattern of the request's route: `/notes/{id}`.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// fn show(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     Ok(Response::text(200, request.pattern()))
    /// }
    /// ```
    #[must_use]
    pub fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// The path, not decoded: `/notes/7`.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// fn show(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     Ok(Response::text(200, request.path()))
    /// }
    /// ```
    #[must_use]
    pub fn path(&self) -> &str {
        path_of(&self.target)
    }

    /// A parameter of the path, percent-decoded; `None` if the pattern has no parameter of this name.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// fn read(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     let slug = request.parameter("slug").unwrap_or_default();
    ///     Ok(Response::text(200, slug))
    /// }
    /// ```
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        parameter(self.pattern, self.path(), name)
    }

    /// A parameter of the path, to be read by a rule.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// use berth_sdk::contract::Integer;
    ///
    /// fn read(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     let mut path = request.path_fields("id");
    ///     let id = path.required("id", &Integer::ANY);
    ///     let id = path.finish(id)?;
    ///     Ok(Response::text(200, format!("note {id}")))
    /// }
    /// ```
    pub fn path_fields(&self, name: &'static str) -> Fields {
        let parameter = self.parameter(name);
        Fields::path(parameter.as_deref().map(|value| (name, value)))
    }

    /// The parameters of the query, to be read by rules.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// use berth_sdk::contract::Integer;
    ///
    /// fn list(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     let mut query = request.query();
    ///     let limit = query.optional("limit", &Integer::between(1, 100)).unwrap_or(20);
    ///     let limit = query.finish(limit)?;
    ///     Ok(Response::text(200, format!("the first {limit}")))
    /// }
    /// ```
    pub fn query(&self) -> Fields {
        Fields::query(self.target.split_once('?').map_or("", |(_, query)| query))
    }

    /// The first value of a header, whose name is in lower case.
    ///
    /// ```
    /// # use berth_sdk::Request;
    /// fn signature(request: &Request) -> Option<Vec<u8>> {
    ///     request.header("x-signature")
    /// }
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.incoming.header(name)
    }

    /// The fields of the JSON body, to be read by rules. Fails with 415, 413 or 422.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// use berth_sdk::contract::Text;
    ///
    /// fn create(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     let mut fields = request.fields()?;
    ///     let text = fields.required("text", &Text::of(1, 500));
    ///     Ok(Response::text(201, fields.finish(text)?))
    /// }
    /// ```
    pub fn fields(&self) -> Result<Fields, Error> {
        self.require_json()?;
        Ok(Fields::json(&self.body()?)?)
    }

    /// The fields of the JSON body, if there is a body. An absent body has no fields.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// use berth_sdk::contract::Boolean;
    ///
    /// fn complete(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     let mut fields = request.optional_fields()?;
    ///     let done = fields.present("done", &Boolean).unwrap_or(true);
    ///     Ok(Response::text(200, fields.finish(done)?.to_string()))
    /// }
    /// ```
    pub fn optional_fields(&self) -> Result<Fields, Error> {
        let body = self.body()?;
        if !body.is_empty() {
            self.require_json()?;
        }
        Ok(Fields::optional_json(&body)?)
    }

    /// The JSON body as a type of serde's. Fails with 415, 413 or 422. [`Request::fields`] tells a client more about
    /// what is wrong.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// #[derive(serde::Deserialize)]
    /// struct Push {
    ///     branch: String,
    /// }
    ///
    /// fn receive(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     let push: Push = request.json()?;
    ///     Ok(Response::text(200, push.branch))
    /// }
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.require_json()?;
        let body = self.body()?;
        serde_json::from_slice(&body).map_err(|error| {
            let place = berth_contract::Segment::Name("body");
            let input = serde_json::from_slice(&body).unwrap_or_default();
            Violations::one("value_error", format!("Value error, {error}"), input)
                .under(&place)
                .into()
        })
    }

    fn require_json(&self) -> Result<(), Error> {
        let content_type = self.header("content-type");
        if is_json(content_type.as_deref()) {
            Ok(())
        } else {
            Err(Error::UnsupportedMediaType)
        }
    }

    /// The whole body, whose size the host limits. It can be read once.
    ///
    /// ```
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// fn echo(_: &Principal, request: &Request) -> Result<Response, Error> {
    ///     Ok(Response::bytes(200, "application/octet-stream", request.body()?))
    /// }
    /// ```
    pub fn body(&self) -> Result<Vec<u8>, Error> {
        self.incoming.body().map_err(|unread| match unread {
            Unread::TooLarge => Error::BodyTooLarge,
            Unread::Incomplete => Error::BodyIncomplete,
            Unread::Twice => Error::Internal("the body was read before".into()),
        })
    }
}

/// The part of a request's target before its query.
pub(crate) fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// Whether the type is `application/json` or `application/…+json`, with any parameters. No type at all counts as JSON.
fn is_json(content_type: Option<&[u8]>) -> bool {
    let Some(content_type) = content_type else {
        return true;
    };
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
        .to_ascii_lowercase();
    let subtype = essence.strip_prefix(b"application/");
    subtype.is_some_and(|subtype| subtype == b"json" || subtype.ends_with(b"+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_content_type() {
        for content_type in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.api+json",
            " application/json ",
        ] {
            assert!(is_json(Some(content_type.as_bytes())), "{content_type}");
        }
        for content_type in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "text/json",
            "json",
        ] {
            assert!(!is_json(Some(content_type.as_bytes())), "{content_type}");
        }
        assert!(is_json(None));
    }

    #[test]
    fn the_path_ends_where_the_query_begins() {
        assert_eq!(path_of("/api/tasks?search=a?b"), "/api/tasks");
        assert_eq!(path_of("/api/tasks"), "/api/tasks");
    }
}

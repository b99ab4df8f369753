//! A request of a test, and its response.

use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::interfaces::{Incoming, Output};
use crate::response::{Body, Writer};
use crate::{Method, Response};

/// A request of a test.
///
/// ```
/// use berth_sdk::testing::Call;
///
/// let call = Call::post("/notes?draft=true").with_json(&serde_json::json!({ "text": "Hi" }));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a call does nothing until a host gets it"]
pub struct Call {
    pub(super) method: Method,
    pub(super) target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Call {
    /// A GET of a path, with an optional query.
    ///
    /// ```
    /// # use berth_sdk::testing::Call;
    /// let call = Call::get("/notes?limit=20");
    /// ```
    pub fn get(target: &str) -> Self {
        Self::new(Method::Get, target)
    }

    /// A POST to a path.
    ///
    /// ```
    /// # use berth_sdk::testing::Call;
    /// let call = Call::post("/notes");
    /// ```
    pub fn post(target: &str) -> Self {
        Self::new(Method::Post, target)
    }

    /// A request of any method.
    ///
    /// ```
    /// # use berth_sdk::Method;
    /// # use berth_sdk::testing::Call;
    /// let call = Call::new(Method::Delete, "/notes/7");
    /// ```
    pub fn new(method: Method, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header, whose name is in lower case.
    ///
    /// ```
    /// # use berth_sdk::testing::Call;
    /// let call = Call::get("/notes").with_header("accept", "text/event-stream");
    /// ```
    pub fn with_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body.
    ///
    /// ```
    /// # use berth_sdk::testing::Call;
    /// let call = Call::post("/hook").with_body("text/plain", "Hi");
    /// ```
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header("content-type", content_type)
    }

    /// Sets a body of JSON.
    ///
    /// # Panics
    ///
    /// Panics if the value has no JSON.
    ///
    /// ```
    /// # use berth_sdk::testing::Call;
    /// let call = Call::post("/notes").with_json(&serde_json::json!({ "text": "Hi" }));
    /// ```
    pub fn with_json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value);
        self.with_body(
            "application/json",
            body.unwrap_or_else(|error| panic!("the body has no JSON: {error}")),
        )
    }

    pub(super) fn into_incoming(self) -> Incoming {
        Incoming {
            headers: self.headers,
            body: RefCell::new(Some(self.body)),
        }
    }
}

/// The response to a [`Call`], with its whole body.
///
/// ```
/// use berth_sdk::testing::{Call, Host};
/// use berth_sdk::Routes;
///
/// let answer = Host::new().call(&Routes::new(&[]), Call::get("/absent"));
/// assert_eq!((answer.status(), &*answer.text()), (404, r#"{"detail":"Not Found"}"#));
/// ```
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Answer {
    /// Reads a response to its end. A stream that breaks off is a failure of the test.
    pub(super) fn read(response: Response) -> Self {
        let (status, headers, body) = response.into_parts();
        let body = match body {
            Body::Bytes(bytes) => bytes,
            Body::Stream(produce) => {
                let output = Output::default();
                assert!(
                    produce(&Writer::new(output.clone())).is_ok(),
                    "the response broke off after {:?}",
                    String::from_utf8_lossy(&output.bytes())
                );
                output.bytes()
            }
        };
        Self {
            status,
            headers,
            body,
        }
    }

    /// The status.
    ///
    /// ```
    /// # use berth_sdk::testing::{Call, Host};
    /// # use berth_sdk::Routes;
    /// let answer = Host::new().call(&Routes::new(&[]), Call::get("/"));
    /// assert_eq!(answer.status(), 404);
    /// ```
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first value of a header, whose name is in lower case.
    ///
    /// ```
    /// # use berth_sdk::testing::{Call, Host};
    /// # use berth_sdk::Routes;
    /// let answer = Host::new().call(&Routes::new(&[]), Call::get("/"));
    /// assert_eq!(answer.header("content-type"), Some("application/json"));
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The body.
    ///
    /// ```
    /// # use berth_sdk::testing::{Call, Host};
    /// # use berth_sdk::Routes;
    /// let answer = Host::new().call(&Routes::new(&[]), Call::get("/"));
    /// assert_eq!(answer.body(), br#"{"detail":"Not Found"}"#);
    /// ```
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    ///
    /// ```
    /// # use berth_sdk::testing::{Call, Host};
    /// # use berth_sdk::Routes;
    /// let answer = Host::new().call(&Routes::new(&[]), Call::get("/"));
    /// assert_eq!(answer.text(), r#"{"detail":"Not Found"}"#);
    /// ```
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// Panics if the body is not JSON of this type.
    ///
    /// ```
    /// # use berth_sdk::testing::{Call, Host};
    /// # use berth_sdk::Routes;
    /// let answer: serde_json::Value = Host::new().call(&Routes::new(&[]), Call::get("/")).json();
    /// assert_eq!(answer["detail"], "Not Found");
    /// ```
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        let read = serde_json::from_slice(&self.body);
        read.unwrap_or_else(|error| panic!("the body is not the expected JSON: {error}: {}", self.text()))
    }
}

//! Requests and responses.

use std::sync::Once;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// A complete response.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// A client that follows no redirect and keeps no cookie.
pub(crate) fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    builder.timeout(super::process::WAIT_TIMEOUT).build().unwrap()
}

/// Sends a request and waits for the complete response.
pub(crate) trait Send {
    /// Sends the request.
    async fn answer(self) -> Answer;

    /// Sends the request; a response that breaks off is an error.
    async fn try_answer(self) -> reqwest::Result<Answer>;
}

impl Send for reqwest::RequestBuilder {
    async fn answer(self) -> Answer {
        self.try_answer().await.unwrap()
    }

    async fn try_answer(self) -> reqwest::Result<Answer> {
        let response = self.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer {
            status,
            headers,
            body: response.bytes().await?.into(),
        })
    }
}

impl Answer {
    /// The body as JSON. The `content-type` must be JSON as well.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{}",
            self.text()
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The status, and the sentence in `detail`.
    pub(crate) fn failure(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
        (
            self.status,
            json["detail"]
                .as_str()
                .unwrap_or_else(|| panic!("no sentence in {json}"))
                .to_owned(),
        )
    }

    /// The violations of a 422, each as type and location: `missing body.title`.
    pub(crate) fn faults(&self) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.text());
        let json = self.json();
        json["detail"].as_array().unwrap().iter().map(fault).collect()
    }

    /// The response itself, if its status is `status`.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

fn fault(fault: &Value) -> String {
    let place = fault["loc"].as_array().unwrap().iter();
    let place: Vec<_> = place
        .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
        .collect();
    let may_be_secret = place
        .last()
        .is_some_and(|field| field == "password" || field == "body");
    assert!(
        fault["msg"].is_string() && (may_be_secret || fault.get("input").is_some()),
        "{fault}"
    );
    format!("{} {}", fault["type"].as_str().unwrap(), place.join("."))
}

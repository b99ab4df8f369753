//! An operator of a host: the admin API, with the right token.

use serde_json::{Value, json};

use super::app::Host;
use super::http::{Answer, Send as _, client};

/// The `ADMIN_TOKEN` of every host.
pub(crate) const ADMIN_TOKEN: &str = "the operators' own token";

/// A client of the admin API that has the token.
pub(crate) struct Operator {
    url: String,
    client: reqwest::Client,
}

impl Host {
    /// An operator of this host.
    pub(crate) fn operator(&self) -> Operator {
        Operator {
            url: self.admin_url(),
            client: client(),
        }
    }

    /// The base URL of the admin API: `http://127.0.0.1:12345`.
    pub(crate) fn admin_url(&self) -> String {
        let line = self.process.wait_for("operators are served on http://");
        let (_, rest) = line.split_once("operators are served on ").unwrap();
        let end = rest.find('"').unwrap_or(rest.len());
        rest[..end].to_owned()
    }
}

impl Operator {
    /// A request with the token to a path below `/admin`.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.request_at(method, &format!("/admin{path}"))
    }

    /// A request with the token.
    pub(crate) fn request_at(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.client
            .request(method.parse().unwrap(), url)
            .bearer_auth(ADMIN_TOKEN)
    }

    /// A push that has not been sent yet; `query` is empty or `?dry_run=true`.
    pub(crate) fn pushing(&self, component: &str, query: &str, wasm: Vec<u8>) -> reqwest::RequestBuilder {
        let request = self.request("PUT", &format!("/components/{component}{query}"));
        request.header("content-type", "application/wasm").body(wasm)
    }

    /// Pushes, and waits for the response.
    pub(crate) async fn push(&self, component: &str, wasm: Vec<u8>) -> Answer {
        self.pushing(component, "", wasm).answer().await
    }

    /// Pushes a version, which must go live. Returns the report.
    pub(crate) async fn push_live(&self, component: &str, wasm: Vec<u8>) -> Value {
        let report = self.push(component, wasm).await.expect(200).json();
        assert_eq!(report["outcome"], "live", "{report:#}");
        report
    }

    /// Pushes a version, which must be refused. Returns the step and the reason.
    pub(crate) async fn push_refused(&self, component: &str, wasm: Vec<u8>) -> (String, String) {
        let report = self.push(component, wasm).await.expect(422).json();
        assert_eq!(report["outcome"], "refused", "{report:#}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            text(&report["failure"]["step"]),
            text(&report["failure"]["reason"]),
        )
    }

    /// Rolls back to a version, or to the version before.
    pub(crate) async fn roll_back(&self, component: &str, to: Option<u32>) -> Answer {
        let body = json!({ "to": to });
        self.request("POST", &format!("/components/{component}/rollback"))
            .json(&body)
            .answer()
            .await
    }

    /// A component's state, as the admin API reports it.
    pub(crate) async fn show(&self, component: &str) -> Value {
        self.request("GET", &format!("/components/{component}"))
            .answer()
            .await
            .expect(200)
            .json()
    }

    /// The last swaps of a component, newest first.
    pub(crate) async fn swaps(&self, component: &str) -> Vec<Value> {
        let swaps = self
            .request("GET", &format!("/components/{component}/swaps"))
            .answer()
            .await;
        swaps.expect(200).json().as_array().unwrap().clone()
    }

    /// The versions of a component, newest first, each as `2 live`.
    pub(crate) async fn history(&self, component: &str) -> Vec<String> {
        let history = self
            .request("GET", &format!("/components/{component}/history"))
            .answer()
            .await;
        let history = history.expect(200).json();
        let versions = history.as_array().unwrap().iter();
        versions
            .map(|one| format!("{} {}", one["number"], one["state"].as_str().unwrap()))
            .collect()
    }
}

//! A user with a token.

use serde_json::{Value, json};

use super::app::Host;
use super::http::{Answer, Send};

/// A caller of one host.
pub(crate) struct User<'a> {
    host: &'a Host,
    /// The token that every request carries.
    pub(crate) token: String,
}

impl<'a> User<'a> {
    /// The user of this token.
    pub(crate) fn new(host: &'a Host, token: String) -> Self {
        Self { host, token }
    }

    /// A request with the token.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.host.request(method, path).bearer_auth(&self.token)
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).answer().await
    }

    /// POST with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path).json(&body).answer().await
    }

    /// PUT with a JSON body.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.request("PUT", path).json(&body).answer().await
    }

    /// PATCH with a JSON body.
    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.request("PATCH", path).json(&body).answer().await
    }

    /// DELETE.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).answer().await
    }

    /// Makes a task, and returns it.
    pub(crate) async fn add(&self, task: Value) -> Value {
        self.post("/api/tasks", task).await.expect(201).json()
    }

    /// Makes a task that has only a title, and returns it.
    pub(crate) async fn add_titled(&self, title: &str) -> Value {
        self.add(json!({ "title": title })).await
    }

    /// The titles of the tasks at a path, in order.
    pub(crate) async fn titles(&self, path: &str) -> Vec<String> {
        let tasks = self.get(path).await.expect(200).json();
        tasks
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["title"].as_str().unwrap().to_owned())
            .collect()
    }
}

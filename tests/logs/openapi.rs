//! The OpenAPI document of the admin API describes every route and method of the real listener.

use std::collections::BTreeSet;

use super::shows;
use crate::support::{App, Send as _};

#[tokio::test]
async fn the_document_has_the_methods_of_every_route() {
    let app = App::serving([shows()]).start().await;
    let operator = app.operator();
    let document = operator
        .request("GET", "/openapi.json")
        .answer()
        .await
        .expect(200)
        .json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 9, "{}", paths.len());
    for (path, operations) in paths {
        let described: BTreeSet<_> = operations
            .as_object()
            .unwrap()
            .keys()
            .map(|method| method.to_uppercase())
            .collect();
        // No route has this method, so the host lists those that it has.
        let request = operator.request_at("DELETE", &path.replace("{name}", "shows"));
        let answer = request.answer().await.expect(405);
        let allowed: BTreeSet<_> = answer
            .header("allow")
            .unwrap()
            .split(',')
            .map(|method| method.trim().to_owned())
            .filter(|method| method != "HEAD")
            .collect();
        assert_eq!(described, allowed, "{path}");
    }
}

//! Access to the console and to the listener behind it.

use serde_json::json;

use super::bad;
use crate::support::http::{Answer, client};
use crate::support::operator::ADMIN_TOKEN;
use crate::support::{App, Browser, Page, Send as _};

#[tokio::test]
async fn the_token_is_asked_for_and_kept_for_the_tab_alone() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::serving([bad()]).start().await;
    let page = browser.console(&app).await;
    page.open("/").await;
    page.has_focus("textbox", "Admin token").await;
    page.insert("the operators' old token").await;
    page.press("Enter").await;
    page.sees("That is not the token of this host.").await;
    page.insert(ADMIN_TOKEN).await;
    page.press("Enter").await;
    page.has("heading", "Components").await;

    page.open("/").await;
    page.has("link", "misbehaves").await;
    let other = browser.console(&app).await;
    other.open("/").await;
    other.has("textbox", "Admin token").await;
    page.shows("localStorage.length + document.cookie.length", json!(0))
        .await;

    page.click("button", "Sign out").await;
    page.has_focus("textbox", "Admin token").await;
    page.open("/").await;
    page.has("textbox", "Admin token").await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn without_a_token_this_machine_may_look_and_finds_nothing_to_change() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::serving([bad()]).without("ADMIN_TOKEN").start().await;
    let page = browser.console(&app).await;
    page.open("/#components/misbehaves").await;
    page.has("heading", "misbehaves").await;
    page.sees("This host has no ADMIN_TOKEN, and so allows no change.")
        .await;
    page.shows("document.querySelector('input[type=file]')", json!(null))
        .await;
    page.is_flawless();
}

/// The status of a request that a page makes, by its own `fetch`; 0 if the browser hands it nothing.
async fn fetched(page: &Page<'_>, url: &str, options: &str) -> serde_json::Value {
    let fetch = format!(
        "fetch({}, {options}).then((answer) => answer.status, () => 0)",
        json!(url)
    );
    page.value(&fetch).await
}

#[tokio::test]
async fn a_page_of_another_origin_reads_and_changes_nothing() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::serving([bad()]).without("ADMIN_TOKEN").start().await;
    let url = format!("{}/admin/components", app.admin_url());
    let own = browser.console(&app).await;
    own.open("/").await;
    assert_eq!(fetched(&own, "/admin/components", "{}").await, json!(200));
    // The host's other port is another origin, and so is every page of the web.
    let foreign = browser.page(&app).await;
    foreign.open("/health").await;
    assert_eq!(fetched(&foreign, &url, "{}").await, json!(0));
    assert_eq!(
        fetched(&foreign, &url, "{ method: 'POST', mode: 'no-cors' }").await,
        json!(0)
    );
}

/// A request with these headers, as a program on this machine sends it.
async fn with(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = client().get(format!("{}{path}", app.admin_url()));
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    request.answer().await
}

#[tokio::test]
async fn a_name_that_a_page_has_made_lead_here_is_refused() {
    let app = App::serving([bad()])
        .without("ADMIN_TOKEN")
        .with("ADMIN_HOSTS", "berth.example.com, other.example")
        .with("METRICS", "open")
        .start()
        .await;
    for path in [
        "/",
        "/console/js/main.js",
        "/admin/components",
        "/admin/logs",
        "/metrics",
    ] {
        let (status, detail) = with(&app, path, &[("host", "evil.example")]).await.failure();
        assert_eq!(status, 403, "{path}");
        assert!(
            detail.contains("evil.example") && detail.contains("ADMIN_HOSTS"),
            "{detail}"
        );
        for host in ["localhost:1", "127.0.0.1", "[::1]:8001", "Berth.example.com:8001"] {
            assert_eq!(
                with(&app, path, &[("host", host)]).await.status,
                200,
                "{path} {host}"
            );
        }
    }
    for headers in [
        [("origin", "https://evil.example"), ("host", "127.0.0.1")],
        [("sec-fetch-site", "cross-site"), ("host", "127.0.0.1")],
    ] {
        for path in ["/admin/components", "/metrics"] {
            assert_eq!(with(&app, path, &headers).await.status, 403, "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn the_console_is_cached_by_its_tag_and_has_a_strict_policy() {
    let app = App::serving([bad()]).start().await;
    let answer = with(&app, "/", &[]).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let tag = answer.header("etag").unwrap();
    assert_eq!(with(&app, "/", &[("if-none-match", tag)]).await.status, 304);
    for (path, kind) in [
        ("/console/style.css", "text/css; charset=utf-8"),
        ("/console/js/elements.js", "text/javascript; charset=utf-8"),
        ("/console/icon.svg", "image/svg+xml; charset=utf-8"),
    ] {
        let part = with(&app, path, &[]).await.expect(200);
        assert_eq!(part.header("content-type"), Some(kind), "{path}");
    }
    for path in ["/console/js/none.js", "/console/", "/console/../admin/mod.rs"] {
        let status = with(&app, path, &[]).await.status;
        assert!(matches!(status, 401 | 404), "{path}: {status}");
    }
    // Clients of the host do not reach it.
    assert_eq!(app.get("/console/style.css").answer().await.status, 404);
}

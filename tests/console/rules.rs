//! Each view is checked by axe-core, and pictured for docs/operations.md.

use std::fs;

use serde_json::json;

use super::{bad, sign_in};
use crate::logs::shows;
use crate::support::browser::{axe, picture};
use crate::support::versions::{version, versioned};
use crate::support::{App, Browser, Page, Send as _};

/// Fails if a view breaks a rule in light or in dark.
async fn check(page: &Page<'_>, axe: &str) {
    for scheme in ["dark", "light"] {
        page.set_scheme(scheme).await;
        assert_eq!(page.faults_by(axe).await, [] as [String; 0], "{scheme}");
    }
}

#[tokio::test]
async fn axe_finds_nothing_serious_in_any_view_light_or_dark() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let Some(axe) = axe() else { return };
    let files = tempfile::tempdir().unwrap();
    let app = App::serving([versioned(files.path(), "name=one"), bad(), shows()]);
    let app = app.start().await;
    let operator = app.operator();
    operator.push_live("version", version("name=two")).await;
    operator.push_refused("version", b"garbage".to_vec()).await;
    for (path, status) in [
        ("/bad/panic", 502),
        ("/bad/loop", 504),
        ("/shows/log?line=hello", 200),
    ] {
        app.get(path).answer().await.expect(status);
    }
    let login = json!({ "email": "nobody@example.com", "password": "wrong password" });
    app.post("/auth/login").json(&login).answer().await.expect(401);

    let page = browser.console(&app).await;
    page.set_size(1100, 760).await;
    page.open("/").await;
    page.has("textbox", "Admin token").await;
    check(&page, &axe).await;
    sign_in(&page, "").await;
    let load = async {
        loop {
            app.get("/shows/log?line=x").answer().await.expect(200);
            app.get("/version").answer().await.expect(200);
        }
    };
    let readings =
        "(document.querySelector('.gauge polyline').getAttribute('points') ?? '').split(' ').length > 5";
    tokio::select! {
        () = load => {}
        () = page.shows(readings, json!(true)) => {}
    }
    check(&page, &axe).await;
    picture(&page, "console-components").await;

    page.open("/#components/version").await;
    page.sees("version 2, live on 1 of 1").await;
    let next = files.path().join("next.wasm");
    fs::write(&next, version("name=three")).unwrap();
    page.choose_file("#file", &next).await;
    page.click("button", "Push").await;
    page.sees("version 3 went live in place of version 2").await;
    check(&page, &axe).await;
    page.value("document.querySelector('section[aria-label=Push]').scrollIntoView()")
        .await;
    picture(&page, "console-swap").await;
    page.click("button", "Roll back to 1").await;
    page.has("dialog", "Roll back").await;
    check(&page, &axe).await;
    page.click("button", "Cancel").await;

    page.open("/#components/misbehaves").await;
    page.sees("Reached since the start").await;
    page.value("document.querySelector('section[aria-label=\"Limits and failures\"]').scrollIntoView()")
        .await;
    check(&page, &axe).await;
    picture(&page, "console-limit").await;

    for (place, text, name) in [
        ("#traps", "misbehaves@1: ", Some("console-trap")),
        ("#log?host=true", "a login was refused", Some("console-login")),
        ("#hosts", "(this one)", None),
        ("#routes", "/version/{*rest}", None),
        ("#sizes", "BERTH_GUEST_MEMORY", None),
    ] {
        page.open(&format!("/{place}")).await;
        page.sees(text).await;
        page.value("document.querySelector('summary')?.click()").await;
        check(&page, &axe).await;
        if let Some(name) = name {
            picture(&page, name).await;
        }
    }
    page.set_size(360, 640).await;
    for place in ["#components", "#components/version", "#sizes", "#traps"] {
        page.open(&format!("/{place}")).await;
        page.has("navigation", "Views").await;
        page.shows("document.querySelector('h2') !== null", json!(true))
            .await;
        page.shows("document.documentElement.scrollWidth <= innerWidth", json!(true))
            .await;
    }
    page.is_flawless_but_for_requests();
}

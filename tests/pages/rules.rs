//! What axe-core finds on each page, and the pictures of docs/pages.md.

use fake_cohere::{FakeCohere, Turn};
use serde_json::json;

use super::{add, register};
use crate::support::browser::{axe, picture};
use crate::support::{App, Browser, Page};

/// Fails if a page breaks a rule in light or in dark.
async fn check(page: &Page<'_>, axe: &str) {
    for scheme in ["light", "dark"] {
        page.set_scheme(scheme).await;
        assert_eq!(page.faults_by(axe).await, [] as [String; 0], "{scheme}");
    }
}

#[tokio::test]
async fn axe_finds_nothing_serious_on_any_page_light_or_dark() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let Some(axe) = axe() else { return };
    let cohere = FakeCohere::start(0).await.unwrap();
    let app = App::with("COHERE_API_KEY", "fake").with("COHERE_BASE_URL", cohere.base_url());
    let app = app.start().await;
    let page = browser.page(&app).await;
    page.set_size(1000, 700).await;
    page.open("/login?ended").await;
    page.sees("Your session has ended.").await;
    check(&page, &axe).await;
    page.open("/register").await;
    page.click("button", "Make an account").await;
    page.sees("E-mail:").await;
    check(&page, &axe).await;

    register(&page, "ann@example.com").await;
    for title in ["Call the plumber", "Water the plants", "Read about WebAssembly"] {
        add(&page, title).await;
    }
    page.click("button", "Edit Call the plumber").await;
    page.has("dialog", "Edit task").await;
    page.write("textbox", "Category", "house").await;
    page.write("textbox", "Tags, with commas between", "phone").await;
    page.value("document.querySelector('#edit [name=priority]').value = 'high'")
        .await;
    page.value("document.querySelector('#edit [name=due_date]').value = '2020-01-02T09:00'")
        .await;
    check(&page, &axe).await;
    page.click("button", "Save").await;
    page.sees("#phone").await;
    page.click("checkbox", "Water the plants").await;
    page.sees("Done: Water the plants").await;
    cohere.answer(Turn::calls([("add_task", json!({ "title": "Buy milk" }))]));
    cohere.answer(Turn::text("“Buy milk” is on your list."));
    page.write("textbox", "Message", "I need milk").await;
    page.click("button", "Send").await;
    page.sees("“Buy milk” is on your list.").await;
    page.has("checkbox", "Buy milk").await;
    page.shows(
        "document.querySelector('#messages').hasAttribute('aria-busy')",
        false.into(),
    )
    .await;
    check(&page, &axe).await;
    page.click("button", "Close this message").await;
    page.value("scrollTo(0, 0); document.activeElement.blur()").await;
    for scheme in ["light", "dark"] {
        page.set_scheme(scheme).await;
        picture(&page, &format!("pages-{scheme}")).await;
    }
    page.set_scheme("light").await;
    page.set_size(360, 640).await;
    picture(&page, "pages-small").await;
    page.is_flawless();
}

//! The assistant beside the list.

use fake_cohere::{FakeCohere, Gate, Turn};
use serde_json::json;

use super::{add, register};
use crate::support::{App, Browser};

async fn start() -> (App, FakeCohere) {
    let cohere = FakeCohere::start(0).await.unwrap();
    let app = App::with("COHERE_API_KEY", "fake").with("COHERE_BASE_URL", cohere.base_url());
    (app.start().await, cohere)
}

#[tokio::test]
async fn a_tool_call_shows_as_it_happens_and_the_list_follows() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let (app, cohere) = start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    let gate = Gate::default();
    cohere.answer(Turn::calls([("add_task", json!({ "title": "buy milk" }))]));
    // The second word waits for the gate.
    cohere.answer(Turn::text("Noted down.").paced(&gate));
    page.write("textbox", "Message", "add buy milk").await;
    page.press("Enter").await;
    page.sees("Add task “buy milk”: done").await;
    // The answer is still to come, and the task is there.
    page.lists(&["buy milk"]).await;
    page.shows(
        "document.querySelector('#messages').getAttribute('aria-busy')",
        json!("true"),
    )
    .await;
    page.sees("Noted").await;
    page.sees_no("Noted down.").await;
    gate.open();
    page.sees("Noted down.").await;
    page.shows(
        "document.querySelector('#messages').getAttribute('aria-busy')",
        json!(null),
    )
    .await;

    page.open("/").await;
    page.sees("Add task “buy milk”: done").await;
    page.sees("Noted down.").await;
    page.click("button", "New conversation").await;
    page.sees_no("Noted down.").await;
    page.has_focus("textbox", "Message").await;
    page.is_flawless();
}

#[tokio::test]
async fn the_assistant_changes_what_the_list_shows() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let (app, _cohere) = start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    add(&page, "Buy milk").await;
    for (message, call) in [
        ("complete 1", "Complete task 1: done"),
        ("delete 7", "Delete task 7: did not work"),
    ] {
        page.write("textbox", "Message", message).await;
        page.click("button", "Send").await;
        page.sees(call).await;
        // The form takes the next message when the answer is whole.
        page.shows(
            "document.querySelector('#messages').getAttribute('aria-busy')",
            json!(null),
        )
        .await;
    }
    page.shows("document.querySelectorAll('#list .done').length", json!(1))
        .await;
    page.is_flawless();
}

#[tokio::test]
async fn a_message_that_fails_is_not_lost() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    page.write("textbox", "Message", "add buy milk").await;
    page.click("button", "Send").await;
    page.sees("The language model is not configured").await;
    page.shows(
        "document.querySelector('#say textarea').value",
        json!("add buy milk"),
    )
    .await;
    page.is_flawless_but_for_requests();
}

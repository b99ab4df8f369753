//! The list of tasks.

use serde_json::json;

use super::{add, register};
use crate::support::{App, Browser};

#[tokio::test]
async fn a_task_is_added_edited_ticked_and_still_there_after_a_reload() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    add(&page, "Buy milk").await;
    add(&page, "<b>Call</b> the plumber").await;
    page.lists(&["<b>Call</b> the plumber", "Buy milk"]).await;

    page.click("button", "Edit Buy milk").await;
    page.has("dialog", "Edit task").await;
    page.write("textbox", "Title", "Buy oat milk").await;
    page.write("textbox", "Description", "Two litres").await;
    page.write("textbox", "Tags, with commas between", "shop, home")
        .await;
    page.value("document.querySelector('#edit [name=due_date]').value = '2020-01-02T03:04'")
        .await;
    page.value("document.querySelector('#edit [name=priority]').value = 'high'")
        .await;
    page.click("button", "Save").await;
    page.lists(&["<b>Call</b> the plumber", "Buy oat milk"]).await;
    page.has_focus("button", "Edit Buy oat milk").await;
    for fact in [
        "Two litres",
        "#shop",
        "#home",
        "Priority: high",
        "Overdue: Jan 2, 2020, 3:04",
    ] {
        page.sees(fact).await;
    }

    page.click("checkbox", "Buy oat milk").await;
    page.sees("Done: Buy oat milk").await;
    page.shows("document.querySelectorAll('#list .done').length", json!(1))
        .await;
    page.sees_no("Overdue").await;
    page.open("/").await;
    page.lists(&["<b>Call</b> the plumber", "Buy oat milk"]).await;
    page.shows(
        "document.querySelector('#list .done .title').textContent",
        json!("Buy oat milk"),
    )
    .await;
    page.is_flawless();
}

#[tokio::test]
async fn the_list_is_narrowed_and_sorted_and_the_address_keeps_it() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    for title in ["Cherries", "Apples", "Bananas"] {
        add(&page, title).await;
    }
    page.click("checkbox", "Apples").await;
    page.sees("Done: Apples").await;
    page.choose("Show", "Open").await;
    page.lists(&["Bananas", "Cherries"]).await;
    page.choose("Sort by", "Title").await;
    page.choose("Show", "All").await;
    page.lists(&["Apples", "Bananas", "Cherries"]).await;
    page.write("searchbox", "Search", "an").await;
    page.lists(&["Bananas"]).await;
    page.is_at("/?search=an&sort=title%3Aasc").await;
    page.open("/?search=an&sort=title%3Aasc").await;
    page.lists(&["Bananas"]).await;
    page.write("searchbox", "Search", "nothing").await;
    page.sees("No task matches.").await;
    page.click("button", "Show all").await;
    page.lists(&["Bananas", "Apples", "Cherries"]).await;
    page.is_at("/").await;
    page.is_flawless();
}

#[tokio::test]
async fn a_deleted_task_comes_back_with_all_that_it_had() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    add(&page, "Buy milk").await;
    page.click("button", "Edit Buy milk").await;
    page.write("textbox", "Category", "errands").await;
    page.click("button", "Save").await;
    page.sees("errands").await;
    page.click("checkbox", "Buy milk").await;
    page.sees("Done: Buy milk").await;
    page.click("button", "Delete Buy milk").await;
    page.sees("Deleted: Buy milk").await;
    page.lists(&[]).await;
    page.click("button", "Undo").await;
    page.sees("Restored: Buy milk").await;
    page.lists(&["Buy milk"]).await;
    page.has_focus("checkbox", "Buy milk").await;
    page.sees("errands").await;
    page.shows("document.querySelectorAll('#list .done').length", json!(1))
        .await;
    page.is_flawless();
}

#[tokio::test]
async fn everything_is_done_by_keys_alone() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    page.open("/register").await;
    page.has_focus("textbox", "E-mail").await;
    page.insert("ann@example.com").await;
    page.press("Tab").await;
    page.insert(super::PASSWORD).await;
    page.press("Enter").await;
    page.sees("No tasks yet").await;

    page.tab_to("link", "Skip to tasks").await;
    page.press("Enter").await;
    page.tab_to("textbox", "New task").await;
    page.insert("Buy milk").await;
    page.press("Enter").await;
    page.lists(&["Buy milk"]).await;
    page.has_focus("textbox", "New task").await;
    page.tab_to("checkbox", "Buy milk").await;
    page.press("Space").await;
    page.sees("Done: Buy milk").await;
    page.has_focus("checkbox", "Buy milk").await;
    page.tab_to("button", "Edit Buy milk").await;
    page.press("Enter").await;
    page.has_focus("textbox", "Title").await;
    page.value("document.activeElement.select()").await;
    page.insert("Buy bread").await;
    page.press("Enter").await;
    page.lists(&["Buy bread"]).await;
    page.has_focus("button", "Edit Buy bread").await;
    page.press("Enter").await;
    page.has("dialog", "Edit task").await;
    page.press("Escape").await;
    page.has_focus("button", "Edit Buy bread").await;
    page.tab_to("button", "Delete Buy bread").await;
    page.press("Enter").await;
    page.sees("Deleted: Buy bread").await;
    page.tab_to("button", "Undo").await;
    page.press("Enter").await;
    page.lists(&["Buy bread"]).await;
    page.is_flawless();
}

#[tokio::test]
async fn offline_nothing_is_lost_and_online_the_list_is_fresh() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    add(&page, "Buy milk").await;
    page.set_offline(true).await;
    page.sees("You are offline.").await;
    page.write("textbox", "New task", "Buy bread").await;
    page.click("button", "Add").await;
    page.sees("The server cannot be reached.").await;
    page.shows("document.querySelector('#add-title').value", json!("Buy bread"))
        .await;
    page.click("checkbox", "Buy milk").await;
    page.shows(
        "document.querySelector('#tasks-error').textContent",
        json!("The server cannot be reached. Check your connection, then try again."),
    )
    .await;

    page.set_offline(false).await;
    page.sees_no("You are offline.").await;
    page.sees_no("The server cannot be reached.").await;
    page.shows("document.querySelectorAll('#list .done').length", json!(0))
        .await;
    page.shows("document.querySelector('#list input').checked", json!(false))
        .await;
    page.click("button", "Add").await;
    page.lists(&["Buy bread", "Buy milk"]).await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn a_small_screen_shows_everything_without_scrolling_sideways() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    page.set_size(320, 640).await;
    register(
        &page,
        "ann.with.a.very.long.address.that.does.not.break@example.com",
    )
    .await;
    let title = "Averyveryveryveryveryveryveryveryverylongwordthatfitsonnosmallscreen";
    add(&page, title).await;
    page.click("checkbox", title).await;
    page.sees(&format!("Done: {title}")).await;
    page.click("button", &format!("Edit {title}")).await;
    page.has("dialog", "Edit task").await;
    page.shows("document.documentElement.scrollWidth", json!(320))
        .await;
    page.click("button", "Cancel").await;
    page.click("button", &format!("Delete {title}")).await;
    page.sees("Deleted:").await;
    page.shows("document.documentElement.scrollWidth", json!(320))
        .await;
    page.is_flawless();
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    let add_all = "Promise.all(Array.from({ length: 51 }, (_, number) => fetch('/api/tasks', { method: 'POST',
                     headers: { 'content-type': 'application/json' }, body: JSON.stringify({ title: `Task ${number}` }) })
                     .then((response) => response.status)))
                   .then((statuses) => statuses.every((status) => status === 201))";
    assert_eq!(page.value(add_all).await, json!(true));
    page.open("/").await;
    page.sees("50 of 51 tasks").await;
    page.click("button", "Show more").await;
    page.shows("document.querySelectorAll('#list li').length", json!(51))
        .await;
    page.sees_no("Show more").await;
    page.is_flawless();
}

//! Register, log in, log out, and a session that ends.

use super::{PASSWORD, add, register};
use crate::support::{App, Browser, Send as _};

#[tokio::test]
async fn a_person_registers_leaves_and_comes_back() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    page.open("/").await;
    page.is_at("/login").await;
    page.click("link", "Make an account").await;
    page.is_at("/register").await;
    page.has_focus("textbox", "E-mail").await;
    page.write("textbox", "Name, if you like", "Ann").await;
    page.write("textbox", "E-mail", "ann@example.com").await;
    page.write("textbox", "Password", "short").await;
    page.click("button", "Make an account").await;
    page.sees("Password:").await;
    page.has_focus("textbox", "Password").await;
    page.write("textbox", "Password", PASSWORD).await;
    page.press("Enter").await;
    page.is_at("/").await;
    page.sees("Ann").await;
    add(&page, "Buy milk").await;

    page.click("button", "Log out").await;
    page.is_at("/login").await;
    assert_eq!(page.cookie("access_token").await, None);
    page.write("textbox", "E-mail", "ann@example.com").await;
    page.write("textbox", "Password", PASSWORD).await;
    page.click("button", "Log in").await;
    page.lists(&["Buy milk"]).await;
    // The token is where no script sees it.
    assert!(page.cookie("access_token").await.is_some());
    assert_eq!(
        page.value("document.cookie + JSON.stringify(localStorage)").await,
        "{}"
    );
    page.is_flawless();
}

#[tokio::test]
async fn a_wrong_password_and_a_taken_address_are_told_in_words() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    page.click("button", "Log out").await;
    page.is_at("/login").await;
    page.write("textbox", "E-mail", "ann@example.com").await;
    page.write("textbox", "Password", "wrong password").await;
    page.click("button", "Log in").await;
    page.sees("Invalid email or password.").await;
    page.has_focus("textbox", "Password").await;
    page.open("/register").await;
    page.write("textbox", "E-mail", "ann@example.com").await;
    page.write("textbox", "Password", PASSWORD).await;
    page.click("button", "Make an account").await;
    page.sees("Email already registered.").await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn a_session_that_ends_leads_to_the_login_with_the_reason() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.page(&app).await;
    register(&page, "ann@example.com").await;
    let token = page.cookie("access_token").await.unwrap();
    app.post("/auth/logout")
        .bearer_auth(token)
        .answer()
        .await
        .expect(200);
    page.write("textbox", "New task", "Too late").await;
    page.click("button", "Add").await;
    page.is_at("/login?ended").await;
    page.sees("Your session has ended. Log in to go on.").await;
    page.is_flawless_but_for_requests();
}

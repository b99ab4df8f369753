//! The views: numbers, hosts, traps, log, routes and sizes.

use serde_json::json;

use super::{bad, sign_in};
use crate::logs::shows;
use crate::support::postgres::Postgres;
use crate::support::versions::versioned;
use crate::support::{App, Browser, Send as _};

/// The text of a gauge of the first panel.
fn gauge(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('.gauge')].find((one) => one.firstChild.textContent === {}).querySelector('span').textContent",
        json!(name)
    )
}

#[tokio::test]
async fn the_numbers_of_a_component_follow_its_requests() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::serving([shows()]).start().await;
    let page = browser.console(&app).await;
    sign_in(&page, "").await;
    page.shows(gauge("Requests a second"), json!("0")).await;
    page.shows(gauge("Latency, 95th percentile"), json!("–")).await;
    let load = async {
        loop {
            app.get("/shows/log?line=x").answer().await.expect(200);
        }
    };
    let seen = async {
        page.shows(
            format!("parseFloat({}) > 0", gauge("Requests a second")),
            json!(true),
        )
        .await;
        page.shows(
            format!("/ms|s/.test({})", gauge("Latency, 95th percentile")),
            json!(true),
        )
        .await;
        page.shows(format!("parseFloat({}) > 0", gauge("Processor")), json!(true))
            .await;
        page.shows(
            "document.querySelector('.gauge polyline').getAttribute('points').split(' ').length > 2",
            json!(true),
        )
        .await;
    };
    tokio::select! {
        () = load => {}
        () = seen => {}
    }
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn a_trap_shows_up_with_its_backtrace_and_leads_to_its_log() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::serving([bad()]).start().await;
    let page = browser.console(&app).await;
    sign_in(&page, "").await;
    page.click("link", "Traps").await;
    page.sees("No component has failed since the host started.").await;
    let request = app.get("/bad/panic").header("x-request-id", "the-bad-one");
    request.answer().await.expect(502);
    page.sees("misbehaves@1: ").await;
    page.value("document.querySelector('summary').click()").await;
    page.sees("unreachable").await;
    page.sees("the-bad-one").await;
    page.sees("\nat ").await;
    page.click("link", "Its log").await;
    page.sees("misbehaves: the component failed").await;
    page.shows("document.querySelectorAll('.line').length", json!(3))
        .await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn a_limit_that_was_reached_is_counted_beside_its_value() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::serving([bad().limited("memory", "8MiB")]).start().await;
    for (wish, status) in [("hoard", 502), ("loop", 504), ("loop", 504)] {
        app.get(&format!("/bad/{wish}")).answer().await.expect(status);
    }
    let page = browser.console(&app).await;
    sign_in(&page, "#components/misbehaves").await;
    for (limit, cells) in [
        ("memory", ["8 MiB", "1"]),
        ("cpu", ["100 ms", "2"]),
        ("time", ["10 s", "0"]),
    ] {
        let row = format!(
            "[...document.querySelectorAll('th[scope=row]')].filter((one) => one.textContent === '{limit}').map((one) => \
             [...one.parentNode.querySelectorAll('td')].map((cell) => cell.textContent)).at(0)"
        );
        page.shows(row, json!(cells)).await;
    }
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn the_log_is_live_and_filtered() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::serving([shows(), bad()]).start().await;
    let page = browser.console(&app).await;
    sign_in(&page, "").await;
    page.click("link", "Log").await;
    page.sees("the host: listening on http://").await;
    let log = async |id: &str, line: &str| {
        let request = app
            .get(&format!("/shows/log?line={line}"))
            .header("x-request-id", id);
        request.answer().await.expect(200);
    };
    log("one", "first").await;
    page.sees("shows: first").await;
    log("two", "second").await;
    page.sees("shows: second").await;
    page.choose("Component", "shows").await;
    page.sees_no("listening on").await;
    page.sees("shows: second").await;
    page.write("textbox", "Request", "one").await;
    page.press("Enter").await;
    page.sees_no("shows: second").await;
    page.sees("shows: first").await;
    log("one", "third").await;
    page.sees("shows: third").await;
    page.choose("Level, or more severe", "error").await;
    page.sees_no("shows: third").await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn a_login_that_was_refused_is_in_the_log_without_its_address() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::start().await;
    let page = browser.console(&app).await;
    sign_in(&page, "#sizes").await;
    let login = json!({ "email": "nobody@example.com", "password": "wrong password" });
    app.post("/auth/login").json(&login).answer().await.expect(401);
    let failed = "[...document.querySelectorAll('th[scope=row]')].find((one) => one.textContent === 'failed')?.nextSibling.textContent";
    page.shows(failed, json!("1")).await;
    page.click("link", "Refused logins are in the log").await;
    page.sees("a login was refused: the address or the password is wrong client=127.0.0.1")
        .await;
    page.sees_no("nobody@example.com").await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn hosts_routes_grants_and_sizes_are_shown() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let files = tempfile::tempdir().unwrap();
    let versioned = versioned(files.path(), "name=one").saying("environment = { secret = \"not for eyes\" }");
    let app = App::serving([versioned]).start().await;
    let page = browser.console(&app).await;
    sign_in(&page, "").await;
    page.click("link", "Hosts").await;
    page.sees("(this one)").await;
    page.has("link", "version").await;
    page.click("link", "Routes and grants").await;
    page.sees("/version/{*rest}").await;
    page.sees("/health").await;
    page.sees("postgres").await;
    page.sees("secret").await;
    page.sees_no("not for eyes").await;
    page.click("link", "Sizes").await;
    page.sees("BERTH_GUEST_MEMORY").await;
    page.shows("document.activeElement.id", json!("view")).await;
    page.tab_to("link", "Skip to content").await;
    page.press("Enter").await;
    page.shows("document.activeElement.id", json!("view")).await;
    page.shows("location.hash", json!("#sizes")).await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn text_of_a_component_is_only_ever_text() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let app = App::serving([shows()]).start().await;
    let page = browser.console(&app).await;
    sign_in(&page, "#log?component=shows").await;
    let line = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    let query = [("line", line)];
    app.get("/shows/log").query(&query).answer().await.expect(200);
    page.sees(line).await;
    page.shows(
        "document.querySelectorAll('img, script:not([src])').length",
        json!(0),
    )
    .await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn a_host_that_starts_is_shown_as_soon_as_it_can_be() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut postgres = Postgres::absent();
    let app = App::with("DATABASE_URL", postgres.url()).start_listening();
    let page = browser.console(&app).await;
    sign_in(&page, "").await;
    page.sees("This view cannot be shown").await;
    page.sees("The database is not available").await;
    postgres.start_again().await;
    page.has("link", "todo").await;
    page.sees_no("The database is not available").await;
    page.is_flawless_but_for_requests();
}

#[tokio::test]
async fn dropped_lines_of_the_log_are_counted_once() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let silent = shows().limited("log_lines", "1").limited("log_burst", "1s");
    let app = App::serving([silent]).start().await;
    for _ in 0..20 {
        app.get("/shows/log?line=x").answer().await.expect(200);
    }
    let page = browser.console(&app).await;
    sign_in(&page, "#components/shows").await;
    let metrics = app.operator().request_at("GET", "/metrics").answer().await;
    let metrics = metrics.expect(200).text();
    let line = "berth_component_log_lines_dropped_total{component=\"shows\"} ";
    let dropped = metrics.lines().find_map(|one| one.strip_prefix(line)).unwrap();
    let row = "[...document.querySelectorAll('th[scope=row]')].filter((one) => one.textContent === 'log').map((one) => \
               one.parentNode.lastChild.textContent).at(0)";
    page.shows(row, json!(dropped)).await;
    page.is_flawless_but_for_requests();
}

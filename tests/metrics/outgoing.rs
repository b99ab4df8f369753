//! The requests that components send, by outcome.

use super::Page;
use super::limits::counted;
use crate::support::app::Host;
use crate::support::patience::eventually;
use crate::support::upstream::{Reply, Upstream};
use crate::support::{App, Component, Send as _};

/// The fixture `calls-out` as a component of this name, with these destinations.
fn calls(name: &str, destinations: &[&str]) -> Component {
    Component::new("calls-out")
        .called(name)
        .at(&format!("/{name}"))
        .saying(&format!("outgoing = {destinations:?}"))
}

/// Has the component send a request. Returns the status of the component's response: 400 if the request failed.
async fn call(host: &Host, component: &str, url: &str, first_byte: &str) -> u16 {
    let request = host.get(&format!("/{component}"));
    let request = request.query(&[("url", url), ("first_byte", first_byte)]);
    request.answer().await.status
}

/// The outcomes of a component's requests, with their numbers: `2xx 1`.
async fn outcomes(host: &Host, component: &str) -> Vec<String> {
    counted(host, "berth_outgoing_requests_total", component).await
}

/// A server whose response to a path is named by the path.
fn upstream() -> Upstream {
    Upstream::start(|request| match request.text.split(' ').nth(1) {
        Some("/200") => Reply::Body("hello".to_owned()),
        Some("/302") => Reply::Then("HTTP/1.1 302 Found\r\nlocation: /200\r\ncontent-length: 0\r\n\r\n"),
        Some("/404") => Reply::Then("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        Some("/503") => Reply::Then("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"),
        Some("/half") => Reply::Then("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"),
        Some("/closed") => Reply::Then(""),
        _ => Reply::AndWaits(""),
    })
}

#[tokio::test]
async fn a_request_counts_once_by_the_class_of_its_response() {
    let upstream = upstream();
    let app = App::serving([
        calls("one", &[&upstream.url("")]),
        calls("other", &[&upstream.url("")]),
    ]);
    let app = app.start().await;
    let mut expected: Vec<String> = Vec::new();
    for (path, status, outcome) in [
        ("/200", 200, "2xx 1"),
        ("/302", 200, "3xx 1"),
        ("/404", 200, "4xx 1"),
        ("/503", 200, "5xx 1"),
        ("/closed", 400, "failed 1"),
    ] {
        assert_eq!(call(&app, "one", &upstream.url(path), "").await, status, "{path}");
        expected.push(outcome.to_owned());
        assert_eq!(outcomes(&app, "one").await, expected, "{path}");
    }
    // The class is the status of the head, even if the body breaks off.
    assert_eq!(call(&app, "one", &upstream.url("/half"), "").await, 400);
    expected[0] = "2xx 2".to_owned();
    assert_eq!(outcomes(&app, "one").await, expected);
    // A response that does not come in time is no response.
    assert_eq!(call(&app, "one", &upstream.url("/nothing"), "50").await, 400);
    expected[4] = "failed 2".to_owned();
    assert_eq!(outcomes(&app, "one").await, expected);
    assert!(outcomes(&app, "other").await.is_empty());

    let page = Page::of(&app).await;
    let time = |part: &str, component: &str| {
        let name = format!("berth_outgoing_request_duration_seconds_{part}");
        page.sum(&name, &[component])
    };
    assert_eq!(time("count", r#"component="one""#), Some(7.0));
    assert_eq!(time("count", r#"component="other""#), Some(0.0));
    let sum = time("sum", r#"component="one""#);
    assert!(sum >= Some(0.05), "one request waited for 50 ms: {sum:?}");
}

#[tokio::test]
async fn a_request_that_may_not_go_out_is_counted_as_refused() {
    let upstream = upstream();
    let by_name = format!("http://localhost:{}", upstream.address.port());
    let app = App::serving([
        calls("unlisted", &["https://example.com"]),
        calls("private", &[&by_name]),
        Component::new("calls-out").called("nowhere").at("/nowhere"),
    ]);
    let app = app.start().await;
    for (component, url) in [
        ("unlisted", &*upstream.url("/200")),
        // The name is listed, and its address is neither public nor listed.
        ("private", &*format!("{by_name}/200")),
        // The manifest lists no destination.
        ("nowhere", &*upstream.url("/200")),
    ] {
        for number in 1..=2 {
            assert_eq!(call(&app, component, url, "").await, 400, "{component}");
            let expected = [format!("refused {number}")];
            assert_eq!(outcomes(&app, component).await, expected, "{component}");
        }
    }
    assert!(upstream.requests().is_empty());
    let unlisted = [r#"component="unlisted""#];
    let times = "berth_outgoing_request_duration_seconds_count";
    let times = Page::of(&app).await.sum(times, &unlisted);
    assert_eq!(times, Some(2.0), "each outcome has a time");
}

#[tokio::test]
async fn a_request_that_its_component_does_not_wait_for_is_counted_as_abandoned() {
    let upstream = upstream();
    let hurried = calls("hurried", &[&upstream.url("")]).limited("time", "500ms");
    let app = App::serving([hurried]).start().await;
    assert_eq!(call(&app, "hurried", &upstream.url("/never"), "").await, 504);
    eventually(vec!["abandoned 1".to_owned()], async || {
        outcomes(&app, "hurried").await
    })
    .await;
    assert_eq!(upstream.requests().len(), 1);
}

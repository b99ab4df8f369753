//! The keys of `[http]` for the application: valid values, and values that are refused.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::super::faults::ManifestFault;
use super::*;

/// The table of this text, or its faults.
fn read_text(text: &str) -> Result<HttpTable, String> {
    let mut faults = Faults::default();
    let table = faults.parse(text);
    let http = read(table, true, &mut faults);
    faults.none_or(http).map_err(|faults| {
        let shown = faults
            .iter()
            .map(|fault| ManifestFault::new("berth.toml", text, fault).to_string());
        shown.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn without_a_table_the_host_knows_no_application() {
    let http = read_text("").unwrap();
    assert_eq!(http, HttpTable::default());
    assert_eq!(http.service, "berth");
    assert!(http.reserved_users.is_empty() && http.expose_headers.is_empty());
    assert!(http.reserves("auth") && http.reserves("users") && !http.reserves("tasks"));
}

#[test]
fn a_manifest_names_the_service_the_reserved_users_and_the_exposed_headers() {
    let http = read_text(
        "service = \"todo-backend\"\nreserved_users = [\"tasks\", \"chat\"]\nexpose_headers = [\"X-Total-Count\"]",
    )
    .unwrap();
    assert_eq!(http.service, "todo-backend");
    assert!(http.reserves("tasks") && http.reserves("chat") && http.reserves("auth"));
    assert!(!http.reserves("task"));
    assert_eq!(http.expose_headers, ["x-total-count"]);
    assert_eq!(http.own_routes, OwnRoutes::default());
}

#[test]
fn values_that_cannot_be_used_are_refused() {
    let long = "x".repeat(101);
    let refusals = [
        "service = \"\"".to_owned(),
        "service = \" todo\"".to_owned(),
        "service = \"to\\ndo\"".to_owned(),
        format!("service = \"{long}\""),
        "service = 3".to_owned(),
        "serivce = \"todo\"".to_owned(),
        "reserved_users = \"tasks\"".to_owned(),
        "reserved_users = [\"tasks\", \"/chat\", \"\"]".to_owned(),
        "reserved_users = [\"tasks\", \"tasks\"]".to_owned(),
        format!(
            "reserved_users = {:?}",
            (0..101).map(|n| n.to_string()).collect::<Vec<_>>()
        ),
        "expose_headers = [\"x total\"]".to_owned(),
        "expose_headers = [\"*\"]".to_owned(),
        format!("expose_headers = [\"{long}\"]"),
        "expose_headers = [\"Set-Cookie\"]".to_owned(),
        "expose_headers = [\"x-page\", \"X-Page\"]".to_owned(),
    ];
    let faults = refusals.map(|text| read_text(&text).unwrap_err());
    insta::assert_snapshot!(faults.join("\n").replace(&long, "x…"));
}

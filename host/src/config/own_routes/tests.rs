//! Valid tables `[http]`, and tables that are refused.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::super::faults::ManifestFault;
use super::super::http_table;
use super::*;

/// The routes of a table, or its faults.
fn read_text(text: &str) -> Result<OwnRoutes, String> {
    let mut faults = Faults::default();
    let table = faults.parse(text);
    let routes = http_table::read(table, true, &mut faults).own_routes;
    faults.none_or(routes).map_err(|faults| {
        let shown = faults
            .iter()
            .map(|fault| ManifestFault::new("berth.toml", text, fault).to_string());
        shown.collect::<Vec<_>>().join("\n")
    })
}

fn hidden_from(routes: &OwnRoutes, pattern: &str) -> Vec<String> {
    routes
        .hidden_from(&pattern.parse().unwrap())
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn without_a_table_every_route_is_where_clients_expect_it() {
    let routes = read_text("").unwrap();
    assert_eq!(routes, OwnRoutes::default());
    let roots = ["/health", "/ready", "/openapi.json", "/docs", "/auth"];
    let all = [&roots[..], &["/api/auth", "/users/me", "/api/users/me"]].concat();
    assert_eq!(routes.paths(), all);
    assert_eq!(hidden_from(&routes, "/{*rest}"), all);
    assert_eq!(hidden_from(&routes, "/{name}"), roots);
    assert_eq!(hidden_from(&routes, "/health/{*rest}"), ["/health"]);
    assert_eq!(
        hidden_from(&routes, "/api/{*rest}"),
        ["/api/auth", "/api/users/me"]
    );
    for none in ["/", "/x", "/api/{user_id}/tasks/{*rest}"] {
        assert!(hidden_from(&routes, none).is_empty(), "{none}");
    }
    for (probe, is_probe) in [
        ("/health", true),
        ("/ready/", true),
        ("/healthy", false),
        ("/", false),
    ] {
        assert_eq!(routes.is_probe(probe), is_probe, "{probe}");
    }
}

#[test]
fn routes_are_moved_and_switched_off() {
    let routes =
        read_text("health = \"/healthz\"\nready = true\ndocs = false\naccounts = \"/berth/accounts\"")
            .unwrap();
    assert_eq!(
        routes.paths(),
        ["/healthz", "/ready", "/openapi.json", "/berth/accounts"]
    );
    assert!(routes.check(&"/health".parse().unwrap()).is_ok());
    assert!(routes.check(&"/auth/login".parse().unwrap()).is_ok());
    assert!(routes.check(&"/berth/accounts/{*rest}".parse().unwrap()).is_err());

    let routes = read_text("openapi = false\naccounts = false").unwrap();
    assert_eq!(
        routes.paths(),
        ["/health", "/ready"],
        "the page goes with its document"
    );
}

#[test]
fn without_the_page_no_table_brings_it_back() {
    let mut faults = Faults::default();
    let table = faults.parse("docs = \"/documentation\"");
    assert_eq!(http_table::read(table, false, &mut faults).own_routes.docs, None);
}

#[test]
fn tables_that_cannot_be_used_are_refused() {
    let refusals = [
        "healthz = \"/x\"",
        "health = false",
        "docs = 3",
        "docs = \"docs\"",
        "docs = \"/\"",
        "docs = \"/a/{b}\"",
        "docs = \"/a/../b\"",
        "docs = \"/a/\"",
        "docs = true\nopenapi = false",
        "health = \"/ready\"",
        "health = \"/docs/health\"",
        "health = \"/x/health\"\naccounts = \"/x\"",
        "accounts = \"/users/me\"\nready = \"/users/me\"",
    ];
    insta::assert_snapshot!(refusals.map(|text| read_text(text).unwrap_err()).join("\n"));
}

//! The components of this project: their imports, and what the host accepts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wit_component::DecodedWasm;

use crate::support::app::ROOT;
use crate::support::{App, Component, Send};

/// The imports of a built component: its authority, before grants.
fn imports(path: &Path) -> Vec<String> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&fs::read(path).unwrap()).unwrap()
    else {
        panic!("{} is no component", path.display());
    };
    let imports = resolve.worlds[world].imports.keys();
    let mut imports: Vec<_> = imports.map(|key| resolve.name_world_key(key)).collect();
    imports.sort();
    imports
}

fn wasm_files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names
        .filter_map(|name| name.strip_suffix(".wasm").map(str::to_owned))
        .collect();
    names.sort();
    names
}

#[test]
fn what_each_component_imports_is_known() {
    for name in wasm_files("components") {
        let imports = imports(&Path::new(ROOT).join(format!("components/{name}.wasm")));
        insta::assert_snapshot!(format!("imports_of_{name}"), imports.join("\n"));
    }
}

#[test]
fn every_fixture_is_used() {
    let mut used = BTreeSet::new();
    let mut folders = vec![Path::new(ROOT).join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() && entry.file_name() != "fixtures" {
                folders.push(entry.path());
            } else if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "rs")
            {
                let text = fs::read_to_string(entry.path()).unwrap();
                for before in ["Component::new(\"", "tests/fixtures/"] {
                    let names = text
                        .split(before)
                        .skip(1)
                        .filter_map(|rest| rest.split(['"', '.']).next());
                    used.extend(names.map(str::to_owned));
                }
            }
        }
    }
    let unused: Vec<_> = wasm_files("tests/fixtures")
        .into_iter()
        .filter(|name| !used.contains(name))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[tokio::test]
async fn a_component_asks_another_that_the_manifest_names() {
    let asks = Component::new("asks").at("/asks");
    let asks = asks.saying("imports = { \"fixtures:greeting/greeting\" = \"greets\" }");
    let app = App::serving([asks, Component::new("greets").at("/greets")])
        .start()
        .await;
    assert_eq!(
        app.get("/asks").answer().await.expect(200).text(),
        "hello, neighbour"
    );
}

/// `host/runtime/benches/sdk.rs` compares their times and sizes.
#[tokio::test]
async fn the_sdk_and_plain_bindings_give_the_same_answers() {
    let granted = |component: Component| component.granted(&["identity", "logging"]);
    let mut answers = Vec::new();
    for component in [Component::new("cost-plain"), Component::new("cost-sdk")] {
        let app = App::serving([granted(component.at("/cost"))]).start().await;
        let add = app.user("ann").request("POST", "/cost/sum");
        let sum = add
            .json(&serde_json::json!({ "one": 1, "other": 2 }))
            .answer()
            .await
            .expect(200);
        let ready = app.get("/cost").answer().await.expect(200);
        let absent = app.get("/cost/a/b").answer().await.expect(404);
        let headers = ["content-type", "content-length"].map(|name| sum.header(name).map(str::to_owned));
        answers.push((headers, sum.text(), ready.text(), absent.text()));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].1, r#"{"name":"sum","caller":"ann","sum":3}"#);
}

#[tokio::test]
async fn a_component_that_others_wrote_runs_as_it_is() {
    let routes = [
        "/echo",
        "/echo-headers",
        "/echo-trailers",
        "/wait-response",
        "/stream-body",
        "/response-status",
    ];
    let example = routes
        .iter()
        .fold(Component::new("wstd-example"), |example, route| example.at(route));
    let app = App::serving([example]).start().await;
    let long = "all work and no play ".repeat(40_000);
    let echo = app.post("/echo").body(long.clone()).answer().await.expect(200);
    assert!(echo.text() == long, "{} bytes came back", echo.body.len());
    let headers = app
        .get("/echo-headers")
        .header("x-mine", "kept")
        .answer()
        .await
        .expect(200);
    assert_eq!(headers.header("x-mine"), Some("kept"));
    assert!(
        app.get("/wait-response")
            .answer()
            .await
            .expect(200)
            .text()
            .starts_with("slept for ")
    );
    let missing = app.get("/echo/nothing").answer().await;
    assert_eq!(
        (missing.status, missing.header("x-component").is_some()),
        (404, true)
    );
}

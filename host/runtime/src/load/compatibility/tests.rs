#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use crate::fixtures::{Host, dummy, spec};
use crate::{CandidateError, CompatibilityError, check_compatibility};

/// A component that imports an interface with `items`.
fn importer(items: &str) -> Vec<u8> {
    dummy(&wit(items), "importer")
}

/// A component that exports an interface with `items`.
fn exporter(items: &str) -> Vec<u8> {
    dummy(&wit(items), "exporter")
}

fn wit(items: &str) -> String {
    let handler = "export wasi:http/incoming-handler@0.2.12;";
    format!(
        "package test:tasks@0.1.0;
         interface tasks {{ {items} }}
         world importer {{ import tasks; {handler} }}
         world exporter {{ export tasks; {handler} }}
         world neither {{ {handler} }}"
    )
}

async fn fit(imported: &str, exporter: &[u8]) -> Result<(), CompatibilityError> {
    let host = Host::new();
    let ai = host
        .verify(spec("ai", &[("test:tasks/tasks", "todo")]), &importer(imported))
        .await
        .unwrap();
    let todo = host.verify(spec("todo", &[]), exporter).await.unwrap();
    check_compatibility([&ai, &todo], [])
}

const TASKS: &str = "
    record task { id: s64, title: string, tags: list<string>, due: option<s64> }
    variant error { not-found, invalid(string) }
    flags rights { read, write }
    add: func(task: task, as-a: rights) -> result<task, error>;
    delete: func(id: s64) -> result<_, error>;
    ping: func();";

#[tokio::test]
async fn components_that_agree_fit_and_an_exporter_may_have_more() {
    let more = format!("{TASKS} purge: func() -> tuple<u32, char>;");
    assert_eq!(fit(TASKS, &exporter(TASKS)).await, Ok(()));
    assert_eq!(fit(TASKS, &exporter(&more)).await, Ok(()));
}

#[tokio::test]
async fn each_function_that_differs_is_shown_from_both_sides() {
    let other = TASKS
        .replace("due: option<s64>", "due: option<string>")
        .replace(
            "delete: func(id: s64) -> result<_, error>",
            "delete: func(task: s64) -> bool",
        )
        .replace("ping: func();", "pong: func();");
    let error = fit(TASKS, &exporter(&other)).await.unwrap_err();
    insta::assert_snapshot!(error);
}

#[tokio::test]
async fn every_kind_of_type_is_told_from_its_like() {
    let kinds = [
        ("list<u8>", "list<s8>"),
        ("option<string>", "list<string>"),
        ("tuple<u8, u16>", "tuple<u8, u16, u32>"),
        ("tuple<u8, f32>", "tuple<u8, f64>"),
        ("result<u8>", "result<_, u8>"),
        ("result", "result<u8, u8>"),
        ("a", "b"),
        ("c", "d"),
        ("e", "f"),
        ("g", "h"),
    ];
    let types = "enum a { x, y } enum b { y, x } flags c { x, y } flags d { x } \
                 record e { x: u8, y: char } record f { y: char, x: u8 } \
                 variant g { x, y(bool) } variant h { x(bool), y }";
    let mut shown = String::new();
    for (one, other) in kinds {
        let take = |what: &str| format!("{types} take: func(it: {what});");
        let error = fit(&take(one), &exporter(&take(other)))
            .await
            .unwrap_err()
            .to_string();
        shown += error.split_once('\n').unwrap().1;
        shown += "\n";
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn the_exporter_must_be_there_and_export_the_interface() {
    let neither = dummy(&wit(TASKS), "neither");
    insta::assert_snapshot!(
        fit(TASKS, &neither).await.unwrap_err(),
        @"the component `ai` imports `test:tasks/tasks@0.1.0` from `todo`, which does not export it; for other components it exports nothing");

    let host = Host::new();
    let alone = host
        .verify(
            spec("ai", &[("test:tasks/tasks@0.1.0", "todo")]),
            &importer(TASKS),
        )
        .await
        .unwrap();
    insta::assert_snapshot!(check_compatibility([&alone], []).unwrap_err(), @"the component `ai` imports `test:tasks/tasks@0.1.0` from `todo`, which is no component of this host; correct the manifest's `imports`, or add the component");
}

#[tokio::test]
async fn a_new_exporter_is_checked_against_those_that_are_live() {
    let host = Host::new();
    let ai = (spec("ai", &[("test:tasks/tasks", "todo")]), importer(TASKS));
    host.deploy(vec![ai, (spec("todo", &[]), exporter(TASKS))]).await;
    let deployment = host.registry.current();
    let live = || deployment.versions().values().map(AsRef::as_ref);

    let same = host.verify(spec("todo", &[]), &exporter(TASKS)).await.unwrap();
    assert_eq!(check_compatibility([&same], live()), Ok(()));
    let other = host
        .verify(spec("todo", &[]), &exporter("ping: func();"))
        .await
        .unwrap();
    assert!(check_compatibility([&other], live()).is_err());
}

async fn refusal(items: &str, imports: &[(&str, &str)]) -> String {
    match Host::new().verify(spec("ai", imports), &importer(items)).await {
        Err(error @ CandidateError::Link(_)) => error.to_string(),
        Err(error) => format!("refused at another step: {error}"),
        Ok(_) => "not refused".to_owned(),
    }
}

#[tokio::test]
async fn an_import_that_nobody_answers_is_refused_with_the_remedy() {
    insta::assert_snapshot!(refusal(TASKS, &[]).await, @r#"it imports `test:tasks/tasks@0.1.0`, which is not the host's to give; if another component may answer it, name that one in [components.ai] of the manifest: imports = { "test:tasks/tasks" = "…" }"#);
}

#[tokio::test]
async fn resources_do_not_cross() {
    let assigned = [("test:tasks/tasks", "todo")];
    let own = "resource list-of-tasks { next: func() -> string; }";
    insta::assert_snapshot!(refusal(own, &assigned).await, @"it imports `test:tasks/tasks@0.1.0`, but that has the resource `list-of-tasks`, and only values can cross from one component to another, no resources, streams or futures; pass an identifier or a list instead");
}

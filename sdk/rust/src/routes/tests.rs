//! Tests of the search for a handler.

use super::*;

const RESERVED: &[&str] = &["stats", "tasks", "users"];

const ROUTES: Routes = Routes::new(&[
    Route::at("/api/{user_id}/tasks").get(any).post(any),
    Route::at("/api/{user_id}/tasks/{id}")
        .get(any)
        .put(any)
        .patch(any)
        .delete(any),
    Route::at("/api/tasks").get(any).post(any),
    Route::at("/api/tasks/{id}").get(any).delete(any),
    Route::at("/api/stats").get(any),
])
.with_caller("user_id")
.with_reserved(RESERVED);

fn any(_: &Principal, _: &Request) -> Result<Response, Error> {
    Err(Error::NotFound)
}

/// The pattern that answers a GET of `path`.
fn get(path: &str) -> Option<&'static str> {
    ROUTES
        .find(Some(Method::Get), path)
        .ok()
        .map(|(route, _)| route.pattern())
}

#[test]
fn a_literal_segment_beats_a_parameter_whatever_the_order() {
    assert_eq!(get("/api/tasks"), Some("/api/tasks"));
    assert_eq!(get("/api/tasks/7"), Some("/api/tasks/{id}"));
    assert_eq!(get("/api/tasks/tasks"), Some("/api/tasks/{id}"));
    assert_eq!(get("/api/ann/tasks"), Some("/api/{user_id}/tasks"));
    assert_eq!(get("/api/ann/tasks/7"), Some("/api/{user_id}/tasks/{id}"));
    assert_eq!(get("/api/stats"), Some("/api/stats"));
    assert_eq!(get("/api/stats/tasks"), None);
}

#[test]
fn reserved_words_are_never_a_user() {
    for word in RESERVED {
        assert_eq!(get(&format!("/api/{word}/tasks/7/8")), None);
        if *word != "tasks" {
            assert_eq!(get(&format!("/api/{word}/tasks")), None);
            assert_eq!(get(&format!("/api/{word}/tasks/7")), None);
        }
    }
    assert_eq!(get("/api/%75sers/tasks"), None);
    assert_eq!(get("/api/usersmith/tasks"), Some("/api/{user_id}/tasks"));
}

#[test]
fn every_other_path_is_not_found() {
    for path in [
        "",
        "/",
        "/api",
        "/api/",
        "/api//tasks",
        "/api/ann/tasks/",
        "/api/tasks/7/x",
        "/API/tasks",
        "/api/ann",
    ] {
        assert!(
            matches!(ROUTES.find(Some(Method::Get), path), Err(Error::NotFound)),
            "{path}"
        );
    }
}

#[test]
fn a_method_that_a_path_does_not_have_is_told_which_it_has() {
    let allow = |method, path| match ROUTES.find(method, path) {
        Err(Error::MethodNotAllowed { allow }) => allow,
        other => format!("{other:?}"),
    };
    assert_eq!(allow(Some(Method::Delete), "/api/tasks"), "GET, HEAD, POST");
    assert_eq!(
        allow(Some(Method::Post), "/api/ann/tasks/7"),
        "GET, HEAD, PUT, PATCH, DELETE"
    );
    assert_eq!(allow(None, "/api/stats"), "GET, HEAD");
}

#[test]
fn parameters_are_percent_decoded() {
    let value = |path, name| parameter("/api/{user_id}/tasks/{id}", path, name);
    assert_eq!(
        value("/api/auth0%7C12/tasks/7", "user_id").as_deref(),
        Some("auth0|12")
    );
    assert_eq!(value("/api/a%2Fb/tasks/7", "user_id").as_deref(), Some("a/b"));
    assert_eq!(value("/api/%ff/tasks/7", "user_id").as_deref(), Some("\u{fffd}"));
    assert_eq!(value("/api/ann/tasks/7", "id").as_deref(), Some("7"));
    assert_eq!(value("/api/ann/tasks/7", "other"), None);
}

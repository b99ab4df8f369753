//! Tests of the handlers, with a real PostgreSQL.

use berth_sdk::testing::{Answer, Call, Database, Host};
use serde_json::{Value, json};

use super::*;

fn host() -> Host {
    Host::new()
        .with_database(&Database::temporary())
        .migrated(berth_sdk::migrations!())
        .with_row_owner("user_id")
}

fn write(host: &Host, user: &str, entry: &Value) -> Answer {
    host.clone()
        .with_user(user)
        .call(&ROUTES, Call::post("/guestbook").with_json(entry))
}

fn texts(answer: &Answer) -> Vec<Value> {
    let entries: Vec<Value> = answer.json();
    entries
        .into_iter()
        .map(|mut entry| entry["text"].take())
        .collect()
}

#[test]
fn everybody_reads_the_entries_and_authors_delete_their_own() {
    let host = host();
    let first: Value = write(&host, "ann", &json!({ "text": " Hi ", "stars": 5 })).json();
    assert_eq!(
        (&first["author"], &first["text"], &first["stars"]),
        (&json!("ann"), &json!("Hi"), &json!(5))
    );
    write(&host, "bob", &json!({ "text": "Me too" }));
    assert_eq!(
        texts(&host.call(&ROUTES, Call::get("/guestbook"))),
        ["Me too", "Hi"]
    );

    let delete = Call::new(Method::Delete, &format!("/guestbook/{}", first["id"]));
    let (ann, bob) = (host.clone().with_user("ann"), host.clone().with_user("bob"));
    assert_eq!(texts(&ann.call(&ROUTES, Call::get("/guestbook/mine"))), ["Hi"]);
    assert_eq!(bob.call(&ROUTES, delete.clone()).status(), 404);
    assert_eq!(ann.call(&ROUTES, delete).status(), 204);
    assert_eq!(texts(&host.call(&ROUTES, Call::get("/guestbook"))), ["Me too"]);
}

#[test]
fn a_draft_is_seen_and_published_by_its_author_only() {
    let host = host();
    let (ann, bob) = (host.clone().with_user("ann"), host.clone().with_user("bob"));
    let draft = Call::post("/guestbook/drafts").with_json(&json!({ "text": "We had a" }));
    let draft: Value = ann.call(&ROUTES, draft).json();
    let drafts = || Call::get("/guestbook/drafts");
    assert_eq!(texts(&ann.call(&ROUTES, drafts())), ["We had a"]);
    assert!(texts(&bob.call(&ROUTES, drafts())).is_empty());
    assert_eq!(host.call(&ROUTES, drafts()).status(), 401);

    let publish = Call::post(&format!("/guestbook/drafts/{}/publish", draft["id"]));
    assert_eq!(bob.call(&ROUTES, publish.clone()).status(), 404);
    assert_eq!(ann.call(&ROUTES, publish.clone()).status(), 201);
    assert_eq!(ann.call(&ROUTES, publish).status(), 404);
    let entries: Value = bob.call(&ROUTES, Call::get("/guestbook")).json();
    assert_eq!(
        (&entries[0]["author"], &entries[0]["text"]),
        (&json!("ann"), &json!("We had a"))
    );
}

#[test]
fn a_wrong_entry_is_refused_before_the_database_is_asked() {
    let refused = write(&Host::new(), "ann", &json!({ "text": " ", "stars": 6 }));
    assert_eq!(refused.status(), 422);
    let refused: Value = refused.json();
    assert_eq!(
        (&refused["detail"][0]["loc"][1], &refused["detail"][1]["loc"][1]),
        (&json!("text"), &json!("stars"))
    );
    assert_eq!(Host::new().call(&ROUTES, Call::post("/guestbook")).status(), 401);
    assert_eq!(write(&Host::new(), "ann", &json!({ "text": "Hi" })).status(), 503);
}

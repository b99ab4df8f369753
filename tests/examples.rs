//! The examples, each with the manifest that it brings along.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::app::{AppBuilder, ROOT};
use crate::support::upstream::{Reply, Upstream};
use crate::support::{App, Send};

/// A host with the manifest of an example, in which `changes` are made.
fn example(name: &str, changes: &[(&str, &str)]) -> AppBuilder {
    let folder = Path::new(ROOT).join("examples");
    let built = folder.join(format!("{name}-example.wasm"));
    assert!(
        built.exists(),
        "{} is not built: run `cargo xtask test`",
        built.display()
    );
    let manifest = fs::read_to_string(folder.join(name).join("berth.toml")).unwrap();
    let manifest = changes
        .iter()
        .chain(&[("\"../", &*format!("\"{ROOT}/examples/"))])
        .fold(manifest, |manifest, (before, after)| {
            manifest.replace(before, after)
        });
    App::serving([]).preceded_by(&manifest)
}

#[tokio::test]
async fn hello_greets_its_caller_and_strangers() {
    let app = example("hello", &[]).start().await;
    let greeting = app.get("/hello").answer().await.expect(200).text();
    assert_eq!(greeting, "Good morning, stranger!\n");
    let greeting = app.user("ann").get("/hello").await.expect(200).text();
    assert_eq!(greeting, "Good morning, ann!\n");
}

#[tokio::test]
async fn the_guestbook_is_read_by_everybody_and_written_by_users() {
    let app = example("guestbook", &[]).start().await;
    let (ann, bob) = (app.user("ann"), app.user("bob"));
    let new = json!({ "text": " Hi ", "stars": 5 });
    let entry = ann.post("/guestbook", new).await.expect(201).json();
    assert_eq!((&entry["text"], &entry["author"]), (&json!("Hi"), &json!("ann")));
    let read = app.get("/guestbook").answer().await.expect(200).json();
    assert_eq!(read, json!([entry]));
    let path = format!("/guestbook/{}", entry["id"]);
    bob.delete(&path).await.expect(404);
    ann.delete(&path).await.expect(204);
    assert_eq!(ann.get("/guestbook/mine").await.expect(200).json(), json!([]));
    app.post("/guestbook")
        .json(&json!({ "text": "Hi" }))
        .answer()
        .await
        .expect(401);

    let document = app.get("/openapi.json").answer().await.json();
    let write = &document["paths"]["/guestbook"]["post"];
    assert_eq!(
        write["requestBody"]["content"]["application/json"]["example"]["stars"],
        5
    );
}

/// The SQL of drafts has no condition on the owner: PostgreSQL adds it.
#[tokio::test]
async fn a_draft_of_the_guestbook_is_seen_by_its_author_only() {
    let app = example("guestbook", &[]).start().await;
    let (ann, bob) = (app.user("ann"), app.user("bob"));
    let draft = json!({ "text": "We had a", "stars": 4 });
    let draft = ann.post("/guestbook/drafts", draft).await.expect(201).json();
    let other = bob.post("/guestbook/drafts", json!({ "text": "Not yet" })).await;
    let other = other.expect(201).json();
    for (user, own) in [(&ann, &draft), (&bob, &other)] {
        let drafts = user.get("/guestbook/drafts").await.expect(200).json();
        assert_eq!(drafts, json!([own]));
    }
    app.get("/guestbook/drafts").answer().await.expect(401);

    let publish = format!("/guestbook/drafts/{}/publish", draft["id"]);
    bob.post(&publish, json!({})).await.expect(404);
    let entry = ann.post(&publish, json!({})).await.expect(201).json();
    assert_eq!(
        (&entry["author"], &entry["text"], &entry["stars"]),
        (&json!("ann"), &json!("We had a"), &json!(4))
    );
    assert_eq!(bob.get("/guestbook").await.expect(200).json(), json!([entry]));
    assert_eq!(ann.get("/guestbook/drafts").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn the_webhook_passes_a_push_on_to_the_chat() {
    let chat = Upstream::start(|_| Reply::Body("ok".to_owned()));
    let app = example("webhook", &[("https://chat.example.com", &chat.url(""))])
        .with("HOOK_TOKEN", "a long word")
        .with("CHAT_URL", chat.url("/hook"))
        .start()
        .await;
    let push = |token: &'static str| {
        let push = json!({ "repository": "berth", "branch": "main", "commits": [{ "message": "one" }] });
        app.post("/hooks/push")
            .header("x-hook-token", token)
            .json(&push)
            .answer()
    };
    push("a wrong word").await.expect(401);
    assert_eq!(chat.requests().len(), 0);
    push("a long word").await.expect(204);
    let told = chat.requests().remove(0).text;
    assert!(
        told.starts_with("POST /hook ") && told.ends_with(r#"{"text":"1 commits on main of berth: one"}"#),
        "{told}"
    );
}

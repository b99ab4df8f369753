//! `openapi.json`: made from the routes, from the types of responses, and from the function that reads a new entry. The test
//! below writes the file anew when it is outdated, and fails.

use berth_sdk::Method;
use berth_sdk::openapi::{self, Document, Operation, WithTypes, body, id, list, reference};
use serde_json::json;

use crate::ROUTES;
use crate::draft::Draft;
use crate::entry::{Entry, NewEntry};

fn document() -> Document {
    let new_entry = body(NewEntry::read).describe("text", "Trimmed before its characters are counted");
    let document = Document::new("guestbook", env!("CARGO_PKG_VERSION"))
        .tag(
            "guestbook",
            "Entries that everybody reads, and drafts of the caller",
        )
        .parameter("id", "The number of the entry or the draft", &id())
        .with_type::<Entry>()
        .with_type::<Draft>()
        .schema("NewEntry", new_entry.into_schema());
    openapi::of_routes(document, &ROUTES, |pattern, method| {
        operation(pattern, method).tagged("guestbook")
    })
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn operation(pattern: &str, method: Method) -> Operation {
    let entries = list(&reference("Entry"));
    match (pattern, method) {
        ("/guestbook", Method::Get) => Operation::new(
            "list_entries",
            "List entries",
            "The latest 50 entries, newest first.",
        )
        .public()
        .answers(200, "The entries", &entries),
        ("/guestbook", Method::Post) => {
            Operation::new("write_entry", "Write an entry", "Only its text is required.")
                .takes(
                    "NewEntry",
                    true,
                    &json!({ "text": "We had a good time.", "stars": 5 }),
                )
                .answers(201, "The entry", &reference("Entry"))
        }
        ("/guestbook/mine", Method::Get) => Operation::new(
            "list_own_entries",
            "List own entries",
            "The caller's latest 50 entries, newest first.",
        )
        .answers(200, "The entries", &entries),
        ("/guestbook/drafts", Method::Get) => Operation::new(
            "list_drafts",
            "List drafts",
            "The caller's latest 50 drafts, newest first. Nobody else sees them.",
        )
        .answers(200, "The drafts", &list(&reference("Draft"))),
        ("/guestbook/drafts", Method::Post) => {
            Operation::new("write_draft", "Write a draft", "Only its text is required.")
                .takes("NewEntry", true, &json!({ "text": "We had a" }))
                .answers(201, "The draft", &reference("Draft"))
        }
        ("/guestbook/drafts/{id}/publish", Method::Post) => Operation::new(
            "publish_draft",
            "Publish a draft",
            "Makes one of the caller's drafts an entry.",
        )
        .answers(201, "The entry", &reference("Entry"))
        .refuses(404, "`Draft not found`"),
        ("/guestbook/{id}", Method::Delete) => Operation::new(
            "delete_entry",
            "Delete an entry",
            "Deletes one of the caller's entries.",
        )
        .answers_empty(204, "The entry is deleted")
        .refuses(404, "`Entry not found`"),
        _ => panic!(
            "{} {pattern} is not described: add it to openapi.rs",
            method.name()
        ),
    }
}

#[test]
fn the_document_is_up_to_date() -> std::io::Result<()> {
    openapi::check(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &document())
}

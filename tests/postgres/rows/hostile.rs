//! The requests of a hostile component, through the component: none sees or changes a row of another user.

use super::requests::{OF_BOB, REQUESTS, TABLES};
use super::*;

#[tokio::test]
async fn no_request_sees_or_changes_a_row_of_another_user() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("todo.wasm");
    fs::write(&file, version(&[TABLES])).unwrap();
    let component = Component::from_file("todo", &file)
        .at("/todo")
        .granted(&["identity", "postgres"])
        .saying(ROWS)
        .limited("time", "5s");
    let todo = Todo::serving([component], files).await;
    let (ann, bob) = (todo.ann(), todo.bob());
    let (ann_id, bob_id) = (subject(&ann).await, subject(&bob).await);
    let of_users = |statement: &str| {
        let statement = statement
            .replace("'ann'", &format!("'{ann_id}'"))
            .replace("'bob'", &format!("'{bob_id}'"));
        statement.replace("|bob", &format!("|{bob_id}"))
    };
    for (user, name) in [(&ann, "ann"), (&bob, "bob")] {
        let insert = format!("INSERT INTO tasks (title) VALUES ('secret of {name}')");
        assert_eq!(execute(user, &insert).await, "1");
        let note = "INSERT INTO notes (task, body) SELECT id, title FROM tasks";
        assert_eq!(execute(user, note).await, "1");
    }
    for request in REQUESTS {
        execute(&bob, "DELETE FROM templates").await;
        for statement in OF_BOB {
            query(&bob, &of_users(statement)).await;
        }
        for statement in *request {
            let told = query(&ann, &of_users(statement)).await;
            assert!(!told.contains("secret of bob"), "{request:?}: {told}");
        }
        let rows = "SELECT t.title, n.body FROM tasks AS t JOIN notes AS n ON n.task = t.id";
        assert_eq!(
            query(&bob, rows).await,
            r#"[{"title":"secret of bob","body":"secret of bob"}]"#,
            "{request:?}"
        );
    }
}

//! Behind PgBouncer in transaction mode, where the transactions of all users share three sessions.

use futures_util::{StreamExt as _, stream};

use super::{COUNT, ROWS, execute, plain_todo, query, register, steps, subject, titles};
use crate::support::bouncer::PgBouncer;
use crate::support::{App, Send as _, User, cluster};

/// Requests that are under way at the same time.
const AT_ONCE: usize = 24;

#[tokio::test]
async fn users_who_share_the_sessions_of_a_pooler_have_their_own_rows() {
    let (database, files) = (cluster::new_database().await, tempfile::tempdir().unwrap());
    let bouncer = PgBouncer::start(&database, "");
    let todo = plain_todo(files.path()).saying(ROWS).limited("time", "5s");
    let app = App::serving([todo])
        .with("DATABASE_URL", bouncer.url())
        .start_alone();
    let (ann, bob) = (
        register(&app, "ann@example.com").await,
        register(&app, "bob@example.com").await,
    );
    let (ann, bob) = (User::new(&app, ann), User::new(&app, bob));
    for (user, title) in [(&ann, "ann"), (&bob, "bob")] {
        let insert = format!("INSERT INTO tasks (title) VALUES ('{title}')");
        assert_eq!(execute(user, &insert).await, "1");
    }
    let ann_id = subject(&ann).await;
    let claim = format!("|{ann_id}");
    let set = format!("SELECT set_config('berth.claim', '{claim}', false) <> '' AS done");
    let later = format!("SET berth.claim = '{claim}'");

    let turn = async |number: usize| {
        let (user, own) = if number.is_multiple_of(2) {
            (&ann, "ann")
        } else {
            (&bob, "bob")
        };
        let own = format!(r#"[{{"title":"{own}"}}]"#);
        match number % 16 {
            0 | 1 => {
                let sleep = "SELECT title FROM tasks, pg_sleep(0.02)";
                assert_eq!(steps(user, "rollback", &[COUNT, sleep]).await[1], own);
            }
            2 => {
                let hold = "DECLARE held CURSOR WITH HOLD FOR SELECT title FROM tasks";
                assert_eq!(steps(user, "commit", &[hold]).await, ["[]"]);
            }
            3 => assert_eq!(query(user, "FETCH ALL FROM held").await, "34000"),
            5 => {
                // The claim of ann, on a session on which ann was the last caller.
                let outcomes = steps(user, "commit", &[&later, COUNT, &set, COUNT]).await;
                assert_eq!(outcomes[3], r#"[{"n":1}]"#, "{outcomes:?}");
                assert_eq!(outcomes[1], r#"[{"n":1}]"#, "{outcomes:?}");
                assert_eq!(execute(user, &later).await, "0");
            }
            7 => {
                let at_once = format!(
                    "WITH c AS MATERIALIZED (SELECT set_config('berth.claim', '{claim}', true))
                     SELECT (SELECT count(*) FROM tasks) AS n FROM c"
                );
                let seen = query(user, &at_once).await;
                assert!(matches!(&*seen, r#"[{"n":0}]"# | r#"[{"n":1}]"#), "{seen}");
            }
            9 => assert_eq!(
                steps(user, "drop", &["SELECT 1 / 0", COUNT]).await,
                ["22012", "25P02"]
            ),
            11 => {
                let anonymous = app.get("/todo/query").query(&[("sql", COUNT)]);
                assert_eq!(anonymous.answer().await.expect(200).text(), r#"[{"n":0}]"#);
            }
            12 => drop(
                user.request("GET", "/todo/trap")
                    .query(&[("sql", COUNT)])
                    .answer()
                    .await,
            ),
            _ => assert_eq!(titles(user).await, own),
        }
    };
    stream::iter(0..480)
        .map(turn)
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
    // The last claim of all sessions, which would tell who calls.
    for look in [
        "SELECT last_value FROM berth_session.claims",
        "SELECT currval('berth_session.claims')",
        "SELECT nextval('berth_session.claims')",
        "SELECT pg_sequence_last_value('berth_session.claims')",
    ] {
        assert_eq!(query(&bob, look).await, "42501", "{look}");
    }
    let listed = "SELECT last_value FROM pg_sequences WHERE sequencename = 'claims'";
    assert_eq!(query(&bob, listed).await, r#"[{"last_value":null}]"#);
    for _ in 0..8 {
        assert_eq!(titles(&ann).await, r#"[{"title":"ann"}]"#);
        assert_eq!(titles(&bob).await, r#"[{"title":"bob"}]"#);
    }
}

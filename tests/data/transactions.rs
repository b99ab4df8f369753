//! Guests that end in the middle of a transaction leave nothing behind.

use super::{done, run, sql};
use crate::support::App;

const COUNT: &str = "SELECT count(*) AS n FROM notes";

async fn notes() -> App {
    let app = App::serving([sql("one").limited("cpu", "300ms")]).start().await;
    done(&app, "/one/execute", "CREATE TABLE notes (id int PRIMARY KEY)").await;
    app
}

#[tokio::test]
async fn what_is_committed_stays_and_nothing_else() {
    let app = notes().await;
    for (end, status, rows) in [
        ("commit", 200, 1),
        ("rollback", 200, 0),
        ("abandon", 200, 0),
        ("trap", 502, 0),
        ("hold", 504, 0),
    ] {
        done(&app, "/one/execute", "DELETE FROM notes").await;
        let answer = run(&app, &format!("/one/{end}"), "INSERT INTO notes VALUES (1)").await;
        assert_eq!(answer.status, status, "{end}");
        // The key is free again, so nobody holds the row any more.
        assert_eq!(
            done(&app, "/one/json", COUNT).await,
            format!(r#"[{{"n":{rows}}}]"#),
            "{end}"
        );
        let again = run(
            &app,
            "/one/commit",
            "INSERT INTO notes VALUES (1) ON CONFLICT DO NOTHING",
        )
        .await;
        assert_eq!(again.expect(200).text(), (1 - rows).to_string(), "{end}");
    }
}

#[tokio::test]
async fn a_refused_statement_rolls_its_transaction_back() {
    let app = notes().await;
    done(&app, "/one/execute", "INSERT INTO notes VALUES (1)").await;
    let answer = run(&app, "/one/commit", "INSERT INTO notes VALUES (2), (1)").await;
    assert_eq!(
        (answer.status, &*answer.text()),
        (400, "23505"),
        "unique_violation"
    );
    assert_eq!(done(&app, "/one/json", COUNT).await, r#"[{"n":1}]"#);
}

#[tokio::test]
async fn guests_that_end_in_the_middle_use_up_no_connections() {
    let app = notes().await;
    for number in 0..60 {
        let insert = format!("INSERT INTO notes VALUES ({number})");
        assert_eq!(run(&app, "/one/trap", &insert).await.status, 502);
    }
    assert_eq!(done(&app, "/one/json", COUNT).await, r#"[{"n":0}]"#);
}

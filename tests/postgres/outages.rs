//! A PostgreSQL that is away at the start, goes and comes back under load, or cuts connections that lie idle.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::support::app::Host;
use crate::support::cluster;
use crate::support::patience::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::WAIT_TIMEOUT;
use crate::support::{Answer, App, Send};

/// Callers that write and read at the same time.
const CALLERS: usize = 8;

/// The maximum of requests that a caller sends.
const ROUNDS: usize = 100_000;

#[tokio::test]
async fn a_database_that_cannot_be_used_says_what_to_change() {
    let database = cluster::new_database().await;
    let absent = Postgres::absent();
    for (url, says) in [
        (absent.url(), "no server listens at its host and port"),
        (
            "postgresql://me@nothing.invalid/todo".to_owned(),
            "its host's name is unknown",
        ),
        (
            cluster::url_of(database.socket(), "postgres", "nothing"),
            "has no database of that name",
        ),
        (
            database.url_as("nobody-at-all"),
            "refuses the user or the password",
        ),
    ] {
        let app = App::with("DATABASE_URL", &url).start_listening();
        app.process.wait_for(says);
        eventually(true, async || {
            app.get("/ready").answer().await.expect(503).text().contains(says)
        })
        .await;
    }
}

#[tokio::test]
async fn a_host_whose_database_is_away_lives_says_why_it_is_not_ready_and_comes_up_by_itself() {
    let mut postgres = Postgres::absent();
    let app = App::with("DATABASE_URL", postgres.url()).start_listening();
    assert_eq!(
        app.get("/health").answer().await.expect(200).json()["status"],
        "healthy"
    );
    let ready = app.get("/ready").answer().await.expect(503);
    assert!(
        ready.text().contains("The database does not answer"),
        "{}",
        ready.text()
    );
    is_away(&app.user("ann").get("/api/tasks").await);

    postgres.start_again().await;
    app.wait_until_ready();
    app.user("ann").add_titled("Buy milk").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_and_no_answer_wrong_while_the_database_goes_and_comes() {
    let mut postgres = Postgres::start().await;
    let app = App::with("DATABASE_URL", postgres.url()).start_alone();
    let counts = Counts::default();
    let outages = async {
        for _ in 0..2 {
            counts.wait_for_more(&counts.acknowledged, 20 * CALLERS).await;
            postgres.stop().await;
            counts.wait_for_more(&counts.turned_away, 5 * CALLERS).await;
            app.get("/health").answer().await.expect(200);
            app.get("/ready").answer().await.expect(503);
            postgres.start_again().await;
        }
        counts.wait_for_more(&counts.acknowledged, 20 * CALLERS).await;
        counts.done.store(1, SeqCst);
    };
    let callers = (0..CALLERS).map(|number| caller(&app, number, &counts));
    let (written, ()) = tokio::join!(futures_util::future::join_all(callers), outages);

    app.get("/ready").answer().await.expect(200);
    for (number, tasks) in written.into_iter().enumerate() {
        let user = app.user(&format!("caller-{number}"));
        for (id, title) in tasks {
            let task = user.get(&format!("/api/tasks/{id}")).await.expect(200).json();
            assert_eq!(task["title"], *title, "an acknowledged write is lost");
        }
    }
}

#[tokio::test]
async fn connections_that_the_server_cut_while_they_lay_idle_are_replaced_unnoticed() {
    let app = App::start().await;
    app.user("ann").add_titled("Buy milk").await;
    app.database.end_sessions().await;
    // A connection is believed to live for a second after its last answer.
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(app.user("ann").titles("/api/tasks").await, ["Buy milk"]);
}

#[tokio::test]
async fn a_server_that_is_out_of_something_is_no_fault_of_ours() {
    let app = App::start().await;
    let ann = app.user("ann");
    ann.add_titled("Buy milk").await;
    let mut connection = app.database.connect().await;
    for sqlstate in ["53100", "53200", "57P03"] {
        // Fails every write, as a full disk does.
        let refuse = format!(
            "CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '{sqlstate}'; END $$; \
             CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON todo.tasks EXECUTE FUNCTION public.refuse(); \
             CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON ai.conversations EXECUTE FUNCTION public.refuse(); \
             CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON berth.accounts EXECUTE FUNCTION public.refuse();"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(refuse))
            .execute(&mut connection)
            .await
            .unwrap();
        is_away(&ann.post("/api/tasks", json!({ "title": "Buy bread" })).await);
        is_away(&ann.post("/api/chat", json!({ "message": "hello" })).await);
        let account = json!({ "email": "ann@example.com", "password": "correct horse" });
        is_away(&app.post("/auth/register").json(&account).answer().await);
    }
    assert_eq!(
        ann.titles("/api/tasks").await,
        ["Buy milk"],
        "what is not refused works"
    );
}

/// The results of the requests of all callers.
#[derive(Default)]
struct Counts {
    acknowledged: AtomicUsize,
    turned_away: AtomicUsize,
    done: AtomicUsize,
}

impl Counts {
    async fn wait_for_more(&self, count: &AtomicUsize, more: usize) {
        let wanted = count.load(SeqCst) + more;
        let pause = Duration::from_millis(10);
        for _ in 0..WAIT_TIMEOUT.as_millis() / pause.as_millis() {
            if count.load(SeqCst) >= wanted {
                return;
            }
            sleep(pause).await;
        }
        panic!(
            "{} acknowledged, {} turned away",
            self.acknowledged.load(SeqCst),
            self.turned_away.load(SeqCst)
        );
    }
}

/// Writes one task after the other and reads what it wrote last. Returns what was acknowledged: ids and titles.
async fn caller(app: &Host, number: usize, counts: &Counts) -> Vec<(String, String)> {
    let user = app.user(&format!("caller-{number}"));
    let mut written = Vec::new();
    for round in 0..ROUNDS {
        if counts.done.load(SeqCst) > 0 {
            break;
        }
        let title = format!("{number}.{round}");
        let answer = user.post("/api/tasks", json!({ "title": title })).await;
        if answer.status == 201 {
            written.push((answer.json()["id"].to_string(), title));
            counts.acknowledged.fetch_add(1, SeqCst);
        } else {
            is_away(&answer);
            counts.turned_away.fetch_add(1, SeqCst);
        }
        if let Some((id, title)) = written.last() {
            let answer = user.get(&format!("/api/tasks/{id}")).await;
            if answer.status == 200 {
                assert_eq!(answer.json()["title"], **title);
            } else {
                is_away(&answer);
            }
        }
    }
    written
}

/// Asserts that an answer says to come back later.
fn is_away(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some(), "{}", answer.text());
}

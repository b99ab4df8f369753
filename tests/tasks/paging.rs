//! `limit` and `offset`, on a thousand tasks and more.

use sqlx::Executor;

use crate::support::{App, User};

/// Fills the list of one user behind the API's back: a thousand requests would show no more.
async fn a_thousand_tasks(app: &App, user: &User<'_>) {
    user.get("/api/tasks").await.expect(200);
    let insert = "INSERT INTO todo.tasks (user_id, title, completed, priority, tags, created_at) \
                  SELECT 'ann', 'task ' || n, false, 'medium', '{}', now() - make_interval(secs => 1000 - n) \
                  FROM generate_series(1, 1000) n";
    app.database.connect().await.execute(insert).await.unwrap();
}

#[tokio::test]
async fn pages_are_complete_and_do_not_overlap() {
    let app = App::start().await;
    let ann = app.user("ann");
    a_thousand_tasks(&app, &ann).await;
    for (limit, sort) in [
        (200, "created_at"),
        (200, "priority"),
        (199, "due_date"),
        (7, "updated_at"),
    ] {
        let mut seen = Vec::new();
        loop {
            let path = format!("/api/tasks?limit={limit}&offset={}&sort={sort}", seen.len());
            let answer = ann.get(&path).await.expect(200);
            assert_eq!(answer.header("x-total-count"), Some("1000"));
            let page = answer.json();
            let page = page.as_array().unwrap();
            if page.is_empty() {
                break;
            }
            assert_eq!(page.len(), limit.min(1000 - seen.len()));
            seen.extend(page.iter().map(|task| task["id"].as_i64().unwrap()));
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1000, "{sort}");
    }
}

#[tokio::test]
async fn without_a_limit_everything_comes() {
    let app = App::start().await;
    let ann = app.user("ann");
    a_thousand_tasks(&app, &ann).await;
    let titles = ann.titles("/api/tasks").await;
    assert_eq!(titles.len(), 1000);
    assert_eq!((&*titles[0], &*titles[999]), ("task 1000", "task 1"));
    assert_eq!(ann.get("/api/tasks").await.header("x-total-count"), Some("1000"));
    assert_eq!(ann.titles("/api/tasks?offset=998").await, ["task 2", "task 1"]);
}

#[tokio::test]
async fn a_limit_is_from_1_to_200() {
    let app = App::start().await;
    let ann = app.user("ann");
    a_thousand_tasks(&app, &ann).await;
    for limit in [1, 2, 199, 200] {
        assert_eq!(
            ann.titles(&format!("/api/tasks?limit={limit}")).await.len(),
            limit
        );
    }
    for limit in [0, 201] {
        ann.get(&format!("/api/tasks?limit={limit}")).await.expect(422);
    }
}

#[tokio::test]
async fn beyond_the_end_is_nothing() {
    let app = App::start().await;
    let ann = app.user("ann");
    a_thousand_tasks(&app, &ann).await;
    for offset in ["1000", "1001", "9223372036854775807"] {
        let answer = ann
            .get(&format!("/api/tasks?limit=200&offset={offset}"))
            .await
            .expect(200);
        assert_eq!(
            (answer.text(), answer.header("x-total-count")),
            ("[]".to_owned(), Some("1000"))
        );
    }
}

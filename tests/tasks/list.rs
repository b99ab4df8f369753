//! `GET …/tasks`: filters and order.

use serde_json::json;

use super::in_days;
use crate::support::{App, User};

/// Six tasks, each different in a way that a filter tells apart.
async fn six_tasks(user: &User<'_>) {
    for task in [
        json!({ "title": "apple", "priority": "low", "category": "food", "tags": ["a", "b"] }),
        json!({ "title": "Banana", "priority": "high", "due_date": in_days(-2), "tags": ["b"] }),
        json!({ "title": "cherry", "completed": true, "due_date": in_days(-1), "category": "food" }),
        json!({ "title": "date", "description": "An APPLE a day", "due_date": in_days(3) }),
        json!({ "title": "50% off_\\", "priority": "urgent", "completed": true }),
        json!({ "title": "fig", "due_date": in_days(30), "category": "Food", "tags": ["A"] }),
    ] {
        user.add(task).await;
    }
}

#[tokio::test]
async fn the_list_is_a_bare_array_newest_first() {
    let app = App::start().await;
    let ann = app.user("ann");
    assert_eq!(ann.get("/api/tasks").await.expect(200).text(), "[]");
    six_tasks(&ann).await;
    let expected = ["fig", "50% off_\\", "date", "cherry", "Banana", "apple"];
    for path in [
        "/api/tasks",
        "/api/tasks/",
        "/api/ann/tasks",
        "/api/ann/tasks/",
        "/dashboard/tasks",
    ] {
        assert_eq!(ann.titles(path).await, expected, "{path}");
        assert_eq!(ann.get(path).await.header("x-total-count"), Some("6"), "{path}");
    }
}

#[tokio::test]
async fn every_filter_lets_through_what_it_says() {
    let app = App::start().await;
    let ann = app.user("ann");
    six_tasks(&ann).await;
    let before = form_urlencoded::byte_serialize(in_days(2).as_bytes()).collect::<String>();
    for (query, expected) in [
        ("status=all", "apple Banana cherry date 50% off_\\ fig"),
        ("status=pending", "apple Banana date fig"),
        ("status=incomplete", "apple Banana date fig"),
        ("status=active", "apple Banana date fig"),
        ("status=completed", "cherry 50% off_\\"),
        ("status=complete", "cherry 50% off_\\"),
        ("status=done", "cherry 50% off_\\"),
        ("completed=true", "cherry 50% off_\\"),
        ("completed=1", "cherry 50% off_\\"),
        ("completed=no", "apple Banana date fig"),
        ("status=completed&completed=false", ""),
        ("priority=high", "Banana"),
        ("priority=medium", "cherry date fig"),
        ("priority=hig", ""),
        ("category=food", "apple cherry"),
        ("tag=b", "apple Banana"),
        ("tag=A", "fig"),
        ("search=apple", "apple date"),
        ("search=APPLE", "apple date"),
        ("search=%25", "50% off_\\"),
        ("search=_", "50% off_\\"),
        ("search=%5C", "50% off_\\"),
        ("search=a+day", "date"),
        ("overdue=true", "Banana"),
        ("overdue=false", "apple cherry date 50% off_\\ fig"),
        (&format!("due_before={before}"), "Banana cherry"),
        (&format!("due_after={before}"), "date fig"),
        (&format!("due_after={before}&category=Food&unknown=1"), "fig"),
    ] {
        let titles = ann.titles(&format!("/api/tasks?{query}&order=asc")).await;
        assert_eq!(titles.join(" "), expected, "{query}");
        let counted = ann.get(&format!("/api/tasks?{query}&limit=1")).await;
        assert_eq!(
            counted.header("x-total-count"),
            Some(&*titles.len().to_string()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn every_sort_has_both_orders() {
    let app = App::start().await;
    let ann = app.user("ann");
    six_tasks(&ann).await;
    let apple = &ann.get("/api/tasks?search=apple&order=asc").await.json()[0];
    ann.patch(&super::path_of(apple), json!({ "title": "apple" }))
        .await
        .expect(200);
    for (sort, first, last) in [
        ("created_at", "apple", "fig"),
        ("created", "apple", "fig"),
        ("updated_at", "Banana", "apple"),
        ("title", "50% off_\\", "fig"),
        ("due_date", "Banana", ""),
    ] {
        let ascending = ann.titles(&format!("/api/tasks?sort={sort}&order=asc")).await;
        let descending = ann.titles(&format!("/api/tasks?sort={sort}&order=desc")).await;
        assert_eq!(ascending.len(), 6);
        assert_eq!(ascending[0], first, "{sort}");
        if last.is_empty() {
            assert_eq!(
                &ascending[..4],
                ["Banana", "cherry", "date", "fig"],
                "tasks without a date come last"
            );
        } else {
            assert_eq!(ascending[5], last, "{sort}");
            assert_eq!(
                descending,
                ascending.iter().rev().cloned().collect::<Vec<_>>(),
                "{sort}"
            );
        }
    }
    assert_eq!(
        ann.titles("/api/tasks?sort=title").await[0],
        "fig",
        "the order is descending unless it is said"
    );
    let by_priority = ann.titles("/api/tasks?sort=priority&order=desc").await;
    assert_eq!(
        (&*by_priority[0], &*by_priority[1], &*by_priority[5]),
        ("50% off_\\", "Banana", "apple")
    );
}

#[tokio::test]
async fn a_bad_value_is_refused() {
    let app = App::start().await;
    let ann = app.user("ann");
    for (query, fault) in [
        ("status=finished", "enum query.status"),
        ("status=Pending", "enum query.status"),
        ("completed=perhaps", "bool_parsing query.completed"),
        ("overdue=2", "bool_parsing query.overdue"),
        ("sort=user_id", "enum query.sort"),
        ("sort=title;drop", "enum query.sort"),
        ("order=up", "enum query.order"),
        ("limit=0", "greater_than_equal query.limit"),
        ("limit=201", "less_than_equal query.limit"),
        ("limit=-1", "greater_than_equal query.limit"),
        ("limit=ten", "int_parsing query.limit"),
        ("limit=", "int_parsing query.limit"),
        ("limit=99999999999999999999", "int_parsing_size query.limit"),
        ("offset=-1", "greater_than_equal query.offset"),
        ("offset=x", "int_parsing query.offset"),
        ("due_before=soon", "datetime_from_date_parsing query.due_before"),
        (
            "due_after=2030-13-01",
            "datetime_from_date_parsing query.due_after",
        ),
    ] {
        assert_eq!(
            ann.get(&format!("/api/tasks?{query}")).await.faults(),
            [fault],
            "{query}"
        );
        assert_eq!(
            ann.get(&format!("/api/ann/tasks/?{query}")).await.faults(),
            [fault],
            "{query}"
        );
    }
    let faults = ann.get("/api/tasks?limit=0&sort=x&offset=y").await.faults();
    assert_eq!(faults.len(), 3, "{faults:?}");
}

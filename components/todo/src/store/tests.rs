//! The statements' SQL. Tests in `tests/` run them against PostgreSQL.

use berth_sdk::contract::Fields;

use super::*;

fn filter(query: &str) -> (String, Vec<String>) {
    let listing = Listing::read(Fields::query(query)).unwrap_or_default();
    let statement = count("ann", &listing);
    let text = statement
        .text()
        .strip_prefix("SELECT count(*) AS total FROM tasks WHERE user_id = $1")
        .unwrap_or_default();
    let params = statement
        .params()
        .iter()
        .skip(1)
        .map(|value| format!("{value:?}"));
    (text.to_owned(), params.collect())
}

fn text_param(text: &str) -> String {
    format!("{:?}", Value::from(text))
}

#[test]
fn every_statement_is_bound_to_the_user() {
    let listing = Listing::default();
    let task = NewTask {
        title: "x".into(),
        description: None,
        completed: false,
        priority: "medium".into(),
        category: None,
        tags: vec![],
        due_date: None,
    };
    let titled = TaskChanges {
        title: Some("x".into()),
        ..TaskChanges::default()
    };
    for statement in [
        list("ann", &listing, Shape::Api, 10, 0),
        count("ann", &listing),
        create("ann", task, Shape::Api),
        read("ann", 7, Shape::Api),
        update("ann", 7, titled, Shape::Api),
        update("ann", 7, TaskChanges::default(), Shape::Api),
        complete("ann", 7, None, Shape::Api),
        complete("ann", 7, Some(true), Shape::Api),
        delete("ann", 7),
        overview("ann"),
        stats("ann"),
    ] {
        let place = statement
            .params()
            .iter()
            .position(|param| matches!(param, Value::Text(user) if user == "ann"));
        let bound = place
            .map(|index| format!("user_id = ${}", index + 1))
            .unwrap_or_default();
        let is_bound = statement.text().ends_with(&bound) || statement.text().contains(&format!("{bound} "));
        let is_insert = statement.text().starts_with("INSERT INTO tasks (user_id, ") && place == Some(0);
        assert!(
            !bound.is_empty() && (is_bound || is_insert),
            "{}",
            statement.text()
        );
    }
}

#[test]
fn filters_are_joined_by_and() {
    assert_eq!(filter(""), (String::new(), vec![]));
    assert_eq!(
        filter("status=pending&completed=true&priority=high&category=home&tag=a"),
        (
            " AND NOT completed AND completed = $2 AND priority = $3 AND category = $4 AND $5 = ANY (tags)"
                .into(),
            vec![
                format!("{:?}", Value::Boolean(true)),
                text_param("high"),
                text_param("home"),
                text_param("a")
            ]
        )
    );
    assert_eq!(filter("status=completed").0, " AND completed");
    assert_eq!(
        filter("overdue=true").0,
        " AND NOT completed AND due_date < now()"
    );
    assert_eq!(
        filter("overdue=false").0,
        " AND (completed OR due_date IS NULL OR due_date >= now())"
    );
    assert_eq!(
        filter("due_before=1970-01-01T00:00:02Z&due_after=1970-01-01T00:00:01Z"),
        (
            " AND due_date < $2 AND due_date > $3".into(),
            vec![
                format!("{:?}", Value::Timestamptz(2_000_000)),
                format!("{:?}", Value::Timestamptz(1_000_000))
            ]
        )
    );
}

#[test]
fn nothing_that_is_searched_for_is_a_wildcard() {
    let (text, params) = filter("search=100%25_%5C");
    assert_eq!(text, " AND (title ILIKE $2 OR description ILIKE $3)");
    assert_eq!(params, [text_param(r"%100\%\_\\%"), text_param(r"%100\%\_\\%")]);
}

#[test]
fn a_page_has_a_limit_and_an_offset() {
    let statement = list("ann", &Listing::default(), Shape::Api, 20, 40);
    assert_eq!(
        statement.text(),
        "SELECT id, user_id, title, description, completed, priority, category, tags, due_date, created_at, \
         updated_at FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
    );
    assert!(matches!(
        statement.params(),
        [_, Value::Int8(20), Value::Int8(40)]
    ));
}

#[test]
fn every_order_ends_with_the_id() {
    for (_, sort) in crate::listing::SORT.0 {
        assert!(order_by(*sort, Order::Ascending).ends_with(", id"));
        assert!(order_by(*sort, Order::Descending).ends_with(" DESC, id DESC") || *sort == Sort::DueDate);
        assert!(order_by(*sort, Order::Descending).ends_with(", id DESC"));
    }
}

#[test]
fn the_dashboard_gets_the_status_too() {
    assert!(
        read("ann", 7, Shape::Dashboard)
            .text()
            .contains("completed AS status")
    );
    assert!(!read("ann", 7, Shape::Api).text().contains("status"));
}

#[test]
fn only_what_changes_is_assigned() {
    let changes = TaskChanges {
        title: Some("x".into()),
        description: Change::Clear,
        priority: Change::Clear,
        tags: Change::Clear,
        category: Change::Set("home".into()),
        ..TaskChanges::default()
    };
    let statement = update("ann", 7, changes, Shape::Api);
    let expected = "UPDATE tasks SET updated_at = now(), title = $1, description = $2, priority = $3, \
                    category = $4, tags = $5 WHERE id = $6 AND user_id = $7 RETURNING id, ";
    assert!(statement.text().starts_with(expected), "{}", statement.text());
    assert!(matches!(statement.params()[1], Value::Null));
    assert!(matches!(&statement.params()[2], Value::Text(priority) if priority == "medium"));
    assert!(matches!(statement.params()[5], Value::Int8(7)));
}

#[test]
fn no_change_changes_nothing() {
    assert_eq!(
        update("ann", 7, TaskChanges::default(), Shape::Api).text(),
        read("ann", 7, Shape::Api).text()
    );
}

//! Tests of valid and invalid queries.

use serde_json::json;

use super::*;

fn read(query: &str) -> Result<Listing, Violations> {
    Listing::read(Fields::query(query))
}

/// The type of each violation.
fn faults(query: &str) -> Vec<&'static str> {
    let violations = read(query).err();
    violations
        .iter()
        .flat_map(Violations::iter)
        .map(|violation| violation.kind)
        .collect()
}

#[test]
fn nothing_asked_is_all_newest_first() {
    let listing = Listing {
        status: Status::All,
        sort: Sort::CreatedAt,
        order: Order::Descending,
        limit: None,
        offset: 0,
        ..Listing::default()
    };
    assert_eq!(read(""), Ok(listing));
}

#[test]
fn every_parameter_is_read() {
    let query = "status=pending&completed=false&priority=high&category=home&tag=a%20b&search=milk\
        &due_before=1970-01-01T00:00:02Z&due_after=1970-01-01T00:00:01%2B00:00&overdue=1\
        &sort=title&order=asc&limit=20&offset=40&unknown=1";
    let listing = read(query);
    let times = listing.as_ref().ok().map(|listing| {
        (
            listing.due_before.map(Timestamp::microseconds),
            listing.due_after.map(Timestamp::microseconds),
        )
    });
    assert_eq!(times, Some((Some(2_000_000), Some(1_000_000))));
    assert_eq!(
        listing.map(|listing| Listing {
            due_before: None,
            due_after: None,
            ..listing
        }),
        Ok(Listing {
            status: Status::Pending,
            completed: Some(false),
            priority: Some("high".into()),
            category: Some("home".into()),
            tag: Some("a b".into()),
            search: Some("milk".into()),
            due_before: None,
            due_after: None,
            overdue: Some(true),
            sort: Sort::Title,
            order: Order::Ascending,
            limit: Some(20),
            offset: 40,
        })
    );
}

#[test]
fn an_empty_text_filters_nothing() {
    assert_eq!(read("priority=&category=&tag=&search="), Ok(Listing::default()));
}

#[test]
fn created_is_another_word_for_created_at() {
    assert_eq!(
        read("sort=created").map(|listing| listing.sort),
        Ok(Sort::CreatedAt)
    );
}

#[test]
fn a_status_has_several_words() {
    for (words, status) in [
        (&["pending", "incomplete", "active"][..], Status::Pending),
        (&["completed", "complete", "done"], Status::Completed),
    ] {
        for word in words {
            assert_eq!(
                read(&format!("status={word}")).map(|listing| listing.status),
                Ok(status),
                "{word}"
            );
        }
    }
}

#[test]
fn limit_and_offset_have_bounds() {
    for good in [
        "limit=1",
        "limit=2",
        "limit=199",
        "limit=200",
        "offset=0",
        "offset=1",
        "offset=9223372036854775807",
    ] {
        assert_eq!(faults(good), [""; 0], "{good}");
    }
    for (bad, kind) in [
        ("limit=0", "greater_than_equal"),
        ("limit=201", "less_than_equal"),
        ("limit=", "int_parsing"),
        ("limit=many", "int_parsing"),
        ("offset=-1", "greater_than_equal"),
        ("offset=9223372036854775808", "int_parsing_size"),
    ] {
        assert_eq!(faults(bad), [kind], "{bad}");
    }
}

#[test]
fn every_bad_value_is_refused_and_named() {
    assert_eq!(
        faults("status=open&completed=x&due_before=soon&due_after=&overdue=x&sort=id&order=up&search=%00"),
        [
            "enum",
            "bool_parsing",
            "value_error",
            "datetime_from_date_parsing",
            "datetime_from_date_parsing",
            "bool_parsing",
            "enum",
            "enum"
        ]
    );
    assert_eq!(
        read("order=up").err().map(|violations| violations.detail()),
        Some(vec![json!({
            "type": "enum",
            "loc": ["query", "order"],
            "msg": "Input should be 'asc' or 'desc'",
            "input": "up",
        })])
    );
}

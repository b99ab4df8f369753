//! Migrations: each runs once, in order, all or none, also beside other hosts.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use berth_database::server::target;
use berth_database::{Migration, MigrationError, host_tables, migrate};

use crate::support::{DataDirectory, connect, refusal, run, text};

fn notes() -> Migration {
    Migration::new(
        1,
        "notes",
        "CREATE TABLE notes (id int PRIMARY KEY);\nINSERT INTO notes VALUES (1)",
    )
}

fn colours() -> Migration {
    Migration::new(2, "colours", "ALTER TABLE notes ADD colour text")
}

#[tokio::test]
async fn what_is_new_runs_once_and_in_order() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let options = server.options();
    assert_eq!(migrate(&target(&options), "todo", &[notes()]).await.unwrap(), [1]);
    let third = Migration::new(30, "third", "UPDATE notes SET colour = 'red'");
    let all = [third, colours(), notes()];
    assert_eq!(migrate(&target(&options), "todo", &all).await.unwrap(), [2, 30]);
    assert!(migrate(&target(&options), "todo", &all).await.unwrap().is_empty());
    // An older version of the component is back.
    assert!(
        migrate(&target(&options), "todo", &[notes()])
            .await
            .unwrap()
            .is_empty()
    );

    let mut connection = connect(&options).await;
    assert_eq!(
        text(&mut connection, "SELECT colour FROM todo.notes").await,
        "red"
    );
    let names = "SELECT string_agg(name, ', ' ORDER BY version) FROM todo.berth_migrations";
    assert_eq!(text(&mut connection, names).await, "notes, colours, third");
    server.stop().await;
}

#[tokio::test]
async fn hosts_that_start_at_once_do_not_collide() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let options = server.options();
    let host = || host_tables::prepare(&options);
    let (one, two, three) = tokio::join!(host(), host(), host());
    one.and(two).and(three).unwrap();
    let mut connection = connect(&options).await;
    assert_eq!(
        text(&mut connection, "SELECT count(*) FROM berth.berth_migrations").await,
        "9"
    );

    run(
        &mut connection,
        "INSERT INTO berth.accounts (email, password_hash) VALUES ('ann@example.org', 'x')",
    )
    .await;
    let again = "INSERT INTO berth.accounts (email, password_hash) VALUES ('Ann@Example.org', 'x')";
    assert_eq!(refusal(&mut connection, again).await, "23505");
    server.stop().await;
}

#[tokio::test]
async fn a_failing_migration_changes_nothing_and_is_named() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let options = server.options();
    let broken = Migration::new(
        3,
        "more colours",
        "SELECT 1;\nALTER TABLE notes\n  ADD colour text",
    );
    let error = migrate(&target(&options), "todo", &[notes(), colours(), broken])
        .await
        .unwrap_err();
    let message = "migration 3 `more colours` failed: column \"colour\" of relation \"notes\" already exists \
                   (SQLSTATE 42701)";
    assert_eq!(error.to_string(), message);
    let misspelt = Migration::new(3, "misspelt", "SELECT 1;\n\nSELEKT 2");
    let error = migrate(&target(&options), "todo", &[notes(), misspelt])
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("in line 3 (SQLSTATE 42601)"),
        "{error}"
    );

    let mut connection = connect(&options).await;
    assert_eq!(
        text(&mut connection, "to_regnamespace('todo') IS NULL").await,
        "true"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_migration_that_ran_may_not_change_and_none_may_come_before_it() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let options = server.options();
    migrate(&target(&options), "todo", &[notes(), colours()])
        .await
        .unwrap();

    let changed = Migration {
        sql: "CREATE TABLE notes (id bigint)".to_owned(),
        ..notes()
    };
    let error = migrate(&target(&options), "todo", &[changed, colours()])
        .await
        .unwrap_err();
    assert!(
        matches!(error, MigrationError::Changed { version: 1, .. }),
        "{error}"
    );

    migrate(&target(&options), "other", &[colours_alone()])
        .await
        .unwrap();
    let error = migrate(&target(&options), "other", &[notes(), colours_alone()])
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            MigrationError::Late {
                version: 1,
                last: 2,
                ..
            }
        ),
        "{error}"
    );
    server.stop().await;
}

fn colours_alone() -> Migration {
    Migration::new(2, "colours", "CREATE TABLE colours (name text)")
}

#[tokio::test]
async fn a_migration_may_not_end_the_transaction() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    for sql in [
        "CREATE TABLE sly (id int); COMMIT",
        "ROLLBACK; CREATE TABLE IF NOT EXISTS sly (id int)",
    ] {
        let sly = Migration::new(7, "sly", sql);
        let error = migrate(&target(&server.options()), "public", &[sly])
            .await
            .unwrap_err();
        assert!(error.to_string().contains("migration 7 `sly`"), "{error}");
    }
    server.stop().await;
}

#[tokio::test]
async fn versions_have_to_be_an_order() {
    let server = berth_database::url::parse("postgres://db.invalid/never-asked").unwrap();
    let options = server.direct();
    let twin = Migration::new(1, "twin", "");
    let error = migrate(&target(options), "todo", &[notes(), twin])
        .await
        .unwrap_err();
    assert!(
        matches!(error, MigrationError::Twice { version: 1, .. }),
        "{error}"
    );
    let error = migrate(&target(options), "todo", &[Migration::new(0, "nought", "")])
        .await
        .unwrap_err();
    assert!(matches!(error, MigrationError::Zero { .. }), "{error}");
}

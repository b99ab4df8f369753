//! Components are kept apart by PostgreSQL itself, whatever SQL they send.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use berth_database::{
    ComponentDatabase, Isolation, Migration, Pool, component_database, host_tables, migrate,
};
use sqlx::postgres::PgConnectOptions;

use crate::support::{DataDirectory, connect, pool_settings, refusal, run, text};

/// SQLSTATE of a missing right.
const REFUSED: &str = "42501";

/// The work of a host for a component at its start.
async fn install(host: &PgConnectOptions, component: &str) -> ComponentDatabase {
    host_tables::prepare(host).await.unwrap();
    let pool = Pool::new(host.clone(), pool_settings(2));
    let database = component_database(&pool, &host.clone().into(), component, 2, None)
        .await
        .unwrap();
    let notes = Migration::new(1, "notes", "CREATE TABLE notes AS SELECT 'secret' AS word");
    migrate(&database.server.direct_target(), &database.schema, &[notes])
        .await
        .unwrap();
    database
}

#[tokio::test]
async fn a_component_sees_its_own_tables_and_nothing_else() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let todo = install(&server.options(), "todo").await;
    let other = install(&server.options(), "other-one").await;
    assert_eq!(
        (&todo.isolation, other.schema.as_str()),
        (&Isolation::Role, "other_one")
    );

    let mut connection = connect(todo.server.direct()).await;
    assert_eq!(
        text(&mut connection, "SELECT word FROM todo.notes").await,
        "secret"
    );
    run(
        &mut connection,
        "CREATE TABLE todo.more (id int); CREATE TEMP TABLE scratch (id int)",
    )
    .await;
    for statement in [
        "SELECT * FROM other_one.notes",
        "SELECT * FROM other_one.berth_migrations",
        "SELECT * FROM berth.accounts",
        "SELECT * FROM berth.component_roles",
        "SELECT * FROM pg_authid",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT lo_import('/etc/passwd')",
        "COPY todo.notes TO '/tmp/berth-leak'",
        "COPY todo.notes FROM PROGRAM 'id'",
        "CREATE SCHEMA mine",
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE other_one.mine (id int)",
        "CREATE TABLE berth.mine (id int)",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "DROP SCHEMA todo CASCADE",
        "GRANT USAGE ON SCHEMA berth TO PUBLIC",
    ] {
        assert_eq!(refusal(&mut connection, statement).await, REFUSED, "{statement}");
    }
    server.stop().await;
}

#[tokio::test]
async fn large_objects_cannot_be_made() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let todo = install(&server.options(), "todo").await;
    let mut connection = connect(todo.server.direct()).await;
    for statement in [
        "SELECT lo_from_bytea(4711, 'secret')",
        "SELECT lo_create(4711)",
        "SELECT lo_creat(-1)",
    ] {
        assert_eq!(refusal(&mut connection, statement).await, REFUSED, "{statement}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_role_is_bounded_and_made_good_again() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let todo = install(&server.options(), "todo").await;
    let mut connection = connect(todo.server.direct()).await;
    assert_eq!(
        text(&mut connection, "current_setting('temp_file_limit')").await,
        "1GB"
    );
    let limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user";
    assert_eq!(
        text(&mut connection, limit).await,
        "8",
        "as many as four hosts need"
    );

    run(
        &mut connection,
        "ALTER ROLE current_user SET default_transaction_read_only = on",
    )
    .await;
    let database = text(&mut connection, "quote_ident(current_database())").await;
    run(
        &mut connection,
        &format!("ALTER ROLE current_user IN DATABASE {database} SET statement_timeout = 1"),
    )
    .await;
    install(&server.options(), "todo").await;
    let mut connection = connect(todo.server.direct()).await;
    run(&mut connection, "CREATE TABLE todo.more (id int)").await;
    server.stop().await;
}

#[tokio::test]
async fn hosts_that_install_a_component_at_once_agree_on_its_role() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let host = server.options();
    host_tables::prepare(&host).await.unwrap();
    let pool = Pool::new(host.clone(), pool_settings(3));
    let reached = host.clone().into();
    let install = || component_database(&pool, &reached, "todo", 2, None);
    let (one, two, three) = tokio::join!(install(), install(), install());
    let databases = [one.unwrap(), two.unwrap(), three.unwrap()];
    let password = |database: &ComponentDatabase| {
        sqlx::ConnectOptions::to_url_lossy(database.server.direct())
            .password()
            .unwrap()
            .to_owned()
    };
    for database in &databases {
        assert_eq!(
            database.server.direct().get_username(),
            databases[0].server.direct().get_username()
        );
        assert_eq!(password(database), password(&databases[0]));
        assert!(!format!("{database:?}").contains(&password(database)));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_component_cannot_spoil_its_own_role_for_good() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let todo = install(&server.options(), "todo").await;
    let spoil = "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on";
    run(&mut connect(todo.server.direct()).await, spoil).await;
    assert_eq!(
        refusal(
            &mut connect(todo.server.direct()).await,
            "CREATE TABLE todo.more (id int)"
        )
        .await,
        "25006"
    );

    let todo = install(&server.options(), "todo").await;
    run(
        &mut connect(todo.server.direct()).await,
        "CREATE TABLE todo.more (id int)",
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_host_that_is_no_superuser_can_keep_components_apart() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let host = tenant(&server.options(), "CREATEROLE").await;
    let todo = install(&host, "todo").await;
    install(&host, "other").await;
    // Again, as after a restart.
    assert_eq!(install(&host, "todo").await.isolation, Isolation::Role);
    assert_eq!(
        refusal(
            &mut connect(todo.server.direct()).await,
            "SELECT * FROM other.notes"
        )
        .await,
        REFUSED
    );
    assert_eq!(
        refusal(
            &mut connect(todo.server.direct()).await,
            "SELECT * FROM berth.accounts"
        )
        .await,
        REFUSED
    );

    // The right to make roles is taken away: those that are there remain.
    run(
        &mut connect(&server.options()).await,
        "ALTER ROLE tenant NOCREATEROLE",
    )
    .await;
    assert_eq!(install(&host, "todo").await.isolation, Isolation::Role);
    server.stop().await;
}

#[tokio::test]
async fn where_roles_cannot_be_made_schemas_have_to_do() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let host = tenant(&server.options(), "NOCREATEROLE").await;
    let todo = install(&host, "todo").await;
    assert!(matches!(&todo.isolation, Isolation::SchemaOnly { reason } if reason.contains("make roles")));
    assert_eq!(todo.server.direct().get_username(), "tenant");
    assert_eq!(
        text(
            &mut connect(todo.server.direct()).await,
            "SELECT word FROM todo.notes"
        )
        .await,
        "secret"
    );

    // The right comes later: the tables that are there stay usable.
    run(
        &mut connect(&server.options()).await,
        "ALTER ROLE tenant CREATEROLE",
    )
    .await;
    let todo = install(&host, "todo").await;
    assert!(matches!(&todo.isolation, Isolation::SchemaOnly { reason } if reason.contains("belong to")));
    assert_eq!(
        text(
            &mut connect(todo.server.direct()).await,
            "SELECT word FROM todo.notes"
        )
        .await,
        "secret"
    );
    server.stop().await;
}

/// Options of a role that owns a database, as managed servers give them out.
async fn tenant(superuser: &PgConnectOptions, right: &str) -> PgConnectOptions {
    let mut connection = connect(superuser).await;
    run(&mut connection, &format!("CREATE ROLE tenant LOGIN {right}")).await;
    run(&mut connection, "CREATE DATABASE rented OWNER tenant").await;
    superuser.clone().username("tenant").database("rented")
}

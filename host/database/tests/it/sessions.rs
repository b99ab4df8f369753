//! The sessions of a component: how they are opened, shared and made good again.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use berth_database::{
    Backends, ComponentDatabase, Isolation, Migrating, Pool, Repair, Server, Session, SessionError,
    SessionPool, component_database, host_tables,
};

use crate::guest::{Text, statement};
use crate::support::{DataDirectory, connect, pool_settings, run};

/// The longest message of the server, in bytes.
const LIMIT: u64 = 1024 * 1024;

async fn acquire(pool: &SessionPool) -> Result<Session, SessionError> {
    pool.acquire(LIMIT, None, None).await
}

/// The only value of a query, which must be text, on a session of its own.
async fn value(pool: &SessionPool, query: &str) -> Option<String> {
    let mut text = Text::default();
    let mut session = acquire(pool).await.unwrap();
    session.run(&statement(query), &mut text).await.unwrap();
    text.0
}

/// A pool of each kind of sessions, with one session, on a table `notes` without rows.
async fn pools(
    server: &berth_private_postgres::PrivatePostgres,
) -> [(&'static str, SessionPool, Option<Migrating>); 3] {
    let options = server.options();
    run(&mut connect(&options).await, "CREATE TABLE notes (id int4)").await;
    let backends = Backends::new(Pool::new(options.clone(), pool_settings(2)));
    let mut settings = pool_settings(1);
    // Long enough for a rollback in the background.
    settings.queue_timeout = Duration::from_secs(30);
    let socket = options
        .get_socket()
        .unwrap()
        .display()
        .to_string()
        .replace('/', "%2F");
    let url = format!("postgres://postgres@localhost:5432/berth?host={socket}&pgbouncer=true");
    let pooler = berth_database::url::parse(&url).unwrap();
    let own: Server = options.into();
    let database = ComponentDatabase {
        schema: "public".to_owned(),
        server: own.clone(),
        isolation: Isolation::Role,
        rows: None,
    };
    let mut migrating = Migrating::begin(&database, &backends, &[]).await.unwrap();
    let trial = migrating
        .trial(settings.statement_timeout, settings.queue_timeout)
        .await
        .unwrap();
    let pool = |server| SessionPool::new(server, settings.clone(), backends.clone(), None);
    [
        ("own", pool(own), None),
        ("pooler", pool(pooler), None),
        ("trial", trial, Some(migrating)),
    ]
}

#[tokio::test]
async fn a_transaction_of_any_kind_of_session_that_is_dropped_is_rolled_back() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    for (kind, pool, _migrating) in pools(&server).await {
        let before = value(&pool, "SELECT pg_backend_pid()::text").await;
        let mut transaction = acquire(&pool).await.unwrap().begin().await.unwrap();
        let insert = statement("INSERT INTO notes VALUES (1)");
        transaction.run(&insert, &mut Text::default()).await.unwrap();
        drop(transaction);
        let count = "SELECT count(*)::text FROM notes";
        assert_eq!(value(&pool, count).await.as_deref(), Some("0"), "{kind}");
        let after = value(&pool, "SELECT pg_backend_pid()::text").await;
        assert_eq!(after, before, "{kind}: the session is kept");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_statement_on_any_kind_of_session_leaves_nothing_behind() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    for (kind, pool, _migrating) in pools(&server).await {
        let shown = "SELECT current_setting('work_mem')";
        let before = value(&pool, shown).await;
        let left = "SELECT set_config('work_mem', '77MB', false)";
        let failed = acquire(&pool)
            .await
            .unwrap()
            .run(&statement(&format!("{left}, 1 / 0")), &mut Text::default())
            .await;
        assert!(failed.is_err(), "{kind}");
        assert_eq!(value(&pool, shown).await, before, "{kind}");
        let dropped = acquire(&pool).await.unwrap().begin().await.unwrap();
        drop(dropped);
        assert_eq!(value(&pool, shown).await, before, "{kind}");
        if kind != "trial" {
            value(&pool, left).await;
            assert_eq!(value(&pool, shown).await, before, "{kind}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_aborted_transaction_of_any_kind_of_session_is_not_committed() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    for (kind, pool, _migrating) in pools(&server).await {
        let mut transaction = acquire(&pool).await.unwrap().begin().await.unwrap();
        let insert = statement("INSERT INTO notes VALUES (1)");
        transaction.run(&insert, &mut Text::default()).await.unwrap();
        let fails = statement("SELECT 1 / 0");
        assert!(
            transaction.run(&fails, &mut Text::default()).await.is_err(),
            "{kind}"
        );
        let committed = transaction.commit().await;
        assert!(
            matches!(committed, Err(SessionError::Ended)),
            "{kind}: {committed:?}"
        );
        let count = "SELECT count(*)::text FROM notes";
        assert_eq!(value(&pool, count).await.as_deref(), Some("0"), "{kind}");

        let mut transaction = acquire(&pool).await.unwrap().begin().await.unwrap();
        transaction.run(&insert, &mut Text::default()).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(value(&pool, count).await.as_deref(), Some("1"), "{kind}");
        value(&pool, "DELETE FROM notes").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_session_begins_with_its_settings_and_is_reset_to_them() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let host = Pool::new(server.options(), pool_settings(1));
    let mut settings = pool_settings(1);
    settings.search_path = Some("odd\"name".to_owned());
    let pool = SessionPool::new(server.options(), settings, Backends::new(host), None);
    for _ in 0..2 {
        let shown = "SELECT current_setting('search_path') || ' ' || current_setting('statement_timeout')";
        assert_eq!(value(&pool, shown).await.as_deref(), Some("\"odd\"\"name\" 10s"));
        value(
            &pool,
            "SELECT set_config('search_path', 'x', false) || set_config('statement_timeout', '0', false)",
        )
        .await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_finds_no_session_in_time_is_told_so() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let host = Pool::new(server.options(), pool_settings(1));
    let pool = SessionPool::new(server.options(), pool_settings(1), Backends::new(host), None);
    let held = acquire(&pool).await.unwrap();
    assert!(matches!(acquire(&pool).await, Err(SessionError::Exhausted)));
    drop(held);
    assert!(acquire(&pool).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_role_that_changes_its_password_is_let_in_again() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    host_tables::prepare(&server.options()).await.unwrap();
    let host = Pool::new(server.options(), pool_settings(2));
    let reached: berth_database::Server = server.options().into();
    let todo = component_database(&host, &reached, "todo", 2, None)
        .await
        .unwrap();

    // The private server trusts its socket: here it asks this one role for its password.
    let file = directory.path().join("postgres/data/pg_hba.conf");
    let rules = fs::read_to_string(&file).unwrap();
    let role = todo.role().unwrap();
    fs::write(&file, format!("local all {role} scram-sha-256\n{rules}")).unwrap();
    run(&mut connect(&server.options()).await, "SELECT pg_reload_conf()").await;

    let repair: Repair = {
        let (host, reached) = (host.clone(), reached.clone());
        Arc::new(move || {
            let (host, reached) = (host.clone(), reached.clone());
            Box::pin(async move { drop(component_database(&host, &reached, "todo", 2, None).await) })
        })
    };
    let pool = SessionPool::new(
        todo.server.clone(),
        pool_settings(1),
        Backends::new(host),
        Some(repair),
    );
    let mut session = acquire(&pool).await.unwrap();
    let change = statement("ALTER ROLE current_user PASSWORD 'x'");
    session.run(&change, &mut Text::default()).await.unwrap();
    let end = statement("SELECT pg_terminate_backend(pg_backend_pid())");
    assert!(session.run(&end, &mut Text::default()).await.is_err());
    drop(session);
    // Its place is free when its backend is gone.
    while matches!(acquire(&pool).await, Err(SessionError::Exhausted)) {}
    assert_eq!(value(&pool, "SELECT '1'").await.as_deref(), Some("1"));
    server.stop().await;
}

//! The sessions of a component: how they are opened, shared and made good again.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use std::fs;
use std::sync::Arc;

use berth_database::{Backends, Pool, Repair, SessionError, SessionPool, component_database, host_tables};
use berth_postgres::TextRows;

use crate::support::{DataDirectory, connect, pool_settings, run};

/// The only value of a query.
async fn value(pool: &SessionPool, query: &str) -> Option<String> {
    let mut rows = TextRows::with_limit(1024);
    pool.acquire()
        .await
        .unwrap()
        .query(query, &mut rows)
        .await
        .unwrap();
    rows.rows.pop()?.pop()?
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
    let held = pool.acquire().await.unwrap();
    assert!(matches!(pool.acquire().await, Err(SessionError::Exhausted)));
    drop(held);
    assert!(pool.acquire().await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_role_that_changes_its_password_is_let_in_again() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    host_tables::prepare(&server.options()).await.unwrap();
    let host = Pool::new(server.options(), pool_settings(2));
    let reached: berth_database::Server = server.options().into();
    let todo = component_database(&host, &reached, "todo", 2).await.unwrap();

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
            Box::pin(async move { drop(component_database(&host, &reached, "todo", 2).await) })
        })
    };
    let pool = SessionPool::new(
        todo.server.clone(),
        pool_settings(1),
        Backends::new(host),
        Some(repair),
    );
    let mut session = pool.acquire().await.unwrap();
    session
        .execute("ALTER ROLE current_user PASSWORD 'x'")
        .await
        .unwrap();
    session.discard();
    // Its place is free when its backend is gone.
    while matches!(pool.acquire().await, Err(SessionError::Exhausted)) {}
    assert_eq!(value(&pool, "SELECT 1").await.as_deref(), Some("1"));
    server.stop().await;
}

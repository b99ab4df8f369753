//! A test's own database, with the host's tables.

use std::time::Duration;

use berth_database::isolation::schema_name;
use berth_database::{Backends, Pool, PoolSettings, Server, host_tables, with_connection};
use berth_private_postgres::testing::TestServer;

use crate::builder::HostDatabase;

/// A private server with the host's tables.
pub(crate) struct TestDatabase(TestServer);

impl TestDatabase {
    /// Starts the server and creates the host's tables.
    pub(crate) async fn start() -> Self {
        let server = TestServer::start().await;
        host_tables::prepare(&server.options()).await.unwrap();
        Self(server)
    }

    /// A host's access to the database.
    pub(crate) fn host(&self) -> HostDatabase {
        let server = Server::from(self.0.options());
        let pool = Pool::new(
            server.clone(),
            PoolSettings {
                max_connections: 5,
                queue_timeout: Duration::from_secs(5),
                connect_timeout: Duration::from_secs(5),
                statement_timeout: Duration::from_secs(5),
                search_path: None,
                claims: None,
            },
        );
        HostDatabase {
            backends: Backends::new(pool.clone()),
            pool,
            server,
        }
    }

    /// The tables of a component's schema, as other sessions see them, without the record of its migrations.
    pub(crate) async fn tables(&self, component: &str) -> Vec<String> {
        let schema = schema_name(component).unwrap();
        let pool = self.host().pool;
        let tables = with_connection(&pool, async |connection| {
            sqlx::query_scalar(
                "SELECT tablename::text FROM pg_tables
                 WHERE schemaname = $1 AND tablename <> 'berth_migrations' ORDER BY tablename",
            )
            .bind(schema)
            .fetch_all(connection)
            .await
        });
        tables.await.unwrap()
    }

    /// Ends the session that holds the swap lock, as a database that fails would. Returns how many sessions held it.
    pub(crate) async fn end_session_of_swap_lock(&self) -> i64 {
        let ended = with_connection(&self.host().pool, async |connection| {
            sqlx::query_scalar(
                "SELECT count(pg_terminate_backend(locks.pid, 5000)) FROM pg_locks AS locks
                 WHERE locks.relation = 'berth.locks'::regclass AND locks.mode = 'RowShareLock' AND locks.granted",
            )
            .fetch_one(connection)
            .await
        })
        .await;
        ended.unwrap()
    }
}

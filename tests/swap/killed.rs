//! A host that is killed in the middle of a swap starts on the old version or on the new one, whole.

use rustix::process::Signal;
use sqlx::postgres::PgConnection;

use super::{Swapping, answer_of};
use crate::support::App;
use crate::support::patience::eventually;
use crate::support::versions::{version, versioned};

async fn there_is(database: &mut PgConnection, query: &'static str) -> bool {
    sqlx::query_scalar::<_, bool>(query)
        .fetch_one(database)
        .await
        .unwrap()
}

/// Kills the host as soon as `moment`, a query, is true while it swaps in `settings`; starts it again, and sees that
/// nothing is left of the swap.
async fn killed(settings: &str, before: &'static str, moment: &'static str) {
    let mut swapping = Swapping::start("name=one migrations=1", |one| {
        one.saying("probe = \"GET /version/probe\"")
    })
    .await;
    let mut lock = swapping.app.database.connect().await;
    sqlx::raw_sql(before).execute(&mut lock).await.unwrap();
    let pushing = tokio::spawn(swapping.operator.pushing("version", "", version(settings)).send());
    let database = tokio::sync::Mutex::new(swapping.app.database.connect().await);
    eventually(true, async || there_is(&mut *database.lock().await, moment).await).await;
    swapping.app.process.signal(Signal::KILL);
    swapping.app.process.wait();
    assert!(pushing.await.unwrap().is_err(), "there is no answer");
    drop(lock);

    let files = tempfile::tempdir().unwrap();
    let again = App::serving([versioned(files.path(), "name=one migrations=1")]).start_beside(&swapping.app);
    assert_eq!(answer_of(&again).await, "version@1 one");
    let half = "SELECT to_regclass('version.table_2') IS NOT NULL";
    assert!(
        !there_is(&mut *database.lock().await, half).await,
        "half a migration is left"
    );
    // No lock is left either, and what was under way is written down.
    again
        .operator()
        .push_live("version", version("name=three migrations=1,2"))
        .await;
    assert_eq!(
        again.operator().history("version").await,
        ["3 live", "2 refused", "1 retired"]
    );
}

#[tokio::test]
async fn killed_while_its_probe_hangs() {
    let moment = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                      AND state = 'idle in transaction' AND query LIKE '%SAVEPOINT berth_trial%')";
    killed("name=two migrations=1,2 probe=hangs", "SELECT 1", moment).await;
}

#[tokio::test]
async fn killed_while_a_migration_waits() {
    // A table that cannot be created yet, because another transaction is about to create it.
    let before = "BEGIN; CREATE TABLE version.table_2 (id int)";
    let moment = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                      AND wait_event_type = 'Lock' AND query LIKE '%CREATE TABLE table_2%')";
    killed("name=two migrations=1,2", before, moment).await;
}

#[tokio::test]
async fn killed_while_it_is_staged() {
    // Nobody may write to the schema's list of migrations, so the swap goes no further than to look at it.
    let before = "BEGIN; LOCK TABLE version.berth_migrations IN ACCESS EXCLUSIVE MODE";
    let moment = "SELECT EXISTS (SELECT FROM berth.component_versions WHERE state = 'staged')";
    killed("name=two migrations=1,2", before, moment).await;
}

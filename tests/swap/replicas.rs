//! Several hosts on one database: what is live on one is soon live on all.

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::answer_of;
use crate::support::app::{AppBuilder, Host};
use crate::support::patience::eventually;
use crate::support::versions::{version, versioned};
use crate::support::{App, Component, Send as _};

/// A host of the fixture `version`, about to start.
fn host(files: &TempDir, manifest: impl FnOnce(Component) -> Component) -> AppBuilder {
    App::serving([manifest(versioned(files.path(), "name=one"))])
        // A host for development would run its file at each start.
        .with("ENVIRONMENT", "production")
        .with("BERTH_FOLLOW_INTERVAL", "1s")
}

/// Three hosts on one database.
async fn three(files: &TempDir) -> [App; 3] {
    let first = host(files, |one| one).start().await;
    let [second, third] = [(); 2].map(|()| host(files, |one| one).start_beside(&first));
    [first, second, third]
}

async fn rollout(host: &Host) -> String {
    host.operator().show("version").await["rollout"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn become_live(hosts: &[App], answer: &str) {
    for host in hosts {
        eventually(answer.to_owned(), async || answer_of(host).await).await;
    }
}

async fn component(host: &Host, path: &str) -> Value {
    host.get(path).answer().await.expect(200).json()["components"]["version"].clone()
}

#[tokio::test]
async fn a_version_that_is_live_on_one_host_reaches_all() {
    let files = tempfile::tempdir().unwrap();
    let hosts = three(&files).await;
    eventually("live on 3 of 3".to_owned(), async || rollout(&hosts[0]).await).await;
    hosts[1]
        .operator()
        .push_live("version", version("name=two"))
        .await;
    become_live(&hosts, "version@2 two").await;
    eventually("live on 3 of 3".to_owned(), async || rollout(&hosts[2]).await).await;
    for host in &hosts {
        assert_eq!(
            component(host, "/health").await,
            json!({ "version": "2", "state": "live" })
        );
    }
    hosts[2].operator().roll_back("version", None).await.expect(200);
    become_live(&hosts, "version@1 one").await;
}

#[tokio::test]
async fn a_host_that_cannot_take_a_version_stays_on_the_one_before_and_says_so() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, |one| one).start().await;
    // On this one, a probe is asked for that the next version does not answer.
    let probed = host(&files, |one| one.saying("probe = \"GET /version/probe\"")).start_beside(&first);
    first
        .operator()
        .push_live("version", version("name=two probe=fails"))
        .await;
    eventually(json!("behind"), async || {
        component(&probed, "/ready").await["state"].clone()
    })
    .await;
    let ready = component(&probed, "/ready").await;
    assert_eq!((&ready["version"], &ready["wanted"]), (&json!("1"), &json!("2")));
    assert!(
        ready["detail"].as_str().unwrap().contains("it was built to fail"),
        "{ready}"
    );
    assert_eq!(answer_of(&probed).await, "version@1 one");
    eventually("live on 1 of 2, 1 behind".to_owned(), async || {
        rollout(&first).await
    })
    .await;
    let replicas = first.operator().show("version").await["replicas"].clone();
    let behind = replicas
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["state"] == "behind")
        .unwrap();
    assert!(
        behind["detail"]
            .as_str()
            .unwrap()
            .contains("it was built to fail"),
        "{replicas:#}"
    );

    // The next one is good everywhere.
    first.operator().push_live("version", version("name=three")).await;
    eventually("version@3 three".to_owned(), async || answer_of(&probed).await).await;
    assert_eq!(
        component(&probed, "/ready").await,
        json!({ "version": "3", "state": "live" })
    );
}

#[tokio::test]
async fn a_host_whose_connection_is_cut_catches_up() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, |one| one).start().await;
    // Looking comes too late for this test: it must hear.
    let second = host(&files, |one| one)
        .with("BERTH_FOLLOW_INTERVAL", "1h")
        .start_beside(&first);
    let database = Mutex::new(first.database.connect().await);
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    for round in 2..4 {
        let count = async || {
            let database = &mut *database.lock().await;
            sqlx::query_scalar::<_, i64>(listening)
                .fetch_one(database)
                .await
                .unwrap()
        };
        eventually(2, count).await;
        sqlx::query(cut)
            .execute(&mut *database.lock().await)
            .await
            .unwrap();
        first
            .operator()
            .push_live("version", version(&format!("name={round}")))
            .await;
        eventually(format!("version@{round} {round}"), async || {
            answer_of(&second).await
        })
        .await;
    }
}

#[tokio::test]
async fn a_host_that_is_killed_during_a_rollout_starts_with_the_new_version() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, |one| one).start().await;
    let second = host(&files, |one| one).start_beside(&first);
    // It alone asks for a probe, which hangs: so it is still at it when it is killed.
    let mut third = host(&files, |one| one.saying("probe = \"GET /version/probe\"")).start_beside(&first);
    first
        .operator()
        .push_live("version", version("name=two probe=hangs"))
        .await;
    let name = format!("/{}", third.process.pid());
    let is_live = async || {
        let replicas = first.operator().show("version").await["replicas"].clone();
        let third = replicas
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["host"].as_str().unwrap().ends_with(&name));
        third.is_none_or(|third| third["state"] == "live")
    };
    eventually(false, is_live).await;
    third.process.signal(Signal::KILL);
    third.process.wait();
    let again = host(&files, |one| one).start_beside(&first);
    become_live(&[first, second, again], "version@2 two").await;
}

#[tokio::test]
async fn hosts_that_are_gone_are_forgotten() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, |one| one).start().await;
    // It would be remembered for hours, if it did not say that it ends.
    let mut polite = host(&files, |one| one)
        .with("BERTH_FOLLOW_INTERVAL", "1h")
        .start_beside(&first);
    let mut killed = host(&files, |one| one).start_beside(&first);
    eventually("live on 3 of 3".to_owned(), async || rollout(&first).await).await;
    polite.process.signal(Signal::TERM);
    assert!(polite.process.wait().success());
    eventually("live on 2 of 2".to_owned(), async || rollout(&first).await).await;
    killed.process.signal(Signal::KILL);
    killed.process.wait();
    eventually("live on 1 of 1".to_owned(), async || rollout(&first).await).await;
}

#[tokio::test]
async fn hosts_that_start_at_once_with_a_new_file_agree_on_one_version() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, |one| one).start().await;
    let newer = |_| App::serving([versioned(files.path(), "name=two")]).with("BERTH_FOLLOW_INTERVAL", "1s");
    let builders = [0, 1, 2].map(newer);
    let hosts: Vec<App> = std::thread::scope(|scope| {
        let starts = builders.map(|builder| scope.spawn(|| builder.start_beside(&first)));
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    become_live(&hosts, "version@2 two").await;
    become_live(std::slice::from_ref(&first), "version@2 two").await;
    assert_eq!(first.operator().history("version").await, ["2 live", "1 retired"]);
}

#[tokio::test]
async fn a_host_that_is_alone_neither_listens_nor_looks() {
    let files = tempfile::tempdir().unwrap();
    let first = host(&files, |one| one).start().await;
    let alone = host(&files, |one| one)
        .with("BERTH_FOLLOW_INTERVAL", "off")
        .start_beside(&first);
    let other = host(&files, |one| one).start_beside(&first);
    first.operator().push_live("version", version("name=two")).await;
    become_live(std::slice::from_ref(&other), "version@2 two").await;
    eventually("live on 2 of 2".to_owned(), async || rollout(&first).await).await;
    assert_eq!(answer_of(&alone).await, "version@1 one");
    assert_eq!(
        rollout(&alone).await,
        "live on 2 of 3, 1 compiling",
        "it counts itself too"
    );
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let mut database = first.database.connect().await;
    let listening: i64 = sqlx::query_scalar(listening)
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(listening, 2, "the two others listen");
}

#[tokio::test]
async fn a_host_that_is_alone_counts_itself() {
    let files = tempfile::tempdir().unwrap();
    // As in k8s/base.
    let alone = host(&files, |one| one)
        .with("BERTH_FOLLOW_INTERVAL", "off")
        .start()
        .await;
    assert_eq!(rollout(&alone).await, "live on 1 of 1");
    let replicas = alone.operator().show("version").await["replicas"].clone();
    assert_eq!(
        (&replicas[0]["this"], &replicas[0]["number"]),
        (&json!(true), &json!(1)),
        "{replicas}"
    );
    alone.operator().push_live("version", version("name=two")).await;
    assert_eq!(rollout(&alone).await, "live on 1 of 1");
}

//! Several hosts on one database, and a database that gives few rights.

use sqlx::Executor;

use super::{done, sql};
use crate::support::patience::eventually;
use crate::support::{App, Component, User};

#[tokio::test]
async fn tasks_are_there_when_the_host_starts_again() {
    let app = App::start().await;
    let task = app.user("ann").add_titled("Buy milk").await;
    let again = App::here().start_beside(&app);
    drop(app);
    assert_eq!(
        again.user("ann").get("/api/tasks").await.expect(200).json(),
        serde_json::json!([task])
    );
}

#[tokio::test]
async fn hosts_that_start_at_once_do_not_collide() {
    let first = App::serving([Component::new("hello").at("/hello")]).start().await;
    let hosts: Vec<App> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| App::here().start_beside(&first)))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for host in &hosts {
        host.user("ann").add_titled("Buy milk").await;
    }
    for host in &hosts {
        assert_eq!(host.user("ann").titles("/api/tasks").await.len(), hosts.len());
    }
}

#[tokio::test]
async fn a_token_that_one_host_revoked_is_revoked_on_all() {
    let one = App::start().await;
    let other = App::here().start_beside(&one);
    let (here, there) = (one.user("ann"), User::new(&other, one.user("ann").token));
    assert_eq!(there.get("/api/tasks").await.status, 200);
    here.request("POST", "/auth/logout").send().await.unwrap();
    // It takes a few seconds to be known everywhere.
    eventually(401, async || there.get("/api/tasks").await.status).await;
}

#[tokio::test]
async fn a_migration_that_fails_stops_the_start_and_leaves_nothing_half_done() {
    let app = App::serving([Component::new("hello").at("/hello")]).start().await;
    let migrates = Component::new("migrates-badly")
        .at("/never")
        .granted(&["postgres"]);
    let output = App::serving([migrates])
        .with("DATABASE_URL", &app.database.url)
        .run("serve");
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in ["migrates-badly", "make a mistake", "nowhere"] {
        assert!(text.contains(part), "{text}");
    }
    let mut connection = app.database.connect().await;
    let tables = "SELECT table_name::text FROM information_schema.tables \
                  WHERE table_schema = 'migrates_badly' AND table_name <> 'berth_migrations'";
    let tables: Vec<String> = sqlx::query_scalar(tables)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(tables.is_empty(), "{tables:?}");
}

#[tokio::test]
async fn without_the_right_to_make_roles_schemas_alone_must_do() {
    let owner = App::serving([Component::new("hello").at("/hello")]).start().await;
    let database = &owner.database;
    let role = format!("limited_{}", database.name());
    let mut connection = database.connect().await;
    let name = database.name();
    let setup = format!(
        "DROP SCHEMA berth, berth_session CASCADE; CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {name} TO {role}"
    );
    connection.execute(sqlx::AssertSqlSafe(setup)).await.unwrap();

    let limited = App::serving([sql("one")])
        .with("DATABASE_URL", database.url_as(&role))
        .start_alone();
    done(&limited, "/one/execute", "CREATE TABLE notes (id int)").await;
    assert_eq!(
        done(&limited, "/one/json", "SELECT current_schema() AS s").await,
        r#"[{"s":"one"}]"#
    );
    assert!(
        limited.process.log().contains("role"),
        "the host says so at start"
    );
}

//! The private server: it starts, stops, keeps its data, and belongs to one host at a time.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

mod support;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use berth_private_postgres::{PrivateError, PrivatePostgres, PrivateSettings};
use rustix::process::{Pid, Signal, kill_process};

use self::support::{DataDirectory, connect, run, text, try_start};

async fn note(server: &PrivatePostgres) {
    run(
        &mut connect(&server.options()).await,
        "CREATE TABLE notes AS SELECT 'kept' AS word",
    )
    .await;
}

async fn noted(server: &PrivatePostgres) -> String {
    text(&mut connect(&server.options()).await, "SELECT word FROM notes").await
}

#[tokio::test]
async fn data_outlive_the_server() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    note(&server).await;
    server.stop().await;

    let server = directory.start().await;
    assert_eq!(noted(&server).await, "kept");
    server.stop().await;
}

#[tokio::test]
async fn a_second_host_on_the_same_data_is_told_so() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let error = try_start(directory.path()).await.unwrap_err();
    assert!(matches!(error, PrivateError::InUse { .. }), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_still_stopping_is_waited_for() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    note(&server).await;
    drop(server);

    let server = directory.start().await;
    assert_eq!(noted(&server).await, "kept");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_was_killed_has_all_that_was_committed() {
    let directory = DataDirectory::new();
    let settings = PrivateSettings {
        durable: true,
        ..PrivateSettings::for_tests(directory.path())
    };
    let server = PrivatePostgres::start(&settings).await.unwrap();
    note(&server).await;
    let lock = fs::read_to_string(server.path().join("data/postmaster.pid")).unwrap();
    let process = Pid::from_raw(lock.lines().next().unwrap().parse().unwrap()).unwrap();
    kill_process(process, Signal::KILL).unwrap();
    server.ended().await;
    server.stop().await;

    let server = directory.start().await;
    assert_eq!(noted(&server).await, "kept");
    server.stop().await;
}

#[tokio::test]
async fn a_lock_file_that_names_somebody_elses_process_is_no_obstacle() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let file = server.path().join("data/postmaster.pid");
    let lock = fs::read_to_string(&file).unwrap();
    server.stop().await;
    let (_, rest) = lock.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", std::process::id())).unwrap();

    directory.start().await.stop().await;
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_will_do() {
    let directory = DataDirectory::new();
    let server = try_start(&directory.path().join("long".repeat(30)))
        .await
        .unwrap();
    note(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_data_directory_that_only_the_host_can_open_will_do() {
    let directory = DataDirectory::new();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let server = directory.start().await;
    note(&server).await;
    assert!(
        server
            .path()
            .starts_with(directory.path().canonicalize().unwrap())
    );
    server.stop().await;
}

#[tokio::test]
async fn data_below_a_closed_directory_are_found_again() {
    let home = DataDirectory::new();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let directory = home.path().join("data");
    let server = try_start(&directory).await.unwrap();
    note(&server).await;
    server.stop().await;

    let server = try_start(&directory).await.unwrap();
    assert_eq!(noted(&server).await, "kept");
    let mode = fs::metadata(home.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "the directory above is not ours to open");
    let path = server.path().to_owned();
    server.stop().await;
    // As root the server's folder had to go elsewhere.
    fs::remove_dir_all(path).unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let settings = server.path().join("data/postgresql.conf");
    server.stop().await;
    let mut settings = OpenOptions::new().append(true).open(settings).unwrap();
    writeln!(settings, "no_such_setting = 1").unwrap();

    let error = try_start(directory.path()).await.unwrap_err();
    assert!(matches!(error, PrivateError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn no_statement_fills_the_servers_log() {
    let directory = DataDirectory::new();
    for _ in 0..2 {
        let server = directory.start().await;
        let mut connection = connect(&server.options()).await;
        run(
            &mut connection,
            "DO $$ BEGIN RAISE LOG 'shouted'; RAISE WARNING 'shouted'; END $$",
        )
        .await;
        let log = fs::read_to_string(server.path().join("server.log")).unwrap();
        assert!(
            log.contains("ready to accept connections") && !log.contains("shouted"),
            "{log}"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn the_hosts_environment_stays_with_the_host() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let mut connection = connect(&server.options()).await;
    run(
        &mut connection,
        "CREATE TEMP TABLE variables (line text); COPY variables FROM PROGRAM 'env'",
    )
    .await;
    assert_eq!(
        text(
            &mut connection,
            "SELECT count(*) FROM variables WHERE line LIKE 'CARGO%'"
        )
        .await,
        "0"
    );
    server.stop().await;
}

//! Each `sslmode` with a real server that has an authority of its own.

use std::path::Path;
use std::time::Duration;

use berth_database::{Pool, PoolError, PoolSettings};

use crate::support::certificates::Certificates;
use crate::support::patience::eventually;
use crate::support::postgres::TlsPostgres;
use crate::support::{App, Component, Send};

/// Whether the connection that this URL leads to is encrypted; or why there is none.
async fn connect(url: &str) -> Result<bool, String> {
    let settings = PoolSettings {
        max_connections: 1,
        queue_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(10),
        search_path: None,
        claims: None,
    };
    let pool = Pool::new(berth_database::url::parse(url).unwrap(), settings);
    let mut connection = pool.acquire().await.map_err(|error| match error {
        PoolError::Away(cause) => cause.to_string(),
        PoolError::Exhausted => panic!("one connection is enough"),
    })?;
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(sqlx::query_scalar(encrypted)
        .fetch_one(&mut *connection)
        .await
        .unwrap())
}

fn authority(file: &Path) -> String {
    format!("&sslrootcert={}", file.display())
}

#[tokio::test]
async fn a_server_is_verified_as_far_as_the_url_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::for_host("localhost");
    let server = TlsPostgres::start(&certificates).await;
    let right = authority(&certificates.authority_in(folder.path()));
    for tls in ["sslmode=require", "ssl=require", "sslmode=prefer", ""] {
        assert_eq!(connect(&server.url("localhost", tls)).await, Ok(true), "{tls}");
    }
    for tls in [
        "sslmode=verify-full",
        "sslmode=verify-ca",
        "sslmode=require",
        "ssl=verify-full",
    ] {
        assert_eq!(
            connect(&server.url("localhost", &(tls.to_owned() + &right))).await,
            Ok(true),
            "{tls}"
        );
    }
    let refusal = connect(&server.url("localhost", "sslmode=disable"))
        .await
        .unwrap_err();
    assert!(refusal.contains("no encryption"), "{refusal}");
}

#[tokio::test]
async fn a_server_that_another_authority_vouches_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsPostgres::start(&Certificates::for_host("localhost")).await;
    let wrong = authority(&Certificates::for_host("localhost").authority_in(folder.path()));
    for tls in ["sslmode=verify-full", "sslmode=verify-ca", "sslmode=require"] {
        let refusal = connect(&server.url("localhost", &(tls.to_owned() + &wrong)))
            .await
            .unwrap_err();
        assert!(refusal.contains("certificate"), "{tls}: {refusal}");
    }
    // Nobody in public vouches for it either.
    for tls in [
        "sslmode=verify-full",
        "sslmode=require&channel_binding=require",
        "sslrootcert=system",
    ] {
        let refusal = connect(&server.url("localhost", tls)).await.unwrap_err();
        assert!(refusal.contains("UnknownIssuer"), "{tls}: {refusal}");
    }
}

#[tokio::test]
async fn a_server_with_another_name_is_refused_where_names_count() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::for_host("elsewhere.example");
    let server = TlsPostgres::start(&certificates).await;
    let right = authority(&certificates.authority_in(folder.path()));
    let refusal = connect(&server.url("localhost", &("sslmode=verify-full".to_owned() + &right)))
        .await
        .unwrap_err();
    assert!(refusal.contains("not valid for name"), "{refusal}");
    for tls in ["sslmode=verify-ca", "sslmode=require"] {
        assert_eq!(
            connect(&server.url("localhost", &(tls.to_owned() + &right))).await,
            Ok(true),
            "{tls}"
        );
    }
}

#[tokio::test]
async fn a_host_says_how_its_server_is_verified_and_works_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::for_host("localhost");
    let server = TlsPostgres::start(&certificates).await;
    let verified = "sslmode=verify-full".to_owned() + &authority(&certificates.authority_in(folder.path()));
    let app = App::with("DATABASE_URL", server.url("localhost", &verified)).start_alone();
    app.process.wait_for("over verified TLS");
    app.user("ann").add_titled("Buy milk").await;
}

#[tokio::test]
async fn a_host_that_gets_no_tls_as_its_url_asks_says_why_at_once_and_is_not_ready() {
    let [folder, other_folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let certificates = Certificates::for_host("localhost");
    let encrypted = TlsPostgres::start(&certificates).await;
    let plain = TlsPostgres::start_without_tls().await;
    let wrong = authority(&Certificates::for_host("localhost").authority_in(other_folder.path()));
    let misnamed = authority(&certificates.authority_in(folder.path()));
    for (url, cause, says) in [
        (
            encrypted.url("localhost", "sslmode=verify-full"),
            "UnknownIssuer",
            "TLS fails",
        ),
        (
            encrypted.url("localhost", &("sslmode=verify-ca".to_owned() + &wrong)),
            "certificate",
            "TLS fails",
        ),
        (
            encrypted.url("127.0.0.1", &("sslmode=verify-full".to_owned() + &misnamed)),
            "certificate",
            "TLS fails",
        ),
        (
            plain.url("localhost", "sslmode=require"),
            "does not support TLS",
            "switch TLS on at the server",
        ),
    ] {
        let url = url.replacen("postgres@", "postgres:the-secret@", 1);
        let components = [Component::new("hello").at("/hello").granted(&["postgres"])];
        let app = App::serving(components)
            .with("DATABASE_URL", &url)
            .start_listening();
        let line = app.process.wait_for(says);
        assert!(line.contains(cause), "{line}");
        eventually(true, async || {
            app.get("/ready").answer().await.expect(503).text().contains(says)
        })
        .await;
        let ready = app.get("/ready").answer().await.text();
        let log = app.process.log();
        assert!(
            !ready.contains("the-secret") && !log.contains("the-secret"),
            "{ready}\n{log}"
        );
        assert!(
            !log.contains("PostgreSQL cannot be used yet"),
            "the host did not wait before it said so: {log}"
        );
    }
}

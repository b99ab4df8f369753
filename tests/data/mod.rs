//! Components and the database.
//!
//! - `apart`: what SQL of one component does not reach
//! - `hostile`: SQL that is written to do harm
//! - `transactions`: what is left of a guest that ends in the middle
//! - `hosts`: several hosts on one database, and a database without rights

mod apart;
mod hostile;
mod hosts;
mod transactions;

use crate::support::app::Host;
use crate::support::{Answer, Component, Send};

/// The fixture that runs any SQL, as a component of this name, at `/<name>`.
pub(crate) fn sql(name: &str) -> Component {
    Component::new("sql")
        .called(name)
        .at(&format!("/{name}"))
        .granted(&["postgres"])
        .limited("time", "30s")
}

/// Has the component at `path` run a statement.
pub(crate) async fn run(host: &Host, path: &str, statement: &str) -> Answer {
    host.get(path).query(&[("sql", statement)]).answer().await
}

/// The same for a statement that must succeed.
pub(crate) async fn done(host: &Host, path: &str, statement: &str) -> String {
    run(host, path, statement).await.expect(200).text()
}

/// The same for a statement that must fail: the SQLSTATE, or what else the host says.
pub(crate) async fn refused(host: &Host, path: &str, statement: &str) -> String {
    let answer = run(host, path, statement).await;
    assert_eq!(answer.status, 400, "{statement}: {}", answer.text());
    answer.text()
}

//! Checks before the measurements that both servers give the same responses, byte for byte.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::server::{Kind, Server};
use super::users::Users;
use super::workload::{Request, Work};
use crate::http::{self, Answer};

/// Fails unless every server responds well, and native code with the same bytes as Berth.
pub(crate) fn check(servers: &[&Server], users: &Users, works: &[Work]) -> Result<()> {
    for work in works {
        let request = work.request(users);
        let mut expected: Option<Answer> = None;
        for server in servers.iter().filter(|server| work.is_done_by(server.kind)) {
            let answer = ask(server.address, &request)?;
            ensure!(
                (200..300).contains(&answer.status),
                "{work} of {}: {}",
                server.kind,
                answer.body
            );
            match (&expected, server.kind) {
                (Some(berth), Kind::Native) => ensure!(
                    is_same(*work, berth, &answer)?,
                    "{work}: Berth and native code answer differently:\n{}\n{}",
                    berth.body,
                    answer.body
                ),
                (None, Kind::Berth) => expected = Some(answer),
                // The other servers format JSON, such as dates, in their own way.
                _ => {}
            }
        }
    }
    Ok(())
}

fn is_same(work: Work, berth: &Answer, native: &Answer) -> Result<bool> {
    let bodies = match work {
        // Two tasks that are made one after the other differ in their ids and times only.
        Work::Create => (without_novelty(&berth.body)?, without_novelty(&native.body)?),
        _ => (berth.body.clone(), native.body.clone()),
    };
    Ok(berth.status == native.status && bodies.0 == bodies.1)
}

/// The response, with the values that are new in every task replaced by their names.
fn without_novelty(task: &str) -> Result<String> {
    let fields: Value = serde_json::from_str(task)?;
    let novelties = ["id", "created_at", "updated_at"];
    Ok(novelties.iter().fold(task.to_owned(), |text, name| {
        text.replacen(
            &format!(r#""{name}":{}"#, fields[name]),
            &format!(r#""{name}":{name}"#),
            1,
        )
    }))
}

fn ask(address: SocketAddr, request: &Request) -> Result<Answer> {
    let Request {
        method,
        path,
        token,
        body,
    } = request;
    let token = (!token.is_empty()).then_some(&**token);
    Ok(match *method {
        "GET" => http::get(address, path, token)?,
        _ => http::post(address, path, token, body)?,
    })
}

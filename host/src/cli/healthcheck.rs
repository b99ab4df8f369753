//! `berth healthcheck`: checks that the host on this machine is alive.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::on_this_machine;
use crate::config::{Config, Variables};

/// How long a health check may take: less than the 5 s after which containers cancel it.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks `/health`, or the path that the manifest sets instead. Uses a plain socket, which starts faster than an HTTP
/// client, because the check runs every few seconds.
pub(super) fn healthcheck(variables: &Variables) -> Result<()> {
    let address = on_this_machine(Config::address(variables)?);
    let path = Config::health_path(variables)?;
    let answer = ask(address, &path).with_context(|| format!("the host on {address} does not answer"))?;
    let status = String::from_utf8_lossy(&answer).into_owned();
    ensure!(
        status.starts_with("HTTP/1.1 200 "),
        "the host on {address} answers {status:?}"
    );
    Ok(())
}

/// The beginning of the response, with the status.
fn ask(address: SocketAddr, path: &str) -> io::Result<[u8; 13]> {
    let mut socket = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
    socket.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    socket.set_write_timeout(Some(HEALTH_TIMEOUT))?;
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = [0; 13];
    socket.read_exact(&mut answer)?;
    Ok(answer)
}

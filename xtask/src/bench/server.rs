//! The compared servers: each is a process on a port of its own, for as long as the bench runs.

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::http::{self, free_address};

/// The longest start of a server.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(1);

/// The kind of a compared server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Berth,
    /// Berth that sends the traces of one request in a hundred.
    BerthTraced,
    Native,
    Fastapi,
    WasmtimeServe,
    /// `wasmtime serve`, with its pool of instances tuned as well as its options allow.
    WasmtimeServeTuned,
}

/// A server that is stopped when it is dropped.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Kind {
    /// Every kind, in the order of the table.
    pub(crate) const ALL: [Self; 6] = [
        Self::Berth,
        Self::BerthTraced,
        Self::Native,
        Self::Fastapi,
        Self::WasmtimeServe,
        Self::WasmtimeServeTuned,
    ];
}

impl Server {
    /// Starts the command that `command` makes for an address.
    pub(crate) fn start(kind: Kind, command: impl FnOnce(SocketAddr) -> Command) -> Result<Self> {
        let address = free_address()?;
        let child = command(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("{kind} does not start"))?;
        Ok(Self { kind, address, child })
    }

    /// Waits until it accepts connections.
    pub(crate) fn wait_until_listening(&mut self) -> Result<()> {
        self.wait_until(|address| TcpStream::connect(address).is_ok())
    }

    /// Waits until `/ready` is 200.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        self.wait_until(|address| http::get(address, "/ready", None).is_ok_and(|answer| answer.status == 200))
    }

    /// The process number.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    fn wait_until(&mut self, is_up: impl Fn(SocketAddr) -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_up(self.address) {
            let ended = self.child.try_wait()?;
            ensure!(ended.is_none(), "{} has ended: {ended:?}", self.kind);
            ensure!(start.elapsed() < START_TIMEOUT, "{} does not serve", self.kind);
            sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Berth => "berth",
            Self::BerthTraced => "berth-traced",
            Self::Native => "native",
            Self::Fastapi => "fastapi",
            Self::WasmtimeServe => "wasmtime-serve",
            Self::WasmtimeServeTuned => "wasmtime-serve-tuned",
        })
    }
}

//! The servers that are compared: each a process of its own on a port of its own, for as long as the bench runs.

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::http::{self, free_address};

/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Berth,
    Native,
    Fastapi,
    WasmtimeServe,
    /// With its pool of instances tuned as well as it can be by its options.
    WasmtimeServeTuned,
}

/// A server that runs until this is dropped.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Kind {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 5] =
        [Self::Berth, Self::Native, Self::Fastapi, Self::WasmtimeServe, Self::WasmtimeServeTuned];
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

    /// Its process.
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
        // What has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Berth => "berth",
            Self::Native => "native",
            Self::Fastapi => "fastapi",
            Self::WasmtimeServe => "wasmtime-serve",
            Self::WasmtimeServeTuned => "wasmtime-serve-tuned",
        })
    }
}

//! The command line.
//!
//! - `healthcheck`: checks that the host on this machine is alive
//! - `check`: checks configuration, manifest and components
//! - `new`: writes a small component to start from
//! - `components`: shows and swaps the components of a running host
//! - `logs`, `log_level`: the last lines of a running host's log, and its filter
//! - `admin`: the options of the commands that ask a running host
//! - `client`: the client of that host's admin API
//! - `failure`: the failures of these commands, and the exit code of each
//! - `progress`, `report`: the steps of a swap as they happen, and its outcome
//! - `list`, `show`, `table`: lists of components and versions; a single component; and their alignment
//! - `text`: words, times and sizes
//! - `complaint`: the lines that explain why a command failed, for people or for programs that read the log
//! - `output`: standard output and standard error, which may be closed

mod admin;
mod check;
mod client;
mod complaint;
mod components;
mod failure;
mod healthcheck;
mod list;
mod log_level;
mod logs;
mod new;
mod output;
mod progress;
mod report;
mod show;
mod table;
#[cfg(test)]
mod test_values;
mod text;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use berth_runtime::{COMPILE_ARGUMENT, compile_file};
use clap::{Parser, Subcommand};

use self::check::{Check, EMPTY_MANIFEST};
use self::complaint::complaint;
use self::components::Components;
use self::failure::Failure;
use self::healthcheck::healthcheck;
use self::log_level::LogLevel;
use self::logs::Logs;
use self::new::{New, new};
use self::output::complain;
use crate::config::{self, Config, LogFormat, Variables};
use crate::logging;
use crate::serve::serve;

/// A serverless-style host for WebAssembly components.
#[derive(Parser)]
#[command(version = VERSION, after_long_help = config::help())]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the components of the manifest; this is what `berth` alone does
    Serve {
        /// Swap in what is saved while the host runs: the manifest, and the files that it names
        #[arg(long)]
        watch: bool,
    },
    /// Check configuration, manifest and components, without serving or touching a database
    Check(Check),
    /// Write a small component in Rust that works, to begin with
    New(New),
    /// Ask the host on this machine whether it lives: exit code 0 if it does
    Healthcheck,
    /// Compile a component into machine code on standard output, for the host, which runs this command
    #[command(name = COMPILE_ARGUMENT, hide = true)]
    CompileComponent {
        /// The component's file
        wasm: PathBuf,
        /// Bytes of memory that it may take
        memory: u64,
    },
    /// See and swap the components of a host that runs
    Components(Components),
    /// Print the last lines of a running host's log: components' lines, traps, and the host's own
    Logs(Logs),
    /// Show or change which lines a running host logs
    LogLevel(LogLevel),
}

/// The version, the commit that it was built from, and the engine that runs components.
pub(crate) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("BERTH_COMMIT"),
    ", wasmtime ",
    env!("BERTH_WASMTIME"),
    ")"
);

impl Arguments {
    /// Runs the command. Prints an error on standard error.
    pub async fn run(self) -> ExitCode {
        let variables = Variables::of_process();
        let command = self.command.unwrap_or(Command::Serve { watch: false });
        // Programs that read the host's log also read its error. The other commands are for people.
        let format = match command {
            Command::Serve { .. } => Config::log_format(&variables),
            _ => LogFormat::Pretty,
        };
        let outcome = match command {
            Command::Serve { watch } => start(&variables, watch).await,
            Command::Check(check) => check.run(&variables).await,
            Command::New(what) => new(&what),
            Command::Healthcheck => healthcheck(&variables),
            Command::CompileComponent { wasm, memory } => return compile_file(&wasm, memory).into(),
            Command::Components(components) => components.run(&variables).await.map_err(Into::into),
            Command::Logs(logs) => logs.run(&variables).await.map_err(Into::into),
            Command::LogLevel(level) => level.run(&variables).await.map_err(Into::into),
        };
        outcome.map_or_else(|error| fail(&error, format), |()| ExitCode::SUCCESS)
    }
}

fn fail(error: &anyhow::Error, format: LogFormat) -> ExitCode {
    let failure = error.downcast_ref::<Failure>();
    // The report of the refusal has been printed already.
    if !matches!(failure, Some(Failure::Refused { .. })) {
        complain(&complaint(error, format));
    }
    failure.map_or(ExitCode::FAILURE, |failure| failure.exit_code().into())
}

async fn start(variables: &Variables, watch: bool) -> Result<()> {
    let config = Config::read(variables)?;
    let log = logging::start(&config.log)?;
    config.sizes.log();
    for unknown in config.unknown_variables() {
        tracing::warn!("{unknown}");
    }
    if config.manifest.components.is_empty() {
        tracing::warn!(manifest = %config.manifest_path.display(), "{EMPTY_MANIFEST}");
    }
    // The future is boxed because it is large, and a part of every command's future.
    Ok(Box::pin(serve(&config, watch, &log)).await?)
}

/// The loopback address of a host that listens on all interfaces.
fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

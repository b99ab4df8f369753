//! The command line.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use crate::config::{Config, Variables};
use crate::delivery::Checked;
use crate::serve::serve;
use crate::{delivery, logging};

/// How long a health check may take: shorter than the 5 s after which containers give up on it.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// A serverless-style host for WebAssembly components.
#[derive(Parser)]
#[command(version, after_long_help = VARIABLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the components of the manifest; this is what `berth` alone does
    Serve,
    /// Check configuration, manifest and components, without serving or touching a database
    Check,
    /// Ask the host on this machine whether it lives: exit code 0 if it does
    Healthcheck,
}

const VARIABLES: &str = "\
Everything is configured by the manifest and by environment variables:

  BERTH_MANIFEST         the manifest                               berth.toml
  BERTH_DATA_DIR         private database, code cache, token secret .berth
  BERTH_CODE_CACHE       machine code compiled ahead, only read     none
  ENVIRONMENT            development, production, …                 development
  HOST, PORT             where to listen                            0.0.0.0, 8000
  DATABASE_URL           PostgreSQL                                 a private one
  JWT_SECRET             signs tokens; 32 bytes or more             made once; required in production
  JWT_EXPIRES_IN         how long a token is good for               7d
  ANONYMOUS_USER         whom requests without a token act as       nobody
  CORS_ORIGINS           web sites that may call: a list, or *      *; none in production
  LOG_FORMAT, RUST_LOG   pretty or json; what is logged             pretty, info; json in production
  COHERE_API_KEY, COHERE_BASE_URL                                   for components that chat; Cohere's
  COHERE_MODEL           the model, if a component names none       command-a-03-2025
  COHERE_MODELS          others that a component may name: a list   none
  ADMIN_ADDR, ADMIN_TOKEN                                           the operators' listener
  BERTH_MAX_HEADER_SIZE, BERTH_MAX_CONNECTIONS, BERTH_MAX_IN_FLIGHT 32KiB, 2048, 1024
  BERTH_HEADER_TIMEOUT, BERTH_DRAIN_TIMEOUT                         30s, 25s

DATABASE_URL, JWT_SECRET, COHERE_API_KEY and ADMIN_TOKEN may also be read from the file that
DATABASE_URL_FILE and so on name.";

impl Arguments {
    /// Does what is asked. What went wrong is on standard error, in one line.
    pub async fn run(self) -> ExitCode {
        let variables = Variables::of_process();
        let outcome = match self.command.unwrap_or(Command::Serve) {
            Command::Serve => start(&variables).await,
            Command::Check => check(&variables).await,
            Command::Healthcheck => healthcheck(&variables),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("berth: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

async fn start(variables: &Variables) -> Result<()> {
    let config = Config::read(variables)?;
    logging::start(&config.log);
    Ok(serve(&config).await?)
}

async fn check(variables: &Variables) -> Result<()> {
    let config = Config::read(variables)?;
    for Checked { component, digest } in delivery::check(&config.manifest, &config.code_cache).await? {
        println!("{component}@{}: good", &digest[..12]);
    }
    println!("The configuration is good.");
    Ok(())
}

/// Asks `/health` on this machine. By hand, since a whole client for one line would have to be shipped.
fn healthcheck(variables: &Variables) -> Result<()> {
    let address = on_this_machine(Config::address(variables)?);
    let answer = ask(address).with_context(|| format!("the host on {address} does not answer"))?;
    let status = String::from_utf8_lossy(&answer).into_owned();
    ensure!(status.starts_with("HTTP/1.1 200 "), "the host on {address} answers {status:?}");
    Ok(())
}

/// Whoever listens on every interface can be reached over the loopback one.
fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The beginning of the answer, with the status.
fn ask(address: SocketAddr) -> io::Result<[u8; 13]> {
    let mut socket = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
    socket.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    socket.set_write_timeout(Some(HEALTH_TIMEOUT))?;
    write!(socket, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 13];
    socket.read_exact(&mut answer)?;
    Ok(answer)
}

//! The operator's whole configuration, read once from the environment and `berth.toml` and checked as a whole.
//!
//! No other module reads either. An invalid value stops the start with a line that names the place, the reason and the
//! remedy, and never shows a secret.
//!
//! `table` describes the variables and `environment` reads them, `manifest` reads the file, `machine` and `sizes` derive
//! values from the machine; the other modules are parts of these.

mod claims;
mod environment;
mod faults;
mod files_table;
mod http_table;
mod log_filter;
mod machine;
mod manifest;
mod origins;
mod own_routes;
mod parse;
mod proxies;
mod quantity;
mod reference;
mod schema;
mod secret;
mod server_timing;
mod signing_secret;
mod sizes;
mod table;
mod value;
mod variable;
mod variables;

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

pub use environment::Environment;
pub use faults::ManifestFault;
pub use http_table::HttpTable;
pub use log_filter::{LogFilter, LogFilterError};
pub use machine::{Machine, Share};
pub use manifest::Manifest;
pub use origins::CorsOrigins;
pub use own_routes::{Accounts, OwnRoutes};
pub use proxies::TrustedProxies;
pub use reference::help;
pub use secret::Secret;
pub use server_timing::ServerTiming;
pub use sizes::Sizes;
pub use variables::Variables;

use berth_runtime::{CodeCache, CompilerProcess};

/// A valid configuration: a value of this type proves that all settings have been checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ENVIRONMENT`
    pub environment: Environment,
    /// `HOST` and `PORT`: the address for REST clients. Port 0 lets the system choose.
    pub address: SocketAddr,
    /// `DATABASE_URL`; without it, a private PostgreSQL under [`Config::data_directory`].
    pub database_url: Option<Secret>,
    /// `BERTH_DATA_DIR`, as an absolute path. The directory may not exist yet.
    pub data_directory: PathBuf,
    /// `BERTH_CODE_CACHE` with machine code that was compiled ahead, and a folder of [`Config::data_directory`] for
    /// machine code that is compiled here.
    pub code_cache: CodeCache,
    /// The compiler process: this program, limited to `BERTH_COMPILE_MEMORY`.
    pub compiler: CompilerProcess,
    /// `PATH`: where the private server looks for PostgreSQL's programs first.
    pub program_path: Option<OsString>,
    /// `JWT_EXPIRES_IN`: how long an issued token is valid.
    pub jwt_lifetime: Duration,
    /// `ANONYMOUS_USER`: the user of requests without a token, if set.
    pub anonymous_user: Option<String>,
    /// `CORS_ORIGINS`
    pub cors_origins: CorsOrigins,
    /// `TRUSTED_PROXIES`: the proxies whose headers about their clients are trusted.
    pub trusted_proxies: TrustedProxies,
    /// `SERVER_TIMING`: the clients that are told how long the parts of their requests took.
    pub server_timing: ServerTiming,
    /// `COHERE_…`: the language models that components may be granted.
    pub cohere: berth_cohere::Settings,
    /// `ADMIN_…`
    pub admin: Admin,
    /// `LOG_FORMAT` and `RUST_LOG`
    pub log: Log,
    /// `OTEL_…`: the collector of traces, if there is one.
    pub traces: Option<berth_traces::Settings>,
    /// `BERTH_MAX_…` and `BERTH_…_TIMEOUT`
    pub edge: Edge,
    /// Sizes derived from the machine, and `BERTH_GUEST_MEMORY` and `BERTH_DATABASE_CONNECTIONS`
    pub sizes: Sizes,
    /// `BERTH_FOLLOW_INTERVAL`: how often to poll for versions that other hosts on the database have made live, beside
    /// listening for them. None for a host that is alone on its database, so that the database can sleep.
    pub follow_interval: Option<Duration>,
    /// `BERTH_MANIFEST`
    pub manifest_path: PathBuf,
    /// The components of the manifest, and the table `[http]`.
    pub manifest: Manifest,
    jwt_secret: Option<Secret>,
    /// The variables, for values of a manifest that is read again.
    variables: Variables,
}

/// The operators' own listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// `ADMIN_ADDR`
    pub address: SocketAddr,
    /// `ADMIN_TOKEN`
    pub token: Option<Secret>,
    /// `ADMIN_HOSTS`, in lower case.
    pub hosts: Vec<String>,
    /// `METRICS`: whether `/metrics` needs no token.
    pub has_open_metrics: bool,
}

/// The settings of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `LOG_FORMAT`
    pub format: LogFormat,
    /// `RUST_LOG`: the filter at the start.
    pub filter: LogFilter,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Pretty,
    /// A JSON object on each line.
    Json,
}

/// The limits of the edge, which apply before a request reaches a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// `BERTH_MAX_HEADER_SIZE`: the most bytes of a request's line and headers; a larger request gets 431.
    pub max_header_size: usize,
    /// `BERTH_MAX_CONNECTIONS`: the most open sockets; a further socket closes the connection that has been idle
    /// longest.
    pub max_connections: usize,
    /// `BERTH_MAX_CONNECTIONS_PER_CLIENT`: the most sockets of a client address, not counting those with a request in
    /// flight.
    pub max_connections_per_client: usize,
    /// `BERTH_MAX_IN_FLIGHT`: the most requests at once; further requests get 503. Less than [`Edge::max_connections`],
    /// so that a connection is always left for a probe.
    pub max_in_flight: usize,
    /// `BERTH_HEADER_TIMEOUT`: for a request's line and headers to arrive, and for an idle connection.
    pub header_timeout: Duration,
    /// `BERTH_WRITE_TIMEOUT`: how long a client may read nothing of its response before its connection is closed.
    pub write_timeout: Duration,
    /// `BERTH_DRAIN_TIMEOUT`: for requests in flight to finish when the host stops. Kubernetes kills after 30 s.
    pub drain_timeout: Duration,
}

impl Config {
    /// Reads and checks all settings. Writes nothing and makes no connection.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let environment = table::ENVIRONMENT.read(variables)?;
        let data_directory = table::BERTH_DATA_DIR.read(variables)?;
        let manifest_path = table::BERTH_MANIFEST.read(variables)?;
        let threads = available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let sizes = Sizes::read(Machine::read(Path::new("/"), threads), variables)?;
        let config = Self {
            address: environment::address(variables)?,
            database_url: table::DATABASE_URL.read(variables)?,
            code_cache: CodeCache {
                ahead: table::BERTH_CODE_CACHE.read(variables)?,
                own: data_directory.join("cache"),
            },
            data_directory,
            compiler: CompilerProcess {
                program: this_program()?,
                memory: sizes.compile_memory,
            },
            program_path: table::PATH.read(variables),
            jwt_secret: environment::jwt_secret(variables, &environment)?,
            jwt_lifetime: table::JWT_EXPIRES_IN.read(variables)?,
            anonymous_user: table::ANONYMOUS_USER.read(variables)?,
            cors_origins: environment::cors_origins(variables, &environment)?,
            trusted_proxies: table::TRUSTED_PROXIES.read(variables)?.unwrap_or_default(),
            server_timing: table::SERVER_TIMING.read(variables)?,
            cohere: environment::cohere(variables)?,
            admin: environment::admin(variables)?,
            log: environment::log(variables, &environment)?,
            traces: environment::traces(variables)?,
            edge: environment::edge(variables, &sizes)?,
            follow_interval: table::BERTH_FOLLOW_INTERVAL.read(variables)?,
            manifest: Manifest::read(&manifest_path, &sizes.default_limits(), variables)?,
            variables: variables.clone(),
            manifest_path,
            sizes,
            environment,
        };
        environment::check_anonymous_user(config.anonymous_user.as_deref(), &config.manifest.http)?;
        Ok(config)
    }

    /// Reads the manifest again, as it is now.
    pub fn read_manifest(&self) -> Result<Manifest, ConfigError> {
        Manifest::read(&self.manifest_path, &self.sizes.default_limits(), &self.variables)
    }

    /// A sentence for each unknown variable whose name begins like Berth's: the name may be mistyped.
    #[must_use]
    pub fn unknown_variables(&self) -> Vec<String> {
        self.variables
            .names()
            .filter(|name| environment::may_be_mistyped(name))
            .map(|name| match faults::nearest(name, environment::own_variables()) {
                Some(meant) => {
                    format!("{name} is not a variable that Berth reads: did you mean {meant}?")
                }
                None => format!("{name} is not a variable that Berth reads: `berth --help` lists them"),
            })
            .collect()
    }

    /// Reads only the format of the log, to print the other settings' errors in it. A `LOG_FORMAT` that cannot be read
    /// counts as unset, and an `ENVIRONMENT` that cannot be read is not production.
    #[must_use]
    pub fn log_format(variables: &Variables) -> LogFormat {
        let environment = table::ENVIRONMENT.read(variables);
        let default = environment.map_or(LogFormat::Pretty, |environment| environment.log_format());
        environment::log_format(variables, default).unwrap_or(default)
    }

    /// Reads only `HOST` and `PORT`, for commands that need the host's address.
    pub fn address(variables: &Variables) -> Result<SocketAddr, ConfigError> {
        environment::address(variables)
    }

    /// Reads only the path of the liveness probe. If the manifest cannot be read, the default path.
    pub fn health_path(variables: &Variables) -> Result<String, ConfigError> {
        Ok(Manifest::own_routes(&table::BERTH_MANIFEST.read(variables)?).health)
    }

    /// Reads only `ADMIN_ADDR` and `ADMIN_TOKEN`, for commands that call a running host.
    pub fn admin(variables: &Variables) -> Result<Admin, ConfigError> {
        environment::admin(variables)
    }

    /// The machine's name, if the system has it.
    #[must_use]
    pub fn machine_name() -> Option<String> {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// `USER`: the name of the user that runs this process, if set.
    pub fn user(variables: &Variables) -> Result<Option<String>, ConfigError> {
        table::USER.read(variables)
    }

    /// `JWT_SECRET`, at least 32 bytes. Outside production the variable may be missing: the first call then makes a secret
    /// and keeps it in the data directory.
    pub fn jwt_secret(&self) -> Result<Secret, ConfigError> {
        self.jwt_secret
            .clone()
            .map_or_else(|| signing_secret::kept(&self.data_directory), Ok)
    }
}

/// The name of this process among the hosts on its database.
pub(crate) fn host_name() -> String {
    let machine = Config::machine_name().unwrap_or_else(|| "host".to_owned());
    format!("{machine}/{}", std::process::id())
}

/// The program of this process: on Linux, also after a newer version has replaced its file.
fn this_program() -> Result<PathBuf, ConfigError> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        Ok(running)
    } else {
        std::env::current_exe().map_err(ConfigError::NoProgram)
    }
}

/// An invalid configuration, with a line for each fault.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable of the environment.
    #[error("{name}: {reason}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// The fault and its remedy.
        reason: String,
    },
    /// A manifest that cannot be read at all.
    #[error(
        "BERTH_MANIFEST: {} cannot be read ({error}): name the manifest, or start in the directory of berth.toml", path.display()
    )]
    NoManifest {
        /// The path in `BERTH_MANIFEST`.
        path: PathBuf,
        /// The operating system's error.
        error: std::io::Error,
    },
    /// The system does not tell which file this process runs.
    #[error("the host's own program, which compiles components, is not found: {0}")]
    NoProgram(std::io::Error),
    /// The faults of the manifest, a line each.
    #[error("{}", lines(.0))]
    Manifest(Vec<ManifestFault>),
}

fn lines(faults: &[ManifestFault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl ConfigError {
    fn variable(name: &'static str, reason: impl Into<String>) -> Self {
        Self::Variable {
            name,
            reason: reason.into(),
        }
    }
}

//! The settings that depend on more than one variable, and on the variables' table.

use std::net::SocketAddr;

use berth_traces::Sampling;
use url::Url;

use super::http_table::HttpTable;
use super::parse::JWT_SECRET_REMEDY;
use super::table::{
    ADMIN_ADDR, ADMIN_HOSTS, ADMIN_TOKEN, ALL, ANONYMOUS_USER, BERTH_DRAIN_TIMEOUT, BERTH_HEADER_TIMEOUT,
    BERTH_MAX_CONNECTIONS, BERTH_MAX_CONNECTIONS_PER_CLIENT, BERTH_MAX_HEADER_SIZE, BERTH_MAX_IN_FLIGHT,
    BERTH_WRITE_TIMEOUT, COHERE_API_KEY, COHERE_BASE_URL, COHERE_MODEL, COHERE_MODELS, CORS_ORIGINS, HOST,
    JWT_SECRET, LOG_FORMAT, METRICS, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_SDK_DISABLED, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
    PORT, RUST_LOG,
};
use super::{Admin, ConfigError, CorsOrigins, Edge, Log, LogFormat, Secret, Sizes, Variables};

/// The beginning of the names of Berth's own variables.
const OWN_PREFIX: &str = "BERTH_";

/// The variables whose names begin with [`OWN_PREFIX`].
pub(super) fn own_variables() -> impl Iterator<Item = &'static str> {
    ALL.iter()
        .map(|description| description.name)
        .filter(|name| name.starts_with(OWN_PREFIX))
}

/// Whether a name begins like those of [`own_variables`] but is unknown. Kubernetes gives every pod variables such as
/// `BERTH_SERVICE_HOST` and `BERTH_PORT_8000_TCP` for a service named `berth`: these do not count.
pub(super) fn may_be_mistyped(name: &str) -> bool {
    let of_kubernetes = ["BERTH_SERVICE_", "BERTH_PORT"];
    name.starts_with(OWN_PREFIX)
        && own_variables().all(|own| own != name)
        && !of_kubernetes.iter().any(|begin| name.starts_with(begin))
}

/// The purpose of the deployment: the value of `ENVIRONMENT`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(pub(super) String);

impl Environment {
    /// The name, as `/health` shows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the strict defaults apply: secrets are required, no origin is allowed, logs are JSON.
    #[must_use]
    pub fn is_production(&self) -> bool {
        matches!(&*self.0, "production" | "prod")
    }

    /// Whether this is a developer's own host: the manifest's files take precedence over the versions in the database.
    #[must_use]
    pub fn is_development(&self) -> bool {
        matches!(&*self.0, "development" | "dev")
    }

    /// The default format of the log, without `LOG_FORMAT`.
    pub(super) fn log_format(&self) -> LogFormat {
        if self.is_production() {
            LogFormat::Json
        } else {
            LogFormat::Pretty
        }
    }
}

/// `HOST` and `PORT`: where the host listens. Port 0 lets the system choose.
pub(super) fn address(variables: &Variables) -> Result<SocketAddr, ConfigError> {
    Ok(SocketAddr::new(HOST.read(variables)?, PORT.read(variables)?))
}

/// `JWT_SECRET`; may be absent only where the host may make a secret.
pub(super) fn jwt_secret(
    variables: &Variables,
    environment: &Environment,
) -> Result<Option<Secret>, ConfigError> {
    match JWT_SECRET.read(variables)? {
        None if environment.is_production() => {
            Err(JWT_SECRET.refuse(format!("production needs one: {JWT_SECRET_REMEDY}")))
        }
        secret => Ok(secret),
    }
}

/// Returns an error if `ANONYMOUS_USER` is a word of the routes.
pub(super) fn check_anonymous_user(user: Option<&str>, http: &HttpTable) -> Result<(), ConfigError> {
    match user {
        Some(user) if http.reserves(user) => Err(ANONYMOUS_USER.refuse(format!(
            "{user:?} is a word of the routes, never a user id: choose another"
        ))),
        _ => Ok(()),
    }
}

/// `CORS_ORIGINS`. In production, no origin is allowed by default.
pub(super) fn cors_origins(
    variables: &Variables,
    environment: &Environment,
) -> Result<CorsOrigins, ConfigError> {
    let origins = CORS_ORIGINS.read(variables)?;
    Ok(origins.unwrap_or_else(|| {
        if environment.is_production() {
            CorsOrigins::Listed(Vec::new())
        } else {
            CorsOrigins::Any
        }
    }))
}

/// `LOG_FORMAT`.
pub(super) fn log_format(variables: &Variables, default: LogFormat) -> Result<LogFormat, ConfigError> {
    Ok(LOG_FORMAT.read(variables)?.unwrap_or(default))
}

/// `LOG_FORMAT` and `RUST_LOG`.
pub(super) fn log(variables: &Variables, environment: &Environment) -> Result<Log, ConfigError> {
    Ok(Log {
        format: log_format(variables, environment.log_format())?,
        filter: RUST_LOG.read(variables)?,
    })
}

/// `COHERE_API_KEY`, `COHERE_BASE_URL`, `COHERE_MODEL`, and `COHERE_MODELS`: the further models that may be used.
pub(super) fn cohere(variables: &Variables) -> Result<berth_cohere::Settings, ConfigError> {
    let mut settings = berth_cohere::Settings::new(COHERE_BASE_URL.read(variables)?);
    settings.api_key = COHERE_API_KEY.read(variables)?;
    settings.default_model = COHERE_MODEL.read(variables)?;
    settings.models = COHERE_MODELS.read(variables)?.unwrap_or_default();
    Ok(settings)
}

/// `OTEL_…`: where traces are sent, and which. None without a collector.
pub(super) fn traces(variables: &Variables) -> Result<Option<berth_traces::Settings>, ConfigError> {
    OTEL_EXPORTER_OTLP_PROTOCOL.read(variables)?;
    let argument = OTEL_TRACES_SAMPLER_ARG.read(variables)?;
    let sampling = Sampling::parse(&OTEL_TRACES_SAMPLER.read(variables)?, argument.as_deref());
    let sampling = sampling.map_err(|error| OTEL_TRACES_SAMPLER.refuse(error.to_string()))?;
    let for_all = OTEL_EXPORTER_OTLP_ENDPOINT.read(variables)?;
    let endpoint = OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
        .read(variables)?
        .or(for_all.map(for_traces));
    if OTEL_SDK_DISABLED.read(variables)? {
        return Ok(None);
    }
    Ok(endpoint.map(|endpoint| berth_traces::Settings {
        endpoint,
        sampling,
        host: super::host_name(),
    }))
}

/// The address for traces of a collector for all signals.
fn for_traces(mut collector: Url) -> Url {
    let path = format!("{}/v1/traces", collector.path().trim_end_matches('/'));
    collector.set_path(&path);
    collector
}

/// `ADMIN_…` and `METRICS`.
pub(super) fn admin(variables: &Variables) -> Result<Admin, ConfigError> {
    Ok(Admin {
        address: ADMIN_ADDR.read(variables)?,
        token: ADMIN_TOKEN.read(variables)?,
        hosts: ADMIN_HOSTS.read(variables)?.unwrap_or_default(),
        has_open_metrics: METRICS.read(variables)?,
    })
}

/// The divisor of all connections for a client address: a quarter, because a host has many clients.
const CLIENTS_PART: usize = 4;

/// The least connections of a client address: browsers open six each, and several people may share an address.
const MIN_CONNECTIONS_PER_CLIENT: usize = 32;

/// The divisor of all connections for those that requests in flight cannot take, so that probes are answered.
const PROBES_PART: usize = 8;

/// The limits of the edge: `BERTH_MAX_…` and `BERTH_…_TIMEOUT`.
pub(super) fn edge(variables: &Variables, sizes: &Sizes) -> Result<Edge, ConfigError> {
    let max_connections = BERTH_MAX_CONNECTIONS
        .read(variables)?
        .unwrap_or(sizes.max_connections);
    let share = (max_connections / CLIENTS_PART).max(MIN_CONNECTIONS_PER_CLIENT);
    let for_probes = max_connections.div_ceil(PROBES_PART);
    Ok(Edge {
        max_header_size: BERTH_MAX_HEADER_SIZE.read(variables)?,
        max_connections,
        max_connections_per_client: BERTH_MAX_CONNECTIONS_PER_CLIENT.read(variables)?.unwrap_or(share),
        max_in_flight: BERTH_MAX_IN_FLIGHT
            .read(variables)?
            .unwrap_or(sizes.max_in_flight)
            .min(max_connections - for_probes)
            .max(1),
        header_timeout: BERTH_HEADER_TIMEOUT.read(variables)?,
        write_timeout: BERTH_WRITE_TIMEOUT.read(variables)?,
        drain_timeout: BERTH_DRAIN_TIMEOUT.read(variables)?,
    })
}

#[cfg(test)]
mod tests;

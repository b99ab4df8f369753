//! The variables that Berth reads, and their valid values.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{self, PathBuf};
use std::time::Duration;

use berth_cohere::{ApiKeyError, BaseUrl, BaseUrlError};
use tracing_subscriber::EnvFilter;

use super::http_table::{HttpTable, MAX_NAME_CHARACTERS, is_name};
use super::quantity::{Count, HOUR, KIB, MIB, Quantity, SECOND, Size, Time};
use super::{
    Admin, ConfigError, CorsOrigins, Edge, Log, LogFormat, Secret, Sizes, TrustedProxies, Variables,
};

/// The shortest secret that HS256 allows, in bytes: the length of its hash (RFC 7518, section 3.2).
pub(super) const SHORTEST_JWT_SECRET: usize = 32;

/// The variables whose names begin with `BERTH_`.
pub(super) const OWN_VARIABLES: [&str; 15] = [
    "BERTH_CODE_CACHE",
    "BERTH_COMPILE_MEMORY",
    "BERTH_DATABASE_CONNECTIONS",
    "BERTH_DATA_DIR",
    "BERTH_DOCS",
    "BERTH_DRAIN_TIMEOUT",
    "BERTH_FOLLOW_INTERVAL",
    "BERTH_GUEST_MEMORY",
    "BERTH_HEADER_TIMEOUT",
    "BERTH_MANIFEST",
    "BERTH_MAX_CONNECTIONS",
    "BERTH_MAX_CONNECTIONS_PER_CLIENT",
    "BERTH_MAX_HEADER_SIZE",
    "BERTH_MAX_IN_FLIGHT",
    "BERTH_WRITE_TIMEOUT",
];

/// Whether a name begins like those of [`OWN_VARIABLES`] but is unknown. Kubernetes gives every pod variables such as
/// `BERTH_SERVICE_HOST` and `BERTH_PORT_8000_TCP` for a service named `berth`: these do not count.
pub(super) fn may_be_mistyped(name: &str) -> bool {
    let of_kubernetes = ["BERTH_SERVICE_", "BERTH_PORT"];
    name.starts_with("BERTH_")
        && !OWN_VARIABLES.contains(&name)
        && !of_kubernetes.iter().any(|begin| name.starts_with(begin))
}

/// The purpose of the deployment: the value of `ENVIRONMENT`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(String);

impl Environment {
    pub(super) fn read(variables: &Variables) -> Result<Self, ConfigError> {
        variables.parse_or("ENVIRONMENT", Self("development".to_owned()), |value| {
            let word = value.len() <= 40
                && value
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            if !word {
                return Err(format!(
                    "{value:?} is not a name: write development, production or the like"
                ));
            }
            Ok(Self(value.to_ascii_lowercase()))
        })
    }

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
    let host = variables.parse_or("HOST", IpAddr::V4(Ipv4Addr::UNSPECIFIED), |value| match value {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => value.trim_matches(['[', ']']).parse().map_err(|_| {
            format!("{value:?} is not an IP address: write 0.0.0.0 for every interface, or 127.0.0.1 for this machine alone")
        }),
    })?;
    let port = variables.parse_or("PORT", 8000, |value| {
        value
            .parse()
            .map_err(|_| format!("{value:?} is not a port: write a number from 0 to 65535"))
    })?;
    Ok(SocketAddr::new(host, port))
}

/// `DATABASE_URL`. Only its form is checked here: the first connection shows whether a server answers.
pub(super) fn database_url(variables: &Variables) -> Result<Option<Secret>, ConfigError> {
    let url = variables.secret("DATABASE_URL", "DATABASE_URL_FILE")?;
    if let Some(url) = &url {
        let remedy = "or unset it for a private PostgreSQL";
        berth_database::url::parse(url.expose())
            .map_err(|error| ConfigError::variable("DATABASE_URL", format!("it {error}, {remedy}")))?;
    }
    Ok(url)
}

/// `BERTH_DATA_DIR` as an absolute path, because the host's child processes run in another directory.
pub(super) fn data_directory(variables: &Variables) -> Result<PathBuf, ConfigError> {
    let directory = variables.get("BERTH_DATA_DIR")?.unwrap_or(".berth");
    path::absolute(directory).map_err(|error| {
        ConfigError::variable(
            "BERTH_DATA_DIR",
            format!("{directory:?} has no absolute form ({error}): write a full path"),
        )
    })
}

/// `BERTH_CODE_CACHE`.
pub(super) fn code_cache(variables: &Variables) -> Result<Option<PathBuf>, ConfigError> {
    Ok(variables.get("BERTH_CODE_CACHE")?.map(PathBuf::from))
}

/// `BERTH_MANIFEST`.
pub(super) fn manifest(variables: &Variables) -> Result<PathBuf, ConfigError> {
    Ok(variables.get("BERTH_MANIFEST")?.unwrap_or("berth.toml").into())
}

/// `JWT_SECRET`; may be absent only where the host may make a secret.
pub(super) fn jwt_secret(
    variables: &Variables,
    environment: &Environment,
) -> Result<Option<Secret>, ConfigError> {
    const REMEDY: &str =
        "set it to at least 32 random bytes, for example the output of `openssl rand -hex 32`";
    let refused = |reason: String| Err(ConfigError::variable("JWT_SECRET", format!("{reason}: {REMEDY}")));
    match variables.secret("JWT_SECRET", "JWT_SECRET_FILE")? {
        Some(secret) if secret.expose().len() < SHORTEST_JWT_SECRET => refused(format!(
            "it has {} bytes, too few to be safe",
            secret.expose().len()
        )),
        None if environment.is_production() => refused("production needs one".to_owned()),
        secret => Ok(secret),
    }
}

/// `JWT_EXPIRES_IN`: seconds, or a time with a unit.
pub(super) fn jwt_lifetime(variables: &Variables) -> Result<Duration, ConfigError> {
    const YEAR: u64 = 31_557_600 * SECOND;
    variables.parse_or("JWT_EXPIRES_IN", Duration::from_hours(7 * 24), |value| {
        let seconds = value.bytes().all(|byte| byte.is_ascii_digit());
        let with_unit = if seconds {
            format!("{value}s")
        } else {
            value.to_owned()
        };
        with_unit
            .parse()
            .map(|time: Quantity<Time, SECOND, { 10 * YEAR }>| time.duration())
    })
}

/// `ANONYMOUS_USER`: the user of requests without a token, if set.
pub(super) fn anonymous_user(variables: &Variables) -> Result<Option<String>, ConfigError> {
    variables.parse_or("ANONYMOUS_USER", None, |value| {
        if is_name(value) {
            Ok(Some(value.to_owned()))
        } else {
            Err(format!(
                "it is not a user id: write 1 to {MAX_NAME_CHARACTERS} characters"
            ))
        }
    })
}

/// Returns an error if `ANONYMOUS_USER` is a word of the routes.
pub(super) fn check_anonymous_user(user: Option<&str>, http: &HttpTable) -> Result<(), ConfigError> {
    match user {
        Some(user) if http.reserves(user) => Err(ConfigError::variable(
            "ANONYMOUS_USER",
            format!("{user:?} is a word of the routes, never a user id: choose another"),
        )),
        _ => Ok(()),
    }
}

/// `CORS_ORIGINS`.
pub(super) fn cors_origins(
    variables: &Variables,
    environment: &Environment,
) -> Result<CorsOrigins, ConfigError> {
    let default = if environment.is_production() {
        CorsOrigins::Listed(Vec::new())
    } else {
        CorsOrigins::Any
    };
    variables.parse_or("CORS_ORIGINS", default, CorsOrigins::parse)
}

/// `BERTH_DOCS`.
pub(super) fn docs_page(variables: &Variables) -> Result<bool, ConfigError> {
    variables.parse_or("BERTH_DOCS", true, |value| match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{value:?} is not a switch: write on or off")),
    })
}

/// `TRUSTED_PROXIES`.
pub(super) fn trusted_proxies(variables: &Variables) -> Result<TrustedProxies, ConfigError> {
    variables.parse_or(
        "TRUSTED_PROXIES",
        TrustedProxies::default(),
        TrustedProxies::parse,
    )
}

/// `LOG_FORMAT`.
pub(super) fn log_format(variables: &Variables, default: LogFormat) -> Result<LogFormat, ConfigError> {
    variables.parse_or("LOG_FORMAT", default, |value| match value {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err(format!("{value:?} is not a format: write pretty or json")),
    })
}

/// `LOG_FORMAT` and `RUST_LOG`.
pub(super) fn log(variables: &Variables, environment: &Environment) -> Result<Log, ConfigError> {
    let format = log_format(variables, environment.log_format())?;
    let filter = variables.parse_or("RUST_LOG", "info".to_owned(), |value| {
        match EnvFilter::try_new(value) {
            Ok(_) => Ok(value.to_owned()),
            Err(error) => Err(format!(
                "{error}: write a level such as info, or target=level pairs"
            )),
        }
    })?;
    Ok(Log { format, filter })
}

/// `COHERE_API_KEY`, `COHERE_BASE_URL`, `COHERE_MODEL`, and `COHERE_MODELS`: the further models that may be used.
pub(super) fn cohere(variables: &Variables) -> Result<berth_cohere::Settings, ConfigError> {
    let base_url = variables
        .get("COHERE_BASE_URL")?
        .unwrap_or("https://api.cohere.com");
    let base_url: BaseUrl = base_url
        .parse()
        .map_err(|error: BaseUrlError| ConfigError::variable("COHERE_BASE_URL", error.to_string()))?;
    let mut settings = berth_cohere::Settings::new(base_url);
    if let Some(key) = variables.secret("COHERE_API_KEY", "COHERE_API_KEY_FILE")? {
        let key = key.expose().trim().parse();
        settings.api_key = Some(
            key.map_err(|error: ApiKeyError| ConfigError::variable("COHERE_API_KEY", error.to_string()))?,
        );
    }
    if let Some(model) = variables.get("COHERE_MODEL")? {
        model.clone_into(&mut settings.default_model);
    }
    let models = variables
        .get("COHERE_MODELS")?
        .unwrap_or_default()
        .split(',')
        .map(str::trim);
    settings.models = models
        .filter(|model| !model.is_empty())
        .map(str::to_owned)
        .collect();
    Ok(settings)
}

/// `ADMIN_ADDR` and `ADMIN_TOKEN`.
pub(super) fn admin(variables: &Variables) -> Result<Admin, ConfigError> {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 8001));
    let address = variables.parse_or("ADMIN_ADDR", loopback, |value| {
        value
            .parse()
            .map_err(|_| format!("{value:?} is not an address with a port: write 127.0.0.1:8001 or the like"))
    })?;
    Ok(Admin {
        address,
        token: variables.secret("ADMIN_TOKEN", "ADMIN_TOKEN_FILE")?,
    })
}

/// `BERTH_FOLLOW_INTERVAL`: none if the value is `off`.
pub(super) fn follow_interval(variables: &Variables) -> Result<Option<Duration>, ConfigError> {
    type Interval = Quantity<Time, SECOND, HOUR>;
    variables.parse_or(
        "BERTH_FOLLOW_INTERVAL",
        Some(Duration::from_secs(10)),
        |value| match value {
            "off" => Ok(None),
            _ => Ok(Some(value.parse::<Interval>()?.duration())),
        },
    )
}

/// The divisor of all connections for a client address: a quarter, because a host has many clients.
const CLIENTS_PART: usize = 4;

/// The least connections of a client address: browsers open six each, and several people may share an address.
const MIN_CONNECTIONS_PER_CLIENT: usize = 32;

/// The divisor of all connections for those that requests in flight cannot take, so that probes are answered.
const PROBES_PART: usize = 8;

/// The limits of the edge: `BERTH_MAX_…` and `BERTH_…_TIMEOUT`.
pub(super) fn edge(variables: &Variables, sizes: &Sizes) -> Result<Edge, ConfigError> {
    type Header = Quantity<Size, KIB, { 16 * MIB }>;
    type Connections = Quantity<Count, 1, 1_000_000>;
    type Timeout = Quantity<Time, SECOND, HOUR>;
    let default = Edge::default();
    let count =
        |name, default| variables.parse_or(name, default, |value| Ok(value.parse::<Connections>()?.count()));
    let time =
        |name, default| variables.parse_or(name, default, |value| Ok(value.parse::<Timeout>()?.duration()));
    let max_connections = count("BERTH_MAX_CONNECTIONS", sizes.max_connections)?;
    let share = (max_connections / CLIENTS_PART).max(MIN_CONNECTIONS_PER_CLIENT);
    let for_probes = max_connections.div_ceil(PROBES_PART);
    Ok(Edge {
        max_header_size: variables.parse_or("BERTH_MAX_HEADER_SIZE", default.max_header_size, |value| {
            Ok(value.parse::<Header>()?.count())
        })?,
        max_connections,
        max_connections_per_client: count("BERTH_MAX_CONNECTIONS_PER_CLIENT", share)?,
        max_in_flight: count("BERTH_MAX_IN_FLIGHT", sizes.max_in_flight)?
            .min(max_connections - for_probes)
            .max(1),
        header_timeout: time("BERTH_HEADER_TIMEOUT", default.header_timeout)?,
        write_timeout: time("BERTH_WRITE_TIMEOUT", default.write_timeout)?,
        drain_timeout: time("BERTH_DRAIN_TIMEOUT", default.drain_timeout)?,
    })
}

#[cfg(test)]
mod tests;

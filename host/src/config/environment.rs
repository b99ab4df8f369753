//! The variables that Berth reads, and what each may say.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{self, PathBuf};
use std::time::Duration;

use berth_cohere::{ApiKeyError, BaseUrl, BaseUrlError};
use tracing_subscriber::EnvFilter;

use super::quantity::{Count, HOUR, KIB, MIB, Quantity, SECOND, Size, Time};
use super::{
    Admin, ConfigError, CorsOrigins, Edge, Log, LogFormat, Secret, Sizes, TrustedProxies, Variables,
};

/// The shortest secret that HS256 allows: as long as its hash (RFC 7518, section 3.2).
pub(super) const SHORTEST_JWT_SECRET: usize = 32;

/// Words that stand where a `{user_id}` could, so no user may be called by them.
const RESERVED_USERS: [&str; 7] = ["auth", "chat", "conversations", "dashboard", "stats", "tasks", "users"];

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

/// Whether a name begins as those of [`OWN_VARIABLES`], but is none. Kubernetes gives every pod variables such as
/// `BERTH_SERVICE_HOST` and `BERTH_PORT_8000_TCP` for a service of the name `berth`: these are not meant.
pub(super) fn may_be_mistyped(name: &str) -> bool {
    let of_kubernetes = ["BERTH_SERVICE_", "BERTH_PORT"];
    name.starts_with("BERTH_")
        && !OWN_VARIABLES.contains(&name)
        && !of_kubernetes.iter().any(|begin| name.starts_with(begin))
}

/// What the deployment is for: the value of `ENVIRONMENT`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(String);

impl Environment {
    pub(super) fn read(variables: &Variables) -> Result<Self, ConfigError> {
        variables.parse_or("ENVIRONMENT", Self("development".to_owned()), |value| {
            let word =
                value.len() <= 40 && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            if !word {
                return Err(format!("{value:?} is not a name: write development, production or the like"));
            }
            Ok(Self(value.to_ascii_lowercase()))
        })
    }

    /// The name, as `/health` shows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the strict defaults apply: a secret must be given, no origin is allowed, logs are JSON.
    #[must_use]
    pub fn is_production(&self) -> bool {
        matches!(&*self.0, "production" | "prod")
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
        value.parse().map_err(|_| format!("{value:?} is not a port: write a number from 0 to 65535"))
    })?;
    Ok(SocketAddr::new(host, port))
}

/// `DATABASE_URL`, of which only the form is checked here: whether a server answers shows when it is asked.
pub(super) fn database_url(variables: &Variables) -> Result<Option<Secret>, ConfigError> {
    let url = variables.secret("DATABASE_URL", "DATABASE_URL_FILE")?;
    if let Some(url) = &url {
        let remedy = "or unset it for a private PostgreSQL";
        berth_database::url::parse(url.expose())
            .map_err(|error| ConfigError::variable("DATABASE_URL", format!("it {error}, {remedy}")))?;
    }
    Ok(url)
}

/// `BERTH_DATA_DIR`, as an absolute path: what is started for the host runs in another directory.
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

/// `JWT_SECRET`; absent only where one may be made.
pub(super) fn jwt_secret(
    variables: &Variables,
    environment: &Environment,
) -> Result<Option<Secret>, ConfigError> {
    const REMEDY: &str =
        "set it to at least 32 random bytes, for example the output of `openssl rand -hex 32`";
    let refused = |reason: String| Err(ConfigError::variable("JWT_SECRET", format!("{reason}: {REMEDY}")));
    match variables.secret("JWT_SECRET", "JWT_SECRET_FILE")? {
        Some(secret) if secret.expose().len() < SHORTEST_JWT_SECRET => {
            refused(format!("it has {} bytes, too few to be safe", secret.expose().len()))
        }
        None if environment.is_production() => refused("production needs one".to_owned()),
        secret => Ok(secret),
    }
}

/// `JWT_EXPIRES_IN`: seconds, or a time with a unit.
pub(super) fn jwt_lifetime(variables: &Variables) -> Result<Duration, ConfigError> {
    const YEAR: u64 = 31_557_600 * SECOND;
    variables.parse_or("JWT_EXPIRES_IN", Duration::from_hours(7 * 24), |value| {
        let seconds = value.bytes().all(|byte| byte.is_ascii_digit());
        let with_unit = if seconds { format!("{value}s") } else { value.to_owned() };
        with_unit.parse().map(|time: Quantity<Time, SECOND, { 10 * YEAR }>| time.duration())
    })
}

/// `ANONYMOUS_USER`: who requests without a token act as, if anybody.
pub(super) fn anonymous_user(variables: &Variables) -> Result<Option<String>, ConfigError> {
    variables.parse_or("ANONYMOUS_USER", None, |value| {
        if value.chars().count() > 100 || value.chars().any(char::is_control) {
            Err("it is not a user id: write 1 to 100 characters".to_owned())
        } else if RESERVED_USERS.contains(&value) {
            Err(format!("{value:?} is a word of the routes, never a user id: choose another"))
        } else {
            Ok(Some(value.to_owned()))
        }
    })
}

/// `CORS_ORIGINS`.
pub(super) fn cors_origins(
    variables: &Variables,
    environment: &Environment,
) -> Result<CorsOrigins, ConfigError> {
    let default =
        if environment.is_production() { CorsOrigins::Listed(Vec::new()) } else { CorsOrigins::Any };
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
    variables.parse_or("TRUSTED_PROXIES", TrustedProxies::default(), TrustedProxies::parse)
}

/// `LOG_FORMAT` and `RUST_LOG`.
pub(super) fn log(variables: &Variables, environment: &Environment) -> Result<Log, ConfigError> {
    let default = if environment.is_production() { LogFormat::Json } else { LogFormat::Pretty };
    let format = variables.parse_or("LOG_FORMAT", default, |value| match value {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err(format!("{value:?} is not a format: write pretty or json")),
    })?;
    let filter =
        variables.parse_or("RUST_LOG", "info".to_owned(), |value| match EnvFilter::try_new(value) {
            Ok(_) => Ok(value.to_owned()),
            Err(error) => Err(format!("{error}: write a level such as info, or target=level pairs")),
        })?;
    Ok(Log { format, filter })
}

/// `COHERE_API_KEY`, `COHERE_BASE_URL`, `COHERE_MODEL`, and `COHERE_MODELS`: those that may be asked beside it.
pub(super) fn cohere(variables: &Variables) -> Result<berth_cohere::Settings, ConfigError> {
    let base_url = variables.get("COHERE_BASE_URL")?.unwrap_or("https://api.cohere.com");
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
    let models = variables.get("COHERE_MODELS")?.unwrap_or_default().split(',').map(str::trim);
    settings.models = models.filter(|model| !model.is_empty()).map(str::to_owned).collect();
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
    Ok(Admin { address, token: variables.secret("ADMIN_TOKEN", "ADMIN_TOKEN_FILE")? })
}

/// `BERTH_FOLLOW_INTERVAL`: none if it is `off`.
pub(super) fn follow_interval(variables: &Variables) -> Result<Option<Duration>, ConfigError> {
    type Interval = Quantity<Time, SECOND, HOUR>;
    variables.parse_or("BERTH_FOLLOW_INTERVAL", Some(Duration::from_secs(10)), |value| match value {
        "off" => Ok(None),
        _ => Ok(Some(value.parse::<Interval>()?.duration())),
    })
}

/// The part of all connections that are one client address's: a quarter, since a host has many clients.
const CLIENTS_PART: usize = 4;

/// Browsers open six connections each, and several people may share an address.
const MIN_CONNECTIONS_PER_CLIENT: usize = 32;

/// The part of all connections that no request in flight takes, and that answers probes.
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::super::Config;
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// What `Config` makes of these variables and a manifest without components.
    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let manifest = tempfile::NamedTempFile::new().unwrap();
        let path = manifest.path().to_str().unwrap();
        Config::read(&[("BERTH_MANIFEST", path)].into_iter().chain(variables.iter().copied()).collect())
    }

    fn refusal(name: &str, value: &str) -> String {
        let refusal = read(&[(name, value)]).unwrap_err().to_string();
        assert!(!refusal.contains('\n'), "{refusal}");
        refusal
    }

    #[test]
    fn without_any_variable_it_is_a_development_host_on_port_8000() {
        let config = read(&[]).unwrap();
        assert_eq!(config.environment.as_str(), "development");
        assert_eq!(config.address.to_string(), "0.0.0.0:8000");
        assert!(config.database_url.is_none());
        assert!(config.data_directory.is_absolute() && config.data_directory.ends_with(".berth"));
        assert_eq!(config.jwt_lifetime, Duration::from_hours(7 * 24));
        assert_eq!(config.anonymous_user, None);
        assert_eq!(config.cors_origins, CorsOrigins::Any);
        assert!(config.docs_page);
        assert!(config.trusted_proxies.is_empty());
        assert_eq!(config.cohere.default_model, "command-a-03-2025");
        assert!(config.cohere.api_key.is_none() && config.cohere.models.is_empty());
        assert_eq!(config.admin.address.to_string(), "127.0.0.1:8001");
        assert_eq!(config.log, Log { format: LogFormat::Pretty, filter: "info".to_owned() });
        let Sizes { max_connections, max_in_flight, .. } = config.sizes;
        assert_eq!(config.edge, Edge { max_connections, max_in_flight, ..Edge::default() });
    }

    #[test]
    fn production_is_strict() {
        let config = read(&[("ENVIRONMENT", "Production"), ("JWT_SECRET", SECRET)]).unwrap();
        assert!(config.environment.is_production());
        assert_eq!(config.cors_origins, CorsOrigins::Listed(Vec::new()));
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.jwt_secret().unwrap().expose(), SECRET);
    }

    #[test]
    fn every_variable_is_read() {
        let config = read(&[
            ("HOST", "::1"),
            ("PORT", "80"),
            ("DATABASE_URL", "postgresql+asyncpg://berth:hidden@db/berth?ssl=require"),
            ("BERTH_DATA_DIR", "/var/lib/berth"),
            ("BERTH_CODE_CACHE", "/opt/berth/cache"),
            ("JWT_EXPIRES_IN", "3600"),
            ("ANONYMOUS_USER", "demo"),
            ("CORS_ORIGINS", "https://a.example"),
            ("BERTH_DOCS", "off"),
            ("TRUSTED_PROXIES", "10.0.0.0/8"),
            ("COHERE_BASE_URL", "http://localhost:9/"),
            ("COHERE_MODEL", "command-r-08-2024"),
            ("COHERE_MODELS", "command-r7b-12-2024, command-a-plus-05-2026,"),
            ("COHERE_API_KEY", "key"),
            ("ADMIN_ADDR", "0.0.0.0:9001"),
            ("LOG_FORMAT", "json"),
            ("RUST_LOG", "warn,berth=debug"),
            ("BERTH_MAX_HEADER_SIZE", "8KiB"),
            ("BERTH_MAX_CONNECTIONS", "10"),
            ("BERTH_MAX_CONNECTIONS_PER_CLIENT", "4"),
            ("BERTH_MAX_IN_FLIGHT", "5"),
            ("BERTH_HEADER_TIMEOUT", "5s"),
            ("BERTH_WRITE_TIMEOUT", "7s"),
            ("BERTH_DRAIN_TIMEOUT", "1m"),
            ("BERTH_GUEST_MEMORY", "64MiB"),
            ("BERTH_DATABASE_CONNECTIONS", "5"),
        ])
        .unwrap();
        assert_eq!(config.address.to_string(), "[::1]:80");
        assert!(config.database_url.is_some());
        assert_eq!(config.data_directory, PathBuf::from("/var/lib/berth"));
        assert_eq!(config.code_cache.ahead, Some(PathBuf::from("/opt/berth/cache")));
        assert_eq!(config.code_cache.own, PathBuf::from("/var/lib/berth/cache"));
        assert_eq!(config.jwt_lifetime, Duration::from_hours(1));
        assert_eq!(config.anonymous_user.as_deref(), Some("demo"));
        assert_eq!(config.cors_origins, CorsOrigins::Listed(vec!["https://a.example".to_owned()]));
        assert!(!config.docs_page);
        assert!(config.trusted_proxies.contains(Ipv4Addr::new(10, 0, 0, 1).into()));
        assert_eq!(Ok(&config.cohere.base_url), "http://localhost:9".parse().as_ref());
        assert_eq!(config.cohere.default_model, "command-r-08-2024");
        assert_eq!(config.cohere.models, ["command-r7b-12-2024", "command-a-plus-05-2026"]);
        assert!(config.cohere.api_key.is_some());
        assert_eq!(config.admin.address.to_string(), "0.0.0.0:9001");
        assert_eq!(config.log, Log { format: LogFormat::Json, filter: "warn,berth=debug".to_owned() });
        assert_eq!(
            config.edge,
            Edge {
                max_header_size: 8192,
                max_connections: 10,
                max_connections_per_client: 4,
                max_in_flight: 5,
                header_timeout: Duration::from_secs(5),
                write_timeout: Duration::from_secs(7),
                drain_timeout: Duration::from_mins(1),
            }
        );
        assert_eq!((config.sizes.guest_memory, config.sizes.component_connections), (64 * MIB, 5));
    }

    #[test]
    fn connections_are_shared_among_clients_and_some_are_kept_for_probes() {
        let edge = |all: &str, in_flight: &str| {
            let edge =
                read(&[("BERTH_MAX_CONNECTIONS", all), ("BERTH_MAX_IN_FLIGHT", in_flight)]).unwrap().edge;
            (edge.max_connections_per_client, edge.max_in_flight)
        };
        assert_eq!(edge("2048", "1024"), (512, 1024));
        assert_eq!(edge("2048", "5000"), (512, 1792));
        assert_eq!(edge("20", "1024"), (32, 17));
        assert_eq!(edge("1", "1"), (32, 1));
    }

    #[test]
    fn lifetimes_are_seconds_or_have_a_unit() {
        let lifetime = |value: &str| read(&[("JWT_EXPIRES_IN", value)]).unwrap().jwt_lifetime.as_secs();
        assert_eq!(["7d", "24h", "1", "2 days"].map(lifetime), [604_800, 86_400, 1, 172_800]);
    }

    #[test]
    fn a_secret_may_come_from_a_file_and_is_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        let path = file.to_str().unwrap();
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        let config = read(&[("JWT_SECRET_FILE", path), ("COHERE_API_KEY", "key-to-hide")]).unwrap();
        assert_eq!(config.jwt_secret().unwrap().expose(), SECRET);
        let shown = format!("{config:?}");
        assert!(!shown.contains(SECRET) && !shown.contains("key-to-hide"), "{shown}");

        let both = read(&[("JWT_SECRET_FILE", path), ("JWT_SECRET", SECRET)]).unwrap_err().to_string();
        assert_eq!(both, "JWT_SECRET_FILE: JWT_SECRET is set too: keep one of the two");
        std::fs::write(&file, "\n").unwrap();
        assert!(refusal("JWT_SECRET_FILE", path).ends_with("is empty: write the secret into it"));
    }

    #[test]
    fn a_jwt_secret_has_32_bytes_or_more_and_production_needs_one() {
        assert!(read(&[("JWT_SECRET", &SECRET[..31])]).is_err());
        assert!(read(&[("JWT_SECRET", &SECRET[..32])]).is_ok());
        insta::assert_snapshot!(refusal("JWT_SECRET", "too-short"), @"JWT_SECRET: it has 9 bytes, too few to be safe: set it to at least 32 random bytes, for example the output of `openssl rand -hex 32`");
        insta::assert_snapshot!(refusal("ENVIRONMENT", "production"), @"JWT_SECRET: production needs one: set it to at least 32 random bytes, for example the output of `openssl rand -hex 32`");
    }

    #[test]
    fn a_mistyped_variable_is_told_with_the_nearest_name() {
        let config = read(&[
            ("BERTH_MAX_CONECTIONS", "10"),
            ("BERTH_WEATHER", "fine"),
            ("BERTH_SERVICE_HOST", "10.0.0.1"),
            ("BERTH_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
            ("BERTH_MAX_IN_FLIGHT", "5"),
        ]);
        let told = config.unwrap().unknown_variables();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].ends_with("did you mean BERTH_MAX_CONNECTIONS?"), "{told:?}");
        assert!(told[1].starts_with("BERTH_WEATHER is not"), "{told:?}");
    }

    #[test]
    fn every_variable_of_berths_own_is_known() {
        for source in [include_str!("environment.rs"), include_str!("sizes.rs"), include_str!("mod.rs")] {
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            let names = code.split('"').filter(|text| {
                text.starts_with("BERTH_")
                    && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            });
            for name in names.filter(|name| !name.ends_with('_') && *name != "BERTH_PORT") {
                assert!(OWN_VARIABLES.contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn a_blank_variable_counts_as_unset() {
        let config =
            read(&[("PORT", ""), ("CORS_ORIGINS", " "), ("JWT_SECRET", ""), ("DATABASE_URL", "")]).unwrap();
        assert_eq!(config.address.port(), 8000);
        assert!(config.database_url.is_none());
    }

    #[test]
    fn a_value_that_cannot_be_used_is_refused_in_one_line() {
        let refusals = [
            ("ENVIRONMENT", "two words"),
            ("HOST", "example"),
            ("PORT", "65536"),
            ("DATABASE_URL", "mysql://root:hidden@db/app"),
            ("DATABASE_URL", "hidden"),
            ("JWT_EXPIRES_IN", "0"),
            ("JWT_EXPIRES_IN", "soon"),
            ("ANONYMOUS_USER", "tasks"),
            ("ANONYMOUS_USER", "users"),
            ("CORS_ORIGINS", "example.com"),
            ("BERTH_DOCS", "no"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
            ("LOG_FORMAT", "xml"),
            ("RUST_LOG", "berth=loud"),
            ("COHERE_BASE_URL", "cohere"),
            ("COHERE_BASE_URL", "http://cohere.example"),
            ("COHERE_API_KEY", "hidden key"),
            ("ADMIN_ADDR", "8001"),
            ("BERTH_MAX_HEADER_SIZE", "1023"),
            ("BERTH_MAX_IN_FLIGHT", "0"),
            ("BERTH_DRAIN_TIMEOUT", "30"),
            ("BERTH_GUEST_MEMORY", "1MiB"),
            ("BERTH_DATABASE_CONNECTIONS", "0"),
            ("COHERE_API_KEY_FILE", "/nowhere/key"),
        ];
        let lines = refusals.map(|(name, value)| refusal(name, value));
        assert!(lines.iter().all(|line| !line.contains("hidden")), "{lines:?}");
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_value_that_is_not_text_is_refused() {
        let variables = [(OsString::from("PORT"), OsString::from_vec(vec![0xff]))].into_iter().collect();
        assert_eq!(
            address(&variables).unwrap_err().to_string(),
            "PORT: it is not UTF-8: write it as plain text"
        );
    }
}

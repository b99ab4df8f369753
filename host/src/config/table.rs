//! The table of environment variables. Each row is all that the host knows of a variable: its documentation, its name,
//! its type, what applies if it is not set, and how its value is parsed. The readers (`environment`), `berth --help` and
//! docs/configuration.md are made from the rows.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use berth_cohere::{ApiKey, BaseUrl, DEFAULT_MODEL};
use url::Url;

use super::parse;
use super::quantity::{GIB, HOUR, KIB, MIB, SECOND};
use super::variable::{Description, OptionalVariable, RawVariable, SecretVariable, Variable};
use super::{CorsOrigins, Environment, LogFilter, LogFormat, Secret, ServerTiming, TrustedProxies};

/// Makes a constant of each row, and the list of all rows.
macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $unset:expr, $parse:expr;)+) => {
        $(
            $(#[doc = $doc])+
            pub(super) const $name: $kind = <$kind>::new(
                [stringify!($name), concat!(stringify!($name), "_FILE")],
                concat!($($doc),+),
                $unset,
                $parse,
            );
        )+

        /// All rows, in their order.
        pub(super) const ALL: &[&Description] = &[$(&$name.description),+];
    };
}

variables! {
    /// The manifest.
    BERTH_MANIFEST: Variable<PathBuf> = "berth.toml", parse::from_text;

    /// The directory of the private PostgreSQL, of the secret that signs tokens, and of the code cache.
    BERTH_DATA_DIR: Variable<PathBuf> = ".berth", parse::absolute_path;

    /// A directory with machine code that was compiled ahead, as in the image. The host only reads it. A program that
    /// can write there runs code in the host.
    BERTH_CODE_CACHE: OptionalVariable<PathBuf> = "none", parse::from_text;

    /// The purpose of the deployment: `development`, `production`, or another word. In production, secrets are
    /// required, no origin is allowed, and the log is JSON. In development, the manifest's files take precedence over
    /// the versions in the database.
    ENVIRONMENT: Variable<Environment> = "development", parse::from_text;

    /// The IP address to listen on, or `localhost`. `0.0.0.0` means every interface.
    HOST: Variable<IpAddr> = "0.0.0.0", parse::host;

    /// The port to listen on. 0 lets the system choose.
    PORT: Variable<u16> = "8000", parse::port;

    /// The PostgreSQL server and database: `postgres://` or `postgresql+asyncpg://`, with `sslmode` or `ssl`.
    DATABASE_URL: SecretVariable<Secret> =
        "a private PostgreSQL in `BERTH_DATA_DIR`; in production with a warning", parse::database_url;

    /// The secret that signs tokens by HS256: 32 bytes or more.
    JWT_SECRET: SecretVariable<Secret> =
        "made once and kept in `BERTH_DATA_DIR`; required in production", parse::jwt_secret;

    /// How long an issued token is valid: seconds, or a time with a unit.
    JWT_EXPIRES_IN: Variable<Duration> = "7d", parse::token_lifetime;

    /// The user that requests without a token act as.
    ANONYMOUS_USER: OptionalVariable<String> = "none: such requests are 401", parse::user_id;

    /// The web sites whose pages may read responses: origins separated by commas, a JSON array, or `*`. Only sites that
    /// are listed by name may change anything with the cookie.
    CORS_ORIGINS: OptionalVariable<CorsOrigins> = "`*`; none in production", CorsOrigins::parse;

    /// The proxies whose `Forwarded` and `X-Forwarded-For` the host trusts: networks or addresses separated by commas,
    /// such as `10.0.0.0/8, fd00::/8`.
    TRUSTED_PROXIES: OptionalVariable<TrustedProxies> =
        "none: the client is the other end of the connection", TrustedProxies::parse;

    /// `off` switches off the page `/docs`, as `[http]` of the manifest can. `/openapi.json` stays.
    BERTH_DOCS: Variable<bool> = "on", parse::on_or_off;

    /// The format of the log: `pretty` or `json`.
    LOG_FORMAT: OptionalVariable<LogFormat> = "`pretty`; `json` in production", parse::log_format;

    /// The events that are logged: a level, or `target=level` pairs separated by commas.
    RUST_LOG: Variable<LogFilter> = "info", parse::from_text;

    /// The clients whose responses say, in `Server-Timing`, how long the parts of a request to a component took: `off`,
    /// `all`, or networks separated by commas.
    SERVER_TIMING: Variable<ServerTiming> = "off", ServerTiming::parse;

    /// The OpenTelemetry collector for traces, which speaks OTLP over HTTP. `/v1/traces` is added to its path.
    OTEL_EXPORTER_OTLP_ENDPOINT: OptionalVariable<Url> = "none: no traces", parse::http_url;

    /// The collector's address for traces, with the whole path, instead of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: OptionalVariable<Url> = "by `OTEL_EXPORTER_OTLP_ENDPOINT`", parse::http_url;

    /// The protocol of the collector, which must be `http/protobuf`.
    OTEL_EXPORTER_OTLP_PROTOCOL: Variable<()> = "http/protobuf", parse::otlp_protocol;

    /// `true` switches off traces.
    OTEL_SDK_DISABLED: Variable<bool> = "false", parse::from_text;

    /// The traces that are recorded: `always_on`, `always_off` or `traceidratio`, or one of these with `parentbased_` before
    /// it, which follows the decision of a trusted caller that has begun the trace.
    OTEL_TRACES_SAMPLER: Variable<String> = "parentbased_always_on", parse::from_text;

    /// The share of traces for a sampler with `traceidratio`, from 0 to 1.
    OTEL_TRACES_SAMPLER_ARG: OptionalVariable<String> = "1", parse::from_text;

    /// The key for components that chat. Without a key, chat is 503.
    COHERE_API_KEY: SecretVariable<ApiKey> = "none", |key| parse::cohere_key(&key);

    /// The address of Cohere, or of a service that speaks its protocol.
    COHERE_BASE_URL: Variable<BaseUrl> = "https://api.cohere.com", parse::from_text;

    /// The model for requests that name none.
    COHERE_MODEL: Variable<String> = DEFAULT_MODEL, parse::from_text;

    /// The models that components may name beside `COHERE_MODEL`, separated by commas.
    COHERE_MODELS: OptionalVariable<Vec<String>> = "none", |text| Ok(parse::list(text));

    /// The address of the operators' listener.
    ADMIN_ADDR: Variable<SocketAddr> = "127.0.0.1:8001", parse::socket_address;

    /// The token that operators send, as the commands of `berth components` do.
    ADMIN_TOKEN: SecretVariable<Secret> = "none: only this machine, and only to look", Ok;

    /// The names by which programs without the token may reach the operators' listener, beside `localhost` and IP
    /// addresses, separated by commas. A page of another site could make its own name lead here.
    ADMIN_HOSTS: OptionalVariable<Vec<String>> = "none", parse::host_names;

    /// Clients of `/metrics` on the operators' listener: `token` has them send `ADMIN_TOKEN`, as for the rest of the
    /// listener. `open` answers `GET /metrics`, and nothing else, to every client without a token.
    METRICS: Variable<bool> = "token", parse::open_or_token;

    /// How often to look for what other hosts on the database made live, beside listening for it. `off` is for a host
    /// that is alone, so that its database can sleep.
    BERTH_FOLLOW_INTERVAL: Variable<Option<Duration>> = "10s", parse::interval_or_off;

    /// The most bytes of a request's head. More is 431.
    BERTH_MAX_HEADER_SIZE: Variable<usize> = "32KiB", parse::size::<KIB, { 16 * MIB }>;

    /// The most connections at once. For a further connection, the host closes the one that has waited longest for a
    /// request.
    BERTH_MAX_CONNECTIONS: OptionalVariable<usize> =
        "2048; fewer with less than 512 MiB of memory", parse::count::<1, 1_000_000>;

    /// The most connections of one client address, which for IPv6 is a /64. For a further connection, the host closes
    /// the one of that client that has waited longest. The host closes no connection with a request in flight.
    BERTH_MAX_CONNECTIONS_PER_CLIENT: OptionalVariable<usize> =
        "a quarter of `BERTH_MAX_CONNECTIONS`, at least 32", parse::count::<1, 1_000_000>;

    /// The most requests at once. More are 503. At most seven eighths of the connections, so that probes are answered.
    BERTH_MAX_IN_FLIGHT: OptionalVariable<usize> =
        "1024; fewer with less than 512 MiB of memory", parse::count::<1, 1_000_000>;

    /// How long a request's head may take, and how long a connection may wait for a request.
    BERTH_HEADER_TIMEOUT: Variable<Duration> = "30s", parse::time::<SECOND, HOUR>;

    /// How long a client may read nothing of its response.
    BERTH_WRITE_TIMEOUT: Variable<Duration> = "30s", parse::time::<SECOND, HOUR>;

    /// How long requests in flight may take when the host stops. Kubernetes kills after 30 s.
    BERTH_DRAIN_TIMEOUT: Variable<Duration> = "25s", parse::time::<SECOND, HOUR>;

    /// The most memory of all instances together. Each component has an equal share, keeps half of it, and lends the
    /// rest.
    BERTH_GUEST_MEMORY: OptionalVariable<u64> =
        "half of the memory", parse::bytes::<{ 16 * MIB }, { 1024 * GIB }>;

    /// The most memory of the process that compiles a component. A component that needs more is refused.
    BERTH_COMPILE_MEMORY: OptionalVariable<u64> =
        "5/8 of the memory, from 128 MiB to 1 GiB", parse::bytes::<{ 64 * MIB }, { 64 * GIB }>;

    /// The most connections to PostgreSQL of each component.
    BERTH_DATABASE_CONNECTIONS: OptionalVariable<usize> =
        "16, or 8 with half a processor", parse::count::<1, 1000>;

    /// The folders in which the host looks for the programs of the private PostgreSQL first.
    PATH: RawVariable = "the usual folders of PostgreSQL", ();

    /// The name of the operator, which `berth components` sends with a push.
    USER: OptionalVariable<String> = "the machine's name alone", parse::from_text;
}

/// The variables that libraries in the host's process read by themselves: their names, and what they change.
pub(super) const OF_LIBRARIES: [(&str, &str); 5] = [
    (
        "`PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT`, `PGSSLCERT`, `PGSSLKEY`, `PGOPTIONS`, `PGAPPNAME`, `PGPASSFILE`",
        "the parts that `DATABASE_URL` lacks, as for every program of PostgreSQL",
    ),
    (
        "`SSL_CERT_FILE`, `SSL_CERT_DIR`",
        "the certificate authorities for outgoing TLS, instead of the system's",
    ),
    (
        "`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_BSP_MAX_QUEUE_SIZE`, `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`",
        "how traces are named and sent, as [OpenTelemetry](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) has it; the service is `berth` without a name",
    ),
    (
        "`TOKIO_WORKER_THREADS`",
        "the threads that serve requests; one for each processor without the variable",
    ),
    (
        "`RUST_BACKTRACE`",
        "`1` adds the places in the host's code to the message of a bug in the host",
    ),
];

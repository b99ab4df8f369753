//! Variables that are valid, and variables that stop the start.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::Config;
use super::super::quantity::MIB;
use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The `Config` of these variables and a manifest without components.
fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let manifest = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&manifest, "[http]\nreserved_users = [\"tasks\"]").unwrap();
    let path = manifest.path().to_str().unwrap();
    Config::read(
        &[("BERTH_MANIFEST", path)]
            .into_iter()
            .chain(variables.iter().copied())
            .collect(),
    )
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
    assert!(config.environment.is_development());
    assert_eq!(config.address.to_string(), "0.0.0.0:8000");
    assert!(config.database_url.is_none());
    assert!(config.data_directory.is_absolute() && config.data_directory.ends_with(".berth"));
    assert_eq!(config.jwt_lifetime, Duration::from_hours(7 * 24));
    assert_eq!(config.anonymous_user, None);
    assert_eq!(config.cors_origins, CorsOrigins::Any);
    assert!(config.manifest.http.own_routes.docs.is_some());
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.cohere.default_model, "command-a-03-2025");
    assert!(config.cohere.api_key.is_none() && config.cohere.models.is_empty());
    assert_eq!(config.admin.address.to_string(), "127.0.0.1:8001");
    assert_eq!(
        config.log,
        Log {
            format: LogFormat::Pretty,
            filter: "info".parse().unwrap()
        }
    );
    let Sizes {
        max_connections,
        max_in_flight,
        ..
    } = config.sizes;
    let shared = Edge {
        max_header_size: 32 * 1024,
        max_connections,
        max_connections_per_client: (max_connections / 4).max(32),
        max_in_flight,
        header_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(25),
    };
    assert_eq!(config.edge, shared);
}

#[test]
fn production_is_strict() {
    let config = read(&[("ENVIRONMENT", "Production"), ("JWT_SECRET", SECRET)]).unwrap();
    assert!(config.environment.is_production() && !config.environment.is_development());
    assert_eq!(config.cors_origins, CorsOrigins::Listed(Vec::new()));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.jwt_secret().unwrap().expose(), SECRET);
}

#[test]
fn every_variable_is_read() {
    let config = read(&[
        ("HOST", "::1"),
        ("PORT", "80"),
        (
            "DATABASE_URL",
            "postgresql+asyncpg://berth:hidden@db/berth?ssl=require",
        ),
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
    assert_eq!(
        config.cors_origins,
        CorsOrigins::Listed(vec!["https://a.example".to_owned()])
    );
    assert!(config.manifest.http.own_routes.docs.is_none());
    assert!(config.trusted_proxies.contains(Ipv4Addr::new(10, 0, 0, 1).into()));
    assert_eq!(Ok(&config.cohere.base_url), "http://localhost:9".parse().as_ref());
    assert_eq!(config.cohere.default_model, "command-r-08-2024");
    assert_eq!(
        config.cohere.models,
        ["command-r7b-12-2024", "command-a-plus-05-2026"]
    );
    assert!(config.cohere.api_key.is_some());
    assert_eq!(config.admin.address.to_string(), "0.0.0.0:9001");
    assert_eq!(
        config.log,
        Log {
            format: LogFormat::Json,
            filter: "warn,berth=debug".parse().unwrap()
        }
    );
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
    assert_eq!(
        (config.sizes.guest_memory, config.sizes.component_connections),
        (64 * MIB, 5)
    );
}

#[test]
fn connections_are_shared_among_clients_and_some_are_kept_for_probes() {
    let edge = |all: &str, in_flight: &str| {
        let edge = read(&[("BERTH_MAX_CONNECTIONS", all), ("BERTH_MAX_IN_FLIGHT", in_flight)])
            .unwrap()
            .edge;
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
    assert_eq!(
        ["7d", "24h", "1", "2 days"].map(lifetime),
        [604_800, 86_400, 1, 172_800]
    );
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
    assert!(
        !shown.contains(SECRET) && !shown.contains("key-to-hide"),
        "{shown}"
    );

    let both = read(&[("JWT_SECRET_FILE", path), ("JWT_SECRET", SECRET)])
        .unwrap_err()
        .to_string();
    assert_eq!(
        both,
        "JWT_SECRET_FILE: JWT_SECRET is set too: keep one of the two"
    );
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
    assert!(
        told[0].ends_with("did you mean BERTH_MAX_CONNECTIONS?"),
        "{told:?}"
    );
    assert!(told[1].starts_with("BERTH_WEATHER is not"), "{told:?}");
}

/// The code of each file below `folder`, without its tests.
fn code_below(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(code_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            all.push((path, code.to_owned()));
        }
    }
    all
}

#[test]
fn no_code_beside_the_table_names_a_variable() {
    let code = code_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config"));
    assert!(code.len() > 15, "{} files", code.len());
    for (path, code) in code {
        // Names without an underscore are words that have other meanings too.
        for name in ALL.iter().map(|row| row.name).filter(|name| name.contains('_')) {
            assert!(
                !code.contains(&format!("\"{name}\"")),
                "{name} in {}",
                path.display()
            );
        }
    }
}

#[test]
fn a_blank_variable_counts_as_unset() {
    let config = read(&[
        ("PORT", ""),
        ("CORS_ORIGINS", " "),
        ("JWT_SECRET", ""),
        ("DATABASE_URL", ""),
    ])
    .unwrap();
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
    let variables = [(OsString::from("PORT"), OsString::from_vec(vec![0xff]))]
        .into_iter()
        .collect();
    assert_eq!(
        address(&variables).unwrap_err().to_string(),
        "PORT: it is not UTF-8: write it as plain text"
    );
}

//! The wire format of `GET /admin/host`: the host, the sizes that its start chose, its routes, and the grants and limits of
//! its components.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_runtime::{AllowedDestination, Authentication, ComponentSpec, Limits, Settings};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{Config, Edge, Environment, OwnRoutes, Sizes};
use crate::files::FilesSpec;

/// A host.
#[derive(Serialize, ToSchema)]
pub(super) struct HostSummary {
    /// The version of Berth, with the commit and the engine.
    version: &'static str,
    /// `ENVIRONMENT`
    environment: String,
    /// Whether the admin API allows changes: the host has an `ADMIN_TOKEN`.
    allows_changes: bool,
    sizes: SizesSummary,
    /// The routes, in the order of their patterns.
    routes: Vec<RouteSummary>,
    /// The components, in alphabetical order.
    components: Vec<GrantsSummary>,
}

/// The sizes that the start chose, or that the operator has set.
#[derive(Clone, Serialize, ToSchema)]
pub(super) struct SizesSummary {
    /// The processors and the memory that the host may use, in words.
    machine: String,
    /// `BERTH_GUEST_MEMORY`: memory of all instances together.
    guest_memory_bytes: u64,
    /// `BERTH_COMPILE_MEMORY`: memory of the compiler process.
    compile_memory_bytes: u64,
    /// `BERTH_DATABASE_CONNECTIONS`: connections to PostgreSQL of each component.
    component_connections: usize,
    /// Connections to PostgreSQL of the host itself.
    host_connections: usize,
    /// `BERTH_MAX_IN_FLIGHT`: requests at once.
    max_in_flight: usize,
    /// `BERTH_MAX_CONNECTIONS`: connections of clients.
    max_connections: usize,
    /// `BERTH_MAX_CONNECTIONS_PER_CLIENT`: connections of one client address.
    max_connections_per_client: usize,
    /// `BERTH_MAX_HEADER_SIZE`: a request's head.
    max_header_bytes: usize,
    /// `BERTH_HEADER_TIMEOUT`: for a request's head to arrive.
    header_timeout_seconds: f64,
    /// `BERTH_WRITE_TIMEOUT`: for a client to read.
    write_timeout_seconds: f64,
    /// `BERTH_DRAIN_TIMEOUT`: for requests in flight when the host stops.
    drain_timeout_seconds: f64,
}

/// A route.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub(super) struct RouteSummary {
    /// The path pattern.
    pattern: String,
    /// The kind of `name`.
    kind: RouteKind,
    /// The component, or the directory of files; empty for a route of the host.
    name: String,
}

/// The kind of program or directory behind a route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum RouteKind {
    /// The host itself.
    Host,
    /// A component.
    Component,
    /// A directory of files.
    Files,
}

/// The grants and limits of a component in the manifest.
#[derive(Serialize, ToSchema)]
pub(super) struct GrantsSummary {
    /// The component.
    name: String,
    /// How requests without a token are handled: `required`, `optional` or `none`.
    authentication: &'static str,
    /// The granted capabilities.
    capabilities: Vec<String>,
    /// The column with the owner of a row; none if every request sees all rows.
    rows_owner: Option<String>,
    /// The component that answers each import.
    imports: BTreeMap<String, String>,
    /// The destinations of outgoing requests.
    outgoing: Vec<String>,
    /// The requests that a new version must answer.
    probes: Vec<String>,
    /// The keys of `wasi:config`, without their values.
    config: Vec<String>,
    /// The names of the environment variables, without their values.
    environment: Vec<String>,
    limits: LimitsSummary,
}

/// The limits of a component.
#[derive(Serialize, ToSchema)]
pub(super) struct LimitsSummary {
    /// Memory of an instance.
    memory_bytes: u64,
    /// From the start of a request's instance to the last byte of its response.
    time_seconds: f64,
    /// Execution of an instance, without waiting.
    cpu_seconds: f64,
    /// Instances at once.
    concurrency: usize,
    /// A request's body.
    body_bytes: u64,
    /// Rows of a result of PostgreSQL.
    rows: u32,
    /// A result of PostgreSQL, and the parameters of a statement.
    result_bytes: u64,
    /// Lines of the log a second.
    log_lines_per_second: u64,
    /// Bytes of the log a second.
    log_bytes_per_second: u64,
}

/// The facts about a host that do not change while it runs.
pub(super) struct HostFacts {
    environment: Environment,
    allows_changes: bool,
    sizes: SizesSummary,
    /// The host's own routes, and those of files.
    routes: Vec<RouteSummary>,
}

impl HostFacts {
    pub(super) fn new(config: &Config) -> Self {
        let own = own_routes(&config.manifest.http.own_routes);
        Self {
            environment: config.environment.clone(),
            allows_changes: config.admin.token.is_some(),
            sizes: sizes(&config.sizes, &config.edge),
            routes: own.chain(file_routes(&config.manifest.files)).collect(),
        }
    }

    /// The summary, with the components as they are now.
    pub(super) fn summary<'a>(&self, specs: impl Iterator<Item = &'a ComponentSpec>) -> HostSummary {
        let specs: Vec<_> = specs.collect();
        let of_components = specs.iter().flat_map(|spec| component_routes(spec));
        let mut routes: Vec<_> = self.routes.iter().cloned().chain(of_components).collect();
        routes.sort();
        HostSummary {
            version: crate::cli::VERSION,
            environment: self.environment.as_str().to_owned(),
            allows_changes: self.allows_changes,
            sizes: self.sizes.clone(),
            routes,
            components: specs.into_iter().map(grants).collect(),
        }
    }
}

fn sizes(sizes: &Sizes, edge: &Edge) -> SizesSummary {
    SizesSummary {
        machine: sizes.machine.to_string(),
        guest_memory_bytes: sizes.guest_memory,
        compile_memory_bytes: sizes.compile_memory,
        component_connections: sizes.component_connections,
        host_connections: sizes.host_connections,
        max_in_flight: edge.max_in_flight,
        max_connections: edge.max_connections,
        max_connections_per_client: edge.max_connections_per_client,
        max_header_bytes: edge.max_header_size,
        header_timeout_seconds: edge.header_timeout.as_secs_f64(),
        write_timeout_seconds: edge.write_timeout.as_secs_f64(),
        drain_timeout_seconds: edge.drain_timeout.as_secs_f64(),
    }
}

fn own_routes(own: &OwnRoutes) -> impl Iterator<Item = RouteSummary> {
    own.paths().into_iter().map(|path| RouteSummary {
        pattern: path.to_owned(),
        kind: RouteKind::Host,
        name: String::new(),
    })
}

fn file_routes(specs: &[FilesSpec]) -> impl Iterator<Item = RouteSummary> {
    specs.iter().flat_map(|spec| {
        spec.routes.iter().map(|pattern| RouteSummary {
            pattern: pattern.to_string(),
            kind: RouteKind::Files,
            name: spec.name.clone(),
        })
    })
}

fn component_routes(spec: &ComponentSpec) -> impl Iterator<Item = RouteSummary> {
    spec.routes.iter().map(|pattern| RouteSummary {
        pattern: pattern.to_string(),
        kind: RouteKind::Component,
        name: spec.name.clone(),
    })
}

fn grants(spec: &ComponentSpec) -> GrantsSummary {
    let names = |settings: &Settings| settings.entries().map(|(name, _)| name.to_owned()).collect();
    GrantsSummary {
        name: spec.name.clone(),
        authentication: match spec.authentication {
            Authentication::Required => "required",
            Authentication::Optional => "optional",
            Authentication::None => "none",
        },
        capabilities: spec.capabilities.iter().map(ToString::to_string).collect(),
        rows_owner: spec.rows.as_ref().map(|rows| rows.owner.clone()),
        imports: spec.imports.clone(),
        outgoing: spec.outgoing.iter().map(destination).collect(),
        probes: spec
            .probes
            .iter()
            .map(|probe| format!("{} {}", probe.method, probe.path))
            .collect(),
        config: names(&spec.config),
        environment: names(&spec.environment),
        limits: limits(&spec.limits),
    }
}

fn destination(allowed: &AllowedDestination) -> String {
    match allowed {
        AllowedDestination::Origin(origin) => origin.to_string(),
        AllowedDestination::Network(network) => network.to_string(),
    }
}

fn limits(limits: &Limits) -> LimitsSummary {
    let seconds = |time: Duration| time.as_secs_f64();
    LimitsSummary {
        memory_bytes: limits.memory,
        time_seconds: seconds(limits.time),
        cpu_seconds: seconds(limits.cpu),
        concurrency: limits.concurrency,
        body_bytes: limits.body,
        rows: limits.rows,
        result_bytes: limits.result,
        log_lines_per_second: limits.log.lines,
        log_bytes_per_second: limits.log.bytes,
    }
}

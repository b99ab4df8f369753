//! The list of all metrics. docs/metrics.md and the panels for Grafana are made from it, and every series is written by an entry.

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric.
#[derive(Debug)]
pub(super) struct Metric {
    /// The name, with its unit and with `_total` if it is a counter.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The names of the labels.
    pub(super) labels: &'static [&'static str],
    /// A sentence.
    pub(super) help: &'static str,
}

impl Metric {
    /// The name without `_total`.
    pub(super) fn family(&self) -> &'static str {
        self.name.strip_suffix("_total").unwrap_or(self.name)
    }

    /// The unit in the name.
    pub(super) fn unit(&self) -> Option<&'static str> {
        ["seconds", "bytes"]
            .into_iter()
            .find(|unit| self.family().ends_with(&format!("_{unit}")))
    }

    /// The name without `_total` and unit.
    pub(super) fn base(&self) -> &'static str {
        let family = self.family();
        let unit = self.unit().map_or(0, |unit| unit.len() + 1);
        family.get(..family.len() - unit).unwrap_or(family)
    }
}

/// Makes a constant of each entry, and the list of all entries.
macro_rules! metrics {
    ($($name:ident: $kind:ident $text:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            pub(super) const $name: Metric = Metric {
                name: $text,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )+

        /// All metrics, in the order of the documentation.
        pub(super) const METRICS: &[&Metric] = &[$(&$name),+];
    };
}

metrics! {
    BUILD_INFO: Gauge "berth_build_info" ["version", "profile"] "The version of the host; the value is 1.";
    DRAINING: Gauge "berth_draining" [] "1 while the host shuts down.";
    HTTP_REQUESTS: Counter "berth_http_requests_total" ["route", "status"] "Requests to the host's own routes by status class; the route `unmatched` has those that no route answered, and the status `none` those whose client went away.";
    HTTP_DURATION: Histogram "berth_http_request_duration_seconds" ["route", "status"] "Time from a request's head to the last byte of its response, for the host's own routes.";
    REQUESTS_IN_FLIGHT: Gauge "berth_http_requests_in_flight" [] "Requests in flight, of the host and of components.";
    REQUESTS_IN_FLIGHT_MAX: Gauge "berth_http_requests_in_flight_max" [] "The most requests in flight, BERTH_MAX_IN_FLIGHT.";
    REQUESTS_REFUSED: Counter "berth_http_requests_refused_total" [] "Requests that got 503 because too many were in flight.";
    CONNECTIONS: Gauge "berth_http_connections" [] "Open connections of clients.";
    CONNECTIONS_MAX: Gauge "berth_http_connections_max" [] "The most connections of clients, BERTH_MAX_CONNECTIONS.";
    CONNECTIONS_ACCEPTED: Counter "berth_http_connections_accepted_total" [] "Connections of clients that were accepted.";
    CONNECTIONS_REFUSED: Counter "berth_http_connections_refused_total" [] "Connections of clients that were refused because every other was busy.";
    GUEST_MEMORY_HELD: Gauge "berth_guest_memory_held_bytes" [] "Memory that is reserved for instances.";
    GUEST_MEMORY_LIMIT: Gauge "berth_guest_memory_limit_bytes" [] "Memory for all instances, BERTH_GUEST_MEMORY.";
    LOGINS: Counter "berth_logins_total" ["outcome"] "Logins by outcome; `throttled` were refused because too many had failed before.";
    LOG_LINES_LOST: Counter "berth_log_lines_lost_total" [] "Lines of the log that were lost because the log could not be written.";
    DATABASE_INFO: Gauge "berth_database_info" ["tls"] "The `sslmode` of the host's connections to PostgreSQL; the value is 1.";

    COMPONENT_REQUESTS: Counter "berth_component_requests_total" ["component", "route", "status"] "Requests to a component by route pattern of the manifest and status class.";
    COMPONENT_DURATION: Histogram "berth_component_request_duration_seconds" ["component", "route", "status"] "Time from a request's head to the last byte of its response.";
    COMPONENT_IN_FLIGHT: Gauge "berth_component_requests_in_flight" ["component", "route"] "Requests in flight.";
    INSTANCES: Gauge "berth_component_instances" ["component"] "Live instances.";
    INSTANCES_MAX: Gauge "berth_component_instances_max" ["component"] "The most live instances, `limits.concurrency`.";
    WAITING: Gauge "berth_component_waiting" ["component"] "Requests and calls that wait for an instance.";
    QUEUE: Histogram "berth_component_queue_duration_seconds" ["component"] "Time that requests and calls waited for an instance and its memory.";
    CPU: Counter "berth_component_cpu_seconds_total" ["component"] "Processor time of ended instances.";
    INSTANCE_MEMORY: Histogram "berth_component_instance_memory_bytes" ["component"] "Memory of an instance at its end.";
    INSTANCE_MEMORY_PEAK: Gauge "berth_component_instance_memory_peak_bytes" ["component"] "The most memory that an instance had since the host started.";
    MEMORY_HELD: Gauge "berth_component_memory_held_bytes" ["component"] "Memory that is reserved for the component's instances.";
    MEMORY_SHARE: Gauge "berth_component_memory_share_bytes" ["component"] "The component's share of the memory for all instances.";
    FAILURES: Counter "berth_component_failures_total" ["component", "reason"] "Failures of a component by reason; `trap` counts traps and exits.";
    LIMITS: Counter "berth_component_limits_reached_total" ["component", "limit"] "How often a limit was met: a limit of the manifest, the guest memory, or the connections.";
    DROPPED_LOG_LINES: Counter "berth_component_log_lines_dropped_total" ["component"] "Lines that were dropped because they exceeded the component's log budget.";
    DROPPED_LOG_BYTES: Counter "berth_component_log_dropped_bytes_total" ["component"] "Bytes of the dropped lines.";
    CALLS: Counter "berth_component_calls_total" ["caller", "callee", "outcome"] "Calls from one component to another by outcome; `abandoned` were under way when the caller's request ended.";
    CALL_DURATION: Histogram "berth_component_call_duration_seconds" ["caller", "callee"] "Time of calls from one component to another, as the caller sees it.";

    POOL_CONNECTIONS: Gauge "berth_database_pool_connections" ["component", "pool", "state"] "Open connections to PostgreSQL; the pool `host` belongs to no component, `own` to the component, and `all-rows` to its access to all rows.";
    POOL_MAX: Gauge "berth_database_pool_connections_max" ["component", "pool"] "The most connections of a pool.";
    POOL_WAITING: Gauge "berth_database_pool_waiting" ["component", "pool"] "Statements that wait for a connection.";
    POOL_WAITS: Histogram "berth_database_pool_wait_duration_seconds" ["component", "pool"] "Time until a connection was there, or none in time.";
    POOL_EXHAUSTED: Counter "berth_database_pool_exhausted_total" ["component", "pool"] "Waits that ended without a connection because all were in use.";
    POOL_FAILED: Counter "berth_database_pool_failures_total" ["component", "pool"] "Waits that ended without a connection because none could be opened.";
    HOST_CONNECTION_USE: Histogram "berth_database_host_use_duration_seconds" [] "Time for which the host used one of its own connections, with the statements that it sent.";
    CANCELLATIONS: Counter "berth_database_cancellations_total" ["component", "pool"] "Statements that were cancelled because their request had ended.";
    TERMINATIONS: Counter "berth_database_terminations_total" ["component", "pool"] "Backends that did not end by themselves and were terminated.";
    STATEMENTS: Counter "berth_database_statements_total" ["component", "outcome"] "Statements of a component by outcome; `abandoned` were under way when their request ended.";
    STATEMENT_DURATION: Histogram "berth_database_statement_duration_seconds" ["component"] "Time of a statement as the component sees it, with the wait for a connection.";

    OUTGOING: Counter "berth_outgoing_requests_total" ["component", "outcome"] "Outgoing HTTP requests of a component by status class; `refused` are not allowed, `failed` got no response, and `abandoned` were under way when the request of the component ended.";
    OUTGOING_DURATION: Histogram "berth_outgoing_request_duration_seconds" ["component"] "Time of an outgoing request until the head of its response.";
    COHERE_CALLS: Counter "berth_cohere_calls_total" ["component", "outcome"] "Calls of language models by outcome.";
    COHERE_DURATION: Histogram "berth_cohere_call_duration_seconds" ["component"] "Time of a call of a language model, until the end of its reply.";
    COHERE_IN_FLIGHT: Gauge "berth_cohere_calls_in_flight" ["component"] "Calls of language models that have not ended.";
    COHERE_RETRIES: Counter "berth_cohere_retries_total" ["component"] "Attempts after the first one of a call.";
    COHERE_TOKENS: Counter "berth_cohere_tokens_total" ["component", "direction"] "Tokens that were sent (`input`) and answered (`output`).";

    SWAPS: Counter "berth_swaps_total" ["component", "outcome", "step"] "Swaps on this host by outcome, with the step that refused the version; dry runs included.";
    SWAP_DURATION: Histogram "berth_swap_duration_seconds" ["outcome"] "Time of a swap.";
    SWAP_STEP_DURATION: Histogram "berth_swap_step_duration_seconds" ["step"] "Time of a swap's step; `compile` is the time to compile, or to load from the code cache.";
    LIVE_VERSION: Gauge "berth_component_live_version" ["component"] "The version that answers requests on this host; 0 while there is none.";
    WANTED_VERSION: Gauge "berth_component_wanted_version" ["component"] "The version that all hosts shall have; 0 while it is unknown.";
    COMPONENT_STATE: Gauge "berth_component_state" ["component", "state"] "1 for the state of the component on this host: `live`, `compiling`, or `behind` if the host could not take the wanted version.";
    HOSTS: Gauge "berth_hosts" ["component", "state"] "Hosts on the database by their state, as this host last saw them.";
    KEPT_VERSIONS: Gauge "berth_component_versions_kept" ["component"] "Versions whose bytes the database keeps, as this host last saw them.";

    PROCESS_START_TIME: Gauge "process_start_time_seconds" [] "When the process started, in seconds since 1970.";
    PROCESS_CPU: Counter "process_cpu_seconds_total" [] "Processor time of the process.";
    PROCESS_RESIDENT: Gauge "process_resident_memory_bytes" [] "Resident memory of the process.";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" [] "Virtual memory of the process.";
    PROCESS_THREADS: Gauge "process_threads" [] "Threads of the process.";
    PROCESS_OPEN_FDS: Gauge "process_open_fds" [] "Open file descriptors.";
    PROCESS_MAX_FDS: Gauge "process_max_fds" [] "The most file descriptors.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        let mut names = BTreeSet::new();
        for metric in METRICS {
            let name = metric.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(
                name.starts_with("berth_") || name.starts_with("process_"),
                "{name}"
            );
            assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            if metric.kind == Kind::Histogram {
                assert!(metric.unit().is_some(), "{name}");
            }
            assert!(
                metric.help.ends_with('.') && !metric.help.contains(['\n', '|', '\\']),
                "{name}"
            );
            assert_eq!(
                metric.base().len() < metric.family().len(),
                metric.unit().is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn no_label_can_name_a_path_a_user_or_a_request() {
        let labels: BTreeSet<_> = METRICS.iter().flat_map(|metric| metric.labels).collect();
        let known = [
            "callee",
            "caller",
            "component",
            "direction",
            "limit",
            "outcome",
            "pool",
            "profile",
            "reason",
            "route",
            "state",
            "status",
            "step",
            "tls",
            "version",
        ];
        assert_eq!(labels.into_iter().copied().collect::<Vec<_>>(), known);
    }
}

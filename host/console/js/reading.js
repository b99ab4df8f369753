// The numbers of one moment: what the console shows of the metrics, by component and for the host.

/** Makes a reading of parsed metrics. `at` is the moment in seconds. */
export function reading(samples, at) {
  const components = new Map();
  const of = (name) => {
    if (!components.has(name)) components.set(name, empty());
    return components.get(name);
  };
  const each = (name, add) => {
    for (const { labels, value } of samples.get(name) ?? []) add(of(labels.component), value, labels);
  };
  each("berth_component_requests_total", (one, value, { status }) => {
    one.requests += value;
    if (status === "5xx") one.errors += value;
  });
  each("berth_component_request_duration_seconds_bucket", (one, value, { le }) => {
    const bound = le === "+Inf" ? Infinity : Number(le);
    one.durations.set(bound, (one.durations.get(bound) ?? 0) + value);
  });
  each("berth_component_cpu_seconds_total", (one, value) => (one.cpu += value));
  each("berth_component_memory_held_bytes", (one, value) => (one.memory += value));
  each("berth_database_statement_duration_seconds_sum", (one, value) => (one.database += value));
  each("berth_cohere_tokens_total", (one, value) => (one.tokens += value));
  each("berth_component_limits_reached_total", (one, value, { limit }) => add(one.limits, limit, value));
  each("berth_component_failures_total", (one, value, { reason }) => add(one.failures, reason, value));
  return { at, components, host: host(samples) };
}

function empty() {
  const sums = { requests: 0, errors: 0, cpu: 0, memory: 0, database: 0, tokens: 0 };
  return { ...sums, durations: new Map(), limits: new Map(), failures: new Map() };
}

function add(sums, key, value) {
  sums.set(key, (sums.get(key) ?? 0) + value);
}

function host(samples) {
  const all = (name) => samples.get(name) ?? [];
  const sum = (name, keep = () => true) =>
    all(name)
      .filter(({ labels }) => keep(labels))
      .reduce((total, { value }) => total + value, 0);
  const logins = all("berth_logins_total").map(({ labels, value }) => [labels.outcome, value]);
  return {
    guestMemory: sum("berth_guest_memory_held_bytes"),
    inFlight: sum("berth_http_requests_in_flight"),
    refused: sum("berth_http_requests_refused_total"),
    connections: sum("berth_http_connections"),
    refusedConnections: sum("berth_http_connections_refused_total"),
    databaseConnections: sum("berth_database_pool_connections", ({ pool }) => pool === "host"),
    lostLines: sum("berth_log_lines_lost_total"),
    logins,
  };
}

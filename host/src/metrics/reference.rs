//! docs/metrics.md, and the panels for Grafana, which are made from the catalog.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::catalog::{Kind, METRICS, Metric};

/// The page, and the lines around its table.
const PAGE: &str = "docs/metrics.md";
const BEGIN: &str = "<!-- Generated from host/src/metrics/catalog.rs. -->\n\n";
const END: &str = "\n<!-- The end of the generated part. -->";

const PANELS: &str = "k8s/components/monitoring/grafana.json";

/// The rows of panels: their titles, and the beginnings of their metrics' names.
const ROWS: [(&str, &[&str]); 7] = [
    ("Components", &["berth_component_"]),
    ("Requests of the host", &["berth_http_", "berth_logins"]),
    ("PostgreSQL", &["berth_database_"]),
    ("Language models", &["berth_cohere_"]),
    ("Outgoing requests", &["berth_outgoing_"]),
    ("Swaps and hosts", &["berth_swap", "berth_hosts"]),
    ("Host", &["berth_", "process_"]),
];

/// The width of a row, and the size of a panel, in Grafana's units.
const WIDTH: usize = 24;
const PANEL: (usize, usize) = (8, 7);

/// The table of the page.
fn markdown() -> String {
    let mut table = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for Metric {
        name,
        kind,
        labels,
        help,
    } in METRICS
    {
        let kind = format!("{kind:?}").to_lowercase();
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(table, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
    }
    table
}

/// The query of a metric's panel, over all hosts.
fn query(metric: &Metric) -> String {
    let name = metric.name;
    let by = metric.labels.join(", ");
    match metric.kind {
        Kind::Counter => format!("sum by ({by}) (rate({name}[$__rate_interval]))"),
        Kind::Histogram if by.is_empty() => {
            format!("histogram_quantile(0.99, sum by (le) (rate({name}_bucket[$__rate_interval])))")
        }
        Kind::Histogram => {
            format!("histogram_quantile(0.99, sum by (le, {by}) (rate({name}_bucket[$__rate_interval])))")
        }
        Kind::Gauge if metric.labels.is_empty() => name.to_owned(),
        Kind::Gauge => format!("sum by ({by}) ({name})"),
    }
}

fn panel(metric: &Metric, x: usize, y: usize) -> Value {
    let unit = match (metric.kind, metric.unit()) {
        (Kind::Counter, Some("bytes")) => "Bps",
        (Kind::Counter, None) => "cps",
        (_, Some("bytes")) => "bytes",
        (Kind::Gauge | Kind::Histogram, Some(_)) => "s",
        _ => "short",
    };
    let legend: Vec<_> = metric
        .labels
        .iter()
        .map(|label| format!("{{{{{label}}}}}"))
        .collect();
    let title = if metric.kind == Kind::Histogram {
        format!("{}, p99", metric.name)
    } else {
        metric.name.to_owned()
    };
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    json!({
        "type": "timeseries",
        "title": title,
        "description": metric.help,
        "datasource": source,
        "gridPos": { "x": x, "y": y, "w": PANEL.0, "h": PANEL.1 },
        "fieldConfig": { "defaults": { "unit": unit, "min": 0 }, "overrides": [] },
        "targets": [{
            "datasource": source,
            "expr": query(metric),
            "legendFormat": if legend.is_empty() { "{{instance}}".to_owned() } else { legend.join(" ") },
            "refId": "A",
        }],
    })
}

/// The panels: a row for each group, and a panel for each metric.
fn panels() -> String {
    let (mut panels, mut y) = (Vec::new(), 0);
    let row_of = |metric: &Metric| {
        ROWS.iter()
            .position(|(_, begins)| begins.iter().any(|begin| metric.name.starts_with(begin)))
    };
    for (index, (title, _)) in ROWS.iter().enumerate() {
        panels.push(json!({
            "type": "row", "title": title, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": y, "w": WIDTH, "h": 1 },
        }));
        y += 1;
        let metrics: Vec<_> = METRICS
            .iter()
            .filter(|metric| row_of(metric) == Some(index))
            .collect();
        let per_line = WIDTH / PANEL.0;
        for (place, metric) in metrics.iter().enumerate() {
            let (x, line) = ((place % per_line) * PANEL.0, place / per_line);
            panels.push(panel(metric, x, y + line * PANEL.1));
        }
        y += metrics.len().div_ceil(per_line) * PANEL.1;
    }
    for (id, panel) in panels.iter_mut().enumerate() {
        panel["id"] = (id + 1).into();
    }
    let all = json!({
        "title": "Berth",
        "uid": "berth",
        "schemaVersion": 39,
        "editable": true,
        "refresh": "30s",
        "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": [{
            "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
        }] },
        "panels": panels,
    });
    serde_json::to_string_pretty(&all).unwrap() + "\n"
}

/// Writes a file if it is outdated, so that the test passes when it runs again.
fn check(path: &str, wanted: impl FnOnce(&str) -> String) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let found = fs::read_to_string(&place).unwrap_or_default();
    let wanted = wanted(&found);
    if found != wanted {
        fs::write(&place, &wanted).unwrap();
    }
    assert!(
        found == wanted,
        "{path} was outdated and is written anew: commit it"
    );
}

#[test]
fn the_page_has_the_table() {
    check(PAGE, |page| {
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        [before, BEGIN, &markdown(), END, after].concat()
    });
}

#[test]
fn grafana_has_a_panel_for_each_metric() {
    check(PANELS, |_| panels());
    let text = panels();
    for metric in METRICS {
        assert!(text.contains(metric.name), "{}", metric.name);
    }
}

//! The targets for the figures, and whether they are met.

use super::server::Kind::{Berth, Fastapi, Native, WasmtimeServe, WasmtimeServeTuned};
use super::stress::Once;
use super::summary::{Figure, Summary};
use super::workload::Work::{self, Create, Hello, List};

/// The concurrencies of the targets, in requests at once.
const AT_ONCE: u32 = 32;
const MANY: u32 = 128;

/// A target: its title, the figure, and the limit for the figure.
struct Target {
    title: &'static str,
    figure: Option<f64>,
    limit: Limit,
}

enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

/// Prints each target with its figure, and whether it is met.
pub(crate) fn print(summary: &Summary, once: &Once) {
    println!("\n| bar | figure | limit | |\n| --- | ---: | ---: | --- |");
    for Target { title, figure, limit } in targets(summary, once) {
        let (sign, number) = match limit {
            Limit::AtMost(number) => ("≤", number),
            Limit::AtLeast(number) => ("≥", number),
        };
        let is_met = |figure| match limit {
            Limit::AtMost(number) => figure <= number,
            Limit::AtLeast(number) => figure >= number,
        };
        let verdict = figure.map_or(
            "not measured",
            |figure| if is_met(figure) { "met" } else { "not met" },
        );
        let figure = figure.map(|figure| format!("{figure:.2}")).unwrap_or_default();
        println!("| {title} | {figure} | {sign} {number} | {verdict} |");
    }
}

fn targets(summary: &Summary, once: &Once) -> [Target; 12] {
    let cpu: Figure = |row| row.cpu_us_per_request;
    let bar = |title, figure, limit| Target { title, figure, limit };
    let cpu_to_native = |work| summary.ratio(work, (Berth, Native), AT_ONCE, cpu);
    let rate_to = |server| summary.ratio(Hello, (Berth, server), AT_ONCE, |row| row.requests_per_second);
    let fastapi_to_berth = summary.ratio(List, (Fastapi, Berth), AT_ONCE, cpu);
    let tail_to_native = summary.ratio(List, (Berth, Native), AT_ONCE, |row| row.p99_ms);
    let many = summary
        .median(List, Berth, MANY, cpu)
        .zip(summary.median(List, Berth, AT_ONCE, cpu));
    let resident = Work::ALL
        .into_iter()
        .filter_map(|work| summary.median(work, Berth, MANY, |row| row.rss_mib));
    let [failed_in_crowd, failed_while_swapping] = [once.failed_in_crowd, once.failed_while_swapping]
        .map(|count| u32::try_from(count).ok().map(f64::from));
    [
        bar("list: CPU ÷ native's", cpu_to_native(List), Limit::AtMost(1.8)),
        bar(
            "list: FastAPI's CPU ÷ Berth's",
            fastapi_to_berth,
            Limit::AtLeast(20.0),
        ),
        bar("list: p99 ÷ native's", tail_to_native, Limit::AtMost(2.0)),
        bar(
            "create: CPU ÷ native's",
            cpu_to_native(Create),
            Limit::AtMost(1.8),
        ),
        bar(
            "hello: requests/s ÷ `wasmtime serve`'s",
            rate_to(WasmtimeServe),
            Limit::AtLeast(3.0),
        ),
        bar(
            "hello: … with its pool tuned",
            rate_to(WasmtimeServeTuned),
            Limit::AtLeast(2.2),
        ),
        bar("ready, ms", Some(once.ready_ms), Limit::AtMost(100.0)),
        bar(
            "resident when idle, MiB",
            Some(once.idle_mib),
            Limit::AtMost(35.0),
        ),
        bar(
            "resident at 128 at once, MiB, at most",
            resident.reduce(f64::max),
            Limit::AtMost(80.0),
        ),
        bar(
            "list: CPU at 128 ÷ at 32",
            many.map(|(many, few)| many / few),
            Limit::AtMost(1.2),
        ),
        bar("failed at 512 at once", failed_in_crowd, Limit::AtMost(0.0)),
        bar("failed while swapping", failed_while_swapping, Limit::AtMost(0.0)),
    ]
}

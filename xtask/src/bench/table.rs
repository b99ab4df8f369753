//! The table of a run, in Markdown: medians, and the ratio of processor time to native code.

use super::server::Kind;
use super::stress::Once;
use super::summary::Summary;
use super::workload::Work;

/// Prints every measured cell.
pub(crate) fn print(summary: &Summary) {
    println!();
    println!(
        "| work | at once | server | requests/s | p50 ms | p99 ms | p99.9 ms | CPU µs/request | RSS MiB | failed | CPU ÷ native's |"
    );
    println!("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for work in Work::ALL {
        for concurrency in summary.concurrencies() {
            for server in Kind::ALL {
                print_line(summary, work, concurrency, server);
            }
        }
    }
}

fn print_line(summary: &Summary, work: Work, concurrency: u32, server: Kind) {
    let median = |figure| summary.median(work, server, concurrency, figure);
    let Some(rate) = median(|row| row.requests_per_second) else {
        return;
    };
    let [p50, p99, p999] = [
        median(|row| row.p50_ms),
        median(|row| row.p99_ms),
        median(|row| row.p999_ms),
    ]
    .map(Option::unwrap_or_default);
    let [cpu, rss] =
        [median(|row| row.cpu_us_per_request), median(|row| row.rss_mib)].map(Option::unwrap_or_default);
    let failed = summary.failed(work, server, concurrency);
    let ratio = summary
        .ratio(work, (server, Kind::Native), concurrency, |row| {
            row.cpu_us_per_request
        })
        .map(|ratio| format!("{ratio:.2}"))
        .unwrap_or_default();
    println!(
        "| {work} | {concurrency} | {server} | {rate:.0} | {p50:.2} | {p99:.2} | {p999:.2} | {cpu:.1} | {rss:.1} | {failed} | {ratio} |"
    );
}

/// Prints the measurements that ran once.
pub(crate) fn print_once(once: &Once) {
    println!();
    println!(
        "Ready in {:.0} ms, with the code cache and a running database.",
        once.ready_ms
    );
    println!("{:.1} MiB resident when idle.", once.idle_mib);
    println!(
        "{} swaps under load: {} requests answered, {} failed.",
        once.swaps, once.answered_while_swapping, once.failed_while_swapping
    );
    println!(
        "512 at once: {} lists answered, {} failed.",
        once.answered_in_crowd, once.failed_in_crowd
    );
}

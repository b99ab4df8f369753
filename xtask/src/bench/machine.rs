//! The machine of the measurements.

use std::{fs, thread};

/// `2 × Intel(R) Xeon(R) …, Linux 6.1.0`
pub(crate) fn name() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let count = thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{count} × {model}, Linux {}",
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// The number of processes that wanted a processor at once, on average over the last minute. If it is high, the figures
/// are useless.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

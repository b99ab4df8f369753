//! The numbers of the process, by the names that all of Prometheus' clients give them. Only Linux has them.

use std::fmt;
use std::fs;
use std::time::Duration;

use super::catalog as of;
use super::page::Page;

/// Writes the system's figures about this process.
pub(super) fn write(page: &mut Page<'_>, started: f64) -> fmt::Result {
    page.write_one(&of::PROCESS_START_TIME, started)?;
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let time = Duration::try_from(time).unwrap_or_default();
    page.write_one(&of::PROCESS_CPU, time.as_secs_f64())?;
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        page.write_one(&of::PROCESS_RESIDENT, field(&status, "VmRSS:") * 1024)?;
        page.write_one(&of::PROCESS_VIRTUAL, field(&status, "VmSize:") * 1024)?;
        page.write_one(&of::PROCESS_THREADS, field(&status, "Threads:"))?;
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is that of the folder itself.
        page.write_one(&of::PROCESS_OPEN_FDS, open.count().saturating_sub(1))?;
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    page.write_one(&of::PROCESS_MAX_FDS, limit.unwrap_or(u64::MAX))
}

/// The number of a line of `/proc/self/status`, see proc(5); 0 without the line.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let status = "Name:\tberth\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!(
            ["VmRSS:", "Threads:", "VmSize:"].map(|name| field(status, name)),
            [1234, 7, 0]
        );
    }
}

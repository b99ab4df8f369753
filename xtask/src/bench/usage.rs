//! The resources that a process and its descendants have used, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux reports times in hundredths of a second to every program, regardless of the kernel's own clock.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of a process and of all its descendants, in user and kernel mode.
pub(crate) fn processor_time(process: u32) -> Result<Duration> {
    let ticks = tree(process).into_iter().map(ticks).sum::<Result<u32>>()?;
    Ok(TICK * ticks)
}

/// The resident memory of a process and of all its descendants, in MiB.
pub(crate) fn resident_mib(process: u32) -> Result<f64> {
    let kibibytes = tree(process).into_iter().map(resident_kib).sum::<Result<u32>>()?;
    Ok(f64::from(kibibytes) / 1024.0)
}

fn tree(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let threads = fs::read_dir(format!("/proc/{parent}/task"))
            .into_iter()
            .flatten()
            .flatten();
        let children: Vec<u32> = threads
            .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
            .flat_map(|list| {
                list.split_whitespace()
                    .filter_map(|id| id.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        found.extend(children);
        next += 1;
    }
    found
}

/// `utime` and `stime`, see `proc_pid_stat(5)`.
fn ticks(process: u32) -> Result<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may contain any character.
    let (_, fields) = stat.rsplit_once(") ").context("no process")?;
    let times = fields.split(' ').skip(11).take(2);
    Ok(times.map(str::parse::<u32>).sum::<Result<u32, _>>()?)
}

fn resident_kib(process: u32) -> Result<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no resident memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

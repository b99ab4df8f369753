//! Measurements that run once, on Berth alone: its start, swaps under load, and many clients.

use std::fs;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::load::Load;
use super::programs::Programs;
use super::server::Server;
use super::summary::median;
use super::usage;
use super::users::Users;
use super::workload::Work;

/// The number of starts, whose median counts. One more start comes first and compiles the components that no cache
/// holds.
const STARTS: usize = 5;

/// The idle time of a host before its memory is measured.
const SETTLING: Duration = Duration::from_secs(2);

/// Requests at once, of which none may fail.
const CROWD: u32 = 512;

/// Requests at once while components are swapped.
const WHILE_SWAPPING: u32 = 32;

/// The measurements that run once.
pub(crate) struct Once {
    /// Milliseconds from the process's start until `/ready` is 200, with the code cache and a running database.
    pub(crate) ready_ms: f64,
    /// Resident memory after that start, before any request but `/ready`.
    pub(crate) idle_mib: f64,
    pub(crate) swaps: u32,
    /// Requests that were answered during the swaps.
    pub(crate) answered_while_swapping: u64,
    pub(crate) failed_while_swapping: u64,
    /// Lists that were answered with 512 requests at once.
    pub(crate) answered_in_crowd: u64,
    pub(crate) failed_in_crowd: u64,
}

/// A started host, and the measurements of its start.
pub(crate) struct Started {
    pub(crate) server: Server,
    ready_ms: f64,
    idle_mib: f64,
}

/// Starts the host several times. The last one keeps running.
pub(crate) fn start(programs: &Programs) -> Result<Started> {
    programs.berth()?.wait_until_ready()?;
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let mut server = programs.berth()?;
        server.wait_until_ready()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if times.len() == STARTS {
            sleep(SETTLING);
            let idle_mib = usage::resident_mib(server.process())?;
            return Ok(Started {
                server,
                ready_ms: median(times).unwrap_or_default(),
                idle_mib,
            });
        }
    }
}

/// Swaps under load, then sends 512 requests at once, each for `seconds`.
pub(crate) fn bear(
    started: &Started,
    programs: &Programs,
    load: &Load,
    users: &Users,
    folder: &Path,
    seconds: u32,
) -> Result<Once> {
    let address = started.server.address;
    let versions = [programs.hello(), folder.join("hello-again.wasm")];
    fs::write(&versions[1], with_custom_section(fs::read(&versions[0])?))?;
    let (swaps, swapping) = thread::scope(|scope| {
        let load = scope.spawn(|| load.run(address, &Work::Hello.request(users), WHILE_SWAPPING, seconds));
        let mut swaps = 0;
        for version in versions.iter().rev().cycle() {
            if load.is_finished() {
                break;
            }
            let pushed = programs.push(version).output()?;
            ensure!(
                pushed.status.success(),
                "no swap: {}",
                String::from_utf8_lossy(&pushed.stderr)
            );
            swaps += 1;
        }
        let outcome = load
            .join()
            .map_err(|_| anyhow::anyhow!("the load has panicked"))??;
        Ok((swaps, outcome))
    })?;
    let crowd = load.run(address, &Work::List.request(users), CROWD, seconds)?;
    Ok(Once {
        ready_ms: started.ready_ms,
        idle_mib: started.idle_mib,
        swaps,
        answered_while_swapping: swapping.requests,
        failed_while_swapping: swapping.failed,
        answered_in_crowd: crowd.requests,
        failed_in_crowd: crowd.failed,
    })
}

/// Another version with the same behaviour: a component may end in any number of custom sections. This section is named
/// `v` and empty.
fn with_custom_section(mut component: Vec<u8>) -> Vec<u8> {
    component.extend([0, 2, 1, b'v']);
    component
}

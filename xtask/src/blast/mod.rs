//! `cargo xtask blast`: measures how each attack of a hostile component or client affects another component.
//!
//! A release build serves the todo component and fixtures that attack. For each attack, wrk lists tasks, once alone and once
//! during the attack; the table has the effect on the list, on the host's memory and on its log. The table of docs/security.md is
//! the output of this command.
//!
//! - [`host`]: the host that is attacked
//! - [`attacks`]: the attacks

mod attacks;
mod host;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use self::attacks::Attack;
use self::host::Host;
use crate::bench::load::{Load, Outcome};
use crate::bench::users::Users;
use crate::bench::workload::Work;
use crate::bench::{machine, usage};
use crate::postgres::Postgres;
use crate::wasm;
use crate::workspace::Workspace;

/// List requests at once.
const CONCURRENCY: u32 = 16;

/// The time for which an attack runs before the measurement, and the pause of the host between two attacks.
const LEAD: Duration = Duration::from_secs(1);

/// The arguments of `cargo xtask blast`.
#[derive(Args)]
pub(crate) struct Options {
    /// Seconds that each attack takes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// Only the attacks whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Builds, attacks, and prints the table.
pub(crate) fn blast(workspace: &Workspace, options: &Options) -> Result<()> {
    wasm::all(workspace)?;
    host::build(workspace)?;
    let folder = workspace.target.join("blast");
    fs::create_dir_all(&folder)?;
    let load = Load::prepare(&folder)?;
    let database = Postgres::start(workspace)?;
    println!(
        "{}: {} s an attack, {CONCURRENCY} lists at once.\n",
        machine::name(),
        options.seconds
    );
    println!(
        "| attack | list alone: requests/s | p99 ms | attacked: requests/s | p99 ms | failed | of its throughput | log MiB | RSS MiB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut users = None;
    for attack in attacks::all() {
        if options
            .only
            .as_ref()
            .is_none_or(|text| attack.name.contains(text.as_str()))
        {
            // Each attack has a host of its own, so that no attack affects the next.
            let mut host = Host::start(workspace, &folder, &database.url())?;
            host.server.wait_until_ready()?;
            let known = users
                .take()
                .map_or_else(|| Users::register(host.server.address), Ok)?;
            let users = &*users.insert(known);
            let row = measure(&host, &load, users, &attack, options.seconds)?;
            println!("{row}");
        }
    }
    Ok(())
}

fn measure(host: &Host, load: &Load, users: &Users, attack: &Attack, seconds: u32) -> Result<String> {
    let address = host.server.address;
    let list = || load.run(address, &Work::List.request(users), CONCURRENCY, seconds);
    list().context("the list before the attack")?;
    let alone = list()?;
    let logged = host.logged_bytes()?;
    let stop = AtomicBool::new(false);
    let (attacked, resident) = thread::scope(|scope| {
        for number in 0..attack.concurrency {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    (attack.once)(address, number, stop);
                }
            });
        }
        thread::sleep(LEAD);
        let attacked = list();
        let resident = usage::resident_mib(host.server.process());
        stop.store(true, Ordering::Relaxed);
        (attacked, resident)
    });
    let log = host.logged_bytes()?.saturating_sub(logged);
    Ok(row(attack.name, &alone, &attacked?, log, resident?))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn row(name: &str, alone: &Outcome, attacked: &Outcome, log: u64, resident_mib: f64) -> String {
    let rate = |outcome: &Outcome| outcome.requests as f64 / outcome.seconds;
    let part = 100.0 * rate(attacked) / rate(alone);
    format!(
        "| {name} | {:.0} | {:.1} | {:.0} | {:.1} | {} | {part:.0} % | {:.2} | {resident_mib:.0} |",
        rate(alone),
        alone.p99_ms,
        rate(attacked),
        attacked.p99_ms,
        attacked.failed,
        log as f64 / f64::from(1 << 20),
    )
}

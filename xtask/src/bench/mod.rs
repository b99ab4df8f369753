//! `cargo xtask bench`: compares Berth to native code and to the programs that it replaces, in one run on one machine.
//!
//! - [`programs`], [`server`], [`cohere`], [`collector`]: the measured programs, built and started
//! - [`users`], [`workload`]: the data and the requests
//! - [`parity`]: checks that the servers give the same answers
//! - [`load`], [`usage`], [`measurement`]: one figure
//! - [`stress`]: the start, swaps under load, many clients
//! - [`summary`], [`table`], [`targets`], [`plot`], [`machine`]: the evaluation of the figures
//!
//! docs/bench.md says how to read them.

mod cohere;
mod collector;
pub(crate) mod load;
pub(crate) mod machine;
mod measurement;
mod parity;
mod plot;
mod programs;
pub(crate) mod server;
mod stress;
mod summary;
mod table;
mod targets;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod workload;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use self::cohere::Cohere;
use self::load::Load;
use self::measurement::{Row, Task, measure};
use self::programs::Programs;
use self::server::Server;
use self::summary::Summary;
use self::users::Users;
use self::workload::Work;
use crate::postgres::Postgres;
use crate::workspace::Workspace;

/// Requests at once.
const CONCURRENCIES: [u32; 3] = [1, 32, 128];

/// Seconds for which each server does each workload before the measurements.
const WARM_UP: u32 = 1;

/// With a higher load average, the machine is busy with other work.
const QUIET: f64 = 0.5;

/// The arguments of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// Beside FastAPI and `wasmtime serve` too.
    #[arg(long)]
    peers: bool,
    /// Beside a second Berth that sends the traces of one request in a hundred.
    #[arg(long)]
    traces: bool,
    /// How often everything is measured; medians count.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only this work; more than once for several.
    #[arg(long, value_enum, value_name = "WORK")]
    only: Vec<Work>,
    /// Write every row into this file, one line of JSON for each.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the plot into this file: `docs/bench.svg` is the one that README.md shows.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// Builds and starts everything, measures in rounds, and prints the results.
pub(crate) fn bench(workspace: &Workspace, options: &Options) -> Result<()> {
    programs::build(workspace)?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    let load = Load::prepare(&folder)?;
    let mut json = options
        .json
        .as_ref()
        .map(File::create)
        .transpose()
        .context("--json cannot be written")?;

    let database = Postgres::start(workspace)?;
    let cohere = Cohere::start(workspace)?;
    let programs = Programs::new(workspace, folder.clone(), database.url(), cohere.url.clone())?;
    describe(options);
    let started = stress::start(&programs)?;
    let users = Users::register(started.server.address)?;
    let mut servers = vec![programs.native()?];
    if options.traces {
        servers.push(programs.traced(collector::start()?)?);
    }
    if options.peers {
        servers.extend(peers(&programs)?);
    }

    let works = if options.only.is_empty() {
        Work::ALL.to_vec()
    } else {
        options.only.clone()
    };
    let servers: Vec<&Server> = std::iter::once(&started.server).chain(&servers).collect();
    parity::check(&servers, &users, &works)?;
    warm_up(&servers, &load, &users, &works)?;
    let rows = measure_all(options, &works, &servers, &load, &users, |row| {
        json.as_mut().map_or(Ok(()), |file| {
            Ok(writeln!(file, "{}", serde_json::to_string(row)?)?)
        })
    })?;
    let once = stress::bear(&started, &programs, &load, &users, &folder, options.seconds)?;

    let summary = Summary(&rows);
    table::print(&summary);
    table::print_once(&once);
    targets::print(&summary, &once);
    if let Some(file) = &options.plot {
        plot::draw(&summary, file)?;
    }
    Ok(())
}

/// Prints the machine and the parameters.
fn describe(options: &Options) {
    println!(
        "{}: {} rounds of {} s a measurement, medians.",
        machine::name(),
        options.rounds,
        options.seconds
    );
    let busy = machine::load_average();
    if busy > QUIET {
        println!("This machine is busy (load average {busy}): read the ratios with care, and nothing else.");
    }
}

fn peers(programs: &Programs) -> Result<Vec<Server>> {
    let wasmtime = programs.wasmtime_serve()?;
    if wasmtime.is_empty() {
        println!("Skipped: `wasmtime serve`, since there is no `wasmtime` on the path.");
    }
    Ok(std::iter::once(programs.fastapi()?).chain(wasmtime).collect())
}

fn warm_up(servers: &[&Server], load: &Load, users: &Users, works: &[Work]) -> Result<()> {
    for work in works {
        for server in servers.iter().filter(|server| work.is_done_by(server.kind)) {
            load.run(server.address, &work.request(users), CONCURRENCIES[1], WARM_UP)?;
        }
    }
    Ok(())
}

/// Measures everything in each round, one server right after the other, so that a disturbance of the machine affects
/// all servers.
fn measure_all(
    options: &Options,
    works: &[Work],
    servers: &[&Server],
    load: &Load,
    users: &Users,
    mut keep: impl FnMut(&Row) -> Result<()>,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for round in 1..=options.rounds {
        for &work in works {
            for concurrency in CONCURRENCIES {
                for server in servers.iter().filter(|server| work.is_done_by(server.kind)) {
                    let task = Task {
                        work,
                        concurrency,
                        round,
                        seconds: options.seconds,
                    };
                    let row = measure(server, load, users, &task)?;
                    keep(&row)?;
                    rows.push(row);
                }
            }
        }
        eprintln!("round {round} of {} is done", options.rounds);
    }
    Ok(rows)
}

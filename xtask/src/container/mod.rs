//! `cargo xtask container-test`: the Dockerfile as it is, built and run without any registry.
//!
//! - [`images`]: base images of the names that the Dockerfile says, made of Debian's packages and this machine's Rust
//! - [`pod`]: the host in its image, held as a careful cluster holds it
//! - [`session`]: what README.md shows, typed
//! - [`load`]: requests, counted

mod images;
mod load;
mod pod;
mod session;

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::command::run;
use crate::http::free_address;
use crate::postgres::Postgres;
use crate::workspace::Workspace;
use load::Load;
use pod::Pod;

const IMAGE: &str = "localhost/todo-backend:latest";

/// The longest that `buildah` may take, for `timeout`. A first build compiles some 400 crates.
const BUILD_LIMIT: &str = "60m";

/// The longest that a start may take until health check and readiness are good, at half a core.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Requests that have been answered when the host is told to stop.
const WARM: usize = 500;

/// Builds the image, runs it read-only and small, uses it, and stops it under load.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    if let Some(reason) = images::missing_tools() {
        println!("Skipped: the container, since {reason}");
        return Ok(());
    }
    build(workspace)?;
    let database = Postgres::start(workspace)?;
    let address = free_address()?;
    let pod = Pod::start(IMAGE, address, &database.url())?;
    let ready = pod.wait_until_ready(START_LIMIT)?;
    println!("Ready {} ms after its start; {} resident.", ready.as_millis(), pod.resident()?);

    session::run(workspace, address)?;
    println!("The session of README.md went well.");

    let load = Load::start(address)?;
    load.wait_for(WARM)?;
    println!("{} resident under load.", pod.resident()?);
    load.stopping();
    pod.terminate()?;
    let outcome = load.finish();
    pod.wait()?;
    println!("Stopped under load, exit code 0: {outcome}.");
    ensure!(outcome.failed.is_empty(), "requests failed: {:?}", outcome.failed);
    Ok(())
}

fn build(workspace: &Workspace) -> Result<()> {
    images::make(workspace)?;
    run(Command::new("timeout")
        .args([
            BUILD_LIMIT,
            "buildah",
            "bud",
            "--format=docker",
            "--isolation=chroot",
            "--pull-never",
            "--layers",
        ])
        .args(["--tag", IMAGE])
        .arg(&workspace.root))?;
    run(Command::new("podman").args(["history", "--format={{.Size}}  {{.CreatedBy}}", IMAGE]))
}

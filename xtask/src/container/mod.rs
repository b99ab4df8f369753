//! `cargo xtask container-test`: builds and runs the unchanged Dockerfile without any registry.
//!
//! - [`images`]: base images with the Dockerfile's names, made of Debian's packages and this machine's Rust
//! - [`pod`]: the host in its image, restricted as in a hardened cluster
//! - [`session`]: the commands that README.md shows
//! - [`load`]: counted requests

mod images;
mod load;
mod pod;
mod session;

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::command::run;
use crate::http::{self, free_address};
use crate::postgres::Postgres;
use crate::workspace::Workspace;
use load::Load;
use pod::Pod;

const IMAGE: &str = "localhost/todo-backend:latest";

/// The name of the Dockerfile's stage that compiles.
const BUILD_IMAGE: &str = "localhost/todo-backend-build:latest";

/// The label of the Dockerfile's stages, as a filter.
const STAGES: &str = "label=berth.stage=build";

/// The commit that the image is told it is built from.
const REVISION: &str = "0123456789ab";

/// The longest run of `buildah`, for `timeout`. A first build compiles some 400 crates.
const BUILD_LIMIT: &str = "60m";

/// The longest start until health check and readiness are good, at half a core.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The number of answered requests before the host is told to stop.
const WARM: usize = 500;

/// Builds the image, runs it read-only with small limits, uses it, and stops it under load.
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
    ensure!(
        pod.version()?.contains(REVISION),
        "`berth --version` in the image does not have the commit"
    );
    println!(
        "Ready {} ms after its start; {} resident.",
        ready.as_millis(),
        pod.resident()?
    );

    session::run(workspace, address)?;
    println!("The session of README.md went well.");
    let page = http::get(address, "/login", None)?;
    ensure!(
        page.status == 200,
        "the image lacks the pages: /login is {}",
        page.status
    );

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
    bud(workspace, &["--tag", IMAGE])?;
    // Nothing is built here: the stage gets a name, so that it outlives `prune` and the next build finds its layers.
    bud(workspace, &["--target", "build", "--tag", BUILD_IMAGE])?;
    prune();
    run(Command::new("podman").args(["history", "--format={{.Size}}  {{.CreatedBy}}", IMAGE]))
}

fn bud(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
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
        .args(["--build-arg", &format!("REVISION={REVISION}")])
        .args(arguments)
        .arg(&workspace.root))
}

/// Removes the stages of earlier builds: some 4 GB each.
fn prune() {
    let mut podman = Command::new("podman");
    podman.args(["image", "prune", "--force", "--filter", STAGES]);
    if let Err(error) = run(&mut podman) {
        println!("Images of earlier builds are left: {error:#}");
    }
}

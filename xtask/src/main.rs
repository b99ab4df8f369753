//! Set-up and development commands. `cargo xtask --help` lists them.
//!
//! - [`workspace`]: the paths of sources and built files
//! - [`setup`]: programs that a machine may lack
//! - [`wasm`]: components and fixtures, built and copied to the paths in manifests
//! - [`build`], [`run`], [`dev`], [`mod@test`], [`mod@bench`], [`mod@blast`], [`mod@manifests`], [`container`],
//!   [`mod@api_check`], [`mod@tidy`], [`mod@book`]: the commands
//! - [`mod@install`], [`tools`]: other projects' tools, in exact versions
//! - [`command`], [`bounded`]: running a program, and running tests with a time limit
//! - [`signals`]: the signals of those programs
//! - [`postgres`], [`fake_cohere`], [`http`], [`account`]: a temporary database and model, requests, and accounts

mod account;
mod api_check;
mod bench;
mod blast;
mod book;
mod bounded;
mod build;
mod command;
mod container;
mod dev;
mod fake_cohere;
mod http;
mod install;
mod manifests;
mod postgres;
mod run;
mod setup;
mod signals;
mod test;
mod tidy;
mod tools;
mod wasm;
mod workspace;

use clap::{Parser, Subcommand};

use crate::signals::Signals;
use crate::workspace::Workspace;

/// Set-up and chores of the project, each one command.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Hold the API and its document against validators, generated clients and schemathesis, with a fake Cohere.
    ApiCheck,
    /// Measure Berth beside native code, and with --peers beside what it replaces: one table, with ratios.
    Bench(bench::Options),
    /// Attack a host of hostile components for some seconds each, and print what a neighbour noticed.
    Blast(blast::Options),
    /// Build the book of docs/SUMMARY.md, and check its links: `book/book/index.html` in the target directory.
    Book,
    /// Build every component, and the host in release: `release/berth` in the target directory.
    Build,
    /// Build the image without any registry, run it read-only and small, use it, and stop it under load.
    ContainerTest,
    /// As `run`, and on every save build the component that has changed and swap it in.
    Dev {
        /// Chat with a fake Cohere, as with `run`.
        #[arg(long)]
        fake_cohere: bool,
    },
    /// Build what is saved, while the process lives that starts this: a part of `dev`.
    #[command(hide = true)]
    BuildOnSave,
    /// Build every example: `examples/NAME-example.wasm`.
    Examples,
    /// Build every kustomization of k8s/, validate each resource strictly, and lint the Dockerfile.
    Manifests,
    /// Set up what is missing, build components and host for development, and serve on port 8000.
    Run {
        /// Chat with a fake Cohere that follows simple rules ("add …", "list", "complete 3"): no key, no network.
        #[arg(long)]
        fake_cohere: bool,
        /// Arguments for `berth`, after `--`; without any, it serves.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Set up what is missing, build components and fixtures, and run every test of the workspace.
    Test {
        /// For `cargo test`: part of the name of the tests to run, or `--test it`, `-p PACKAGE`, `-- --nocapture`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check spelling, the links of Markdown files, and dependencies: unused ones, licences, sources and advisories.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    let chore = Arguments::parse().chore;
    let signals = Signals::handle()?;
    let workspace = Workspace::find()?;
    match chore {
        Chore::ApiCheck => api_check::api_check(&workspace),
        Chore::Bench(options) => bench::bench(&workspace, &options),
        Chore::Blast(options) => blast::blast(&workspace, &options),
        Chore::Book => book::book(&workspace),
        Chore::Build => build::build(&workspace),
        Chore::ContainerTest => container::test(&workspace),
        Chore::Dev { fake_cohere } => dev::dev(&workspace, fake_cohere),
        Chore::BuildOnSave => {
            dev::build_on_save(&workspace);
            Ok(())
        }
        Chore::Examples => wasm::examples(&workspace),
        Chore::Manifests => manifests::manifests(&workspace),
        Chore::Run {
            fake_cohere,
            arguments,
        } => run::run(&workspace, &arguments, fake_cohere),
        Chore::Test { arguments } => test::test(&workspace, &arguments, &signals),
        Chore::Tidy => tidy::tidy(&workspace),
    }
}

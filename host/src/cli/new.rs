//! `berth new NAME`: writes a small working component, as a package that does not need Berth's sources.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use berth_runtime::RoutePattern;
use include_dir::{Dir, File, include_dir};

use super::output::print;
use crate::config::OwnRoutes;

/// The placeholder of the component's name in the files.
const NAME: &str = "{{name}}";

/// The sources of the SDK, and of the crate that the SDK needs: a new package carries them, because they are in no
/// registry yet.
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../sdk/rust");
static CONTRACT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/contract");

/// The folders of these sources in the package.
const CARRIED: [(&str, &Dir<'_>); 2] = [("vendor/berth-sdk", &SDK), ("vendor/berth-contract", &CONTRACT)];

/// Changes of their manifests, which are members of a workspace here and not there.
const MANIFEST_CHANGES: [(&str, &str); 2] = [
    ("path = \"../../host/contract\"", "path = \"../berth-contract\""),
    ("\n[lints]\nworkspace = true\n", ""),
];

/// The package's files, without the WIT packages of the host and without the SDK.
const FILES: &[(&str, &str)] = &[
    (".cargo/config.toml", include_str!("new/config.toml")),
    (".gitignore", include_str!("new/gitignore")),
    ("Cargo.lock", include_str!("new/Cargo.lock")),
    ("Cargo.toml", include_str!("new/Cargo.toml")),
    ("README.md", include_str!("new/README.md")),
    ("berth.toml", include_str!("new/berth.toml")),
    ("src/greeting.rs", include_str!("new/src/greeting.rs")),
    ("src/main.rs", include_str!("new/src/main.rs")),
    ("wit/world.wit", include_str!("new/wit/world.wit")),
];

macro_rules! wit {
    ($($file:literal),* $(,)?) => {
        &[$((concat!("wit/deps/", $file), include_str!(concat!("../../../wit/deps/", $file)))),*]
    };
}

/// The WIT packages of all capabilities, and their dependencies.
const WIT: &[(&str, &str)] = wit![
    "cli/cli.wit",
    "clocks/clocks.wit",
    "cohere/cohere.wit",
    "config/store.wit",
    "config/world.wit",
    "filesystem/filesystem.wit",
    "http/http.wit",
    "identity/identity.wit",
    "io/io.wit",
    "logging/logging.wit",
    "migrations/migrations.wit",
    "openapi/openapi.wit",
    "postgres/postgres.wit",
    "postgres-all-rows/postgres-all-rows.wit",
    "random/random.wit",
    "sockets/sockets.wit",
];

/// Names of folders in cargo's target directory, so cargo builds no programs with these names.
const CARGOS_OWN: [&str; 4] = ["build", "deps", "examples", "incremental"];

/// What is to be written.
#[derive(clap::Args)]
pub(super) struct New {
    /// The component's name: lower-case letters, digits and dashes
    name: String,
    /// Where it is written: a folder that is empty or not there yet [default: one of the component's name]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

/// Writes the package, and prints the next steps.
pub(super) fn new(New { name, path }: &New) -> Result<()> {
    check_name(name)?;
    let folder = path.as_deref().unwrap_or(Path::new(name));
    check_empty(folder)?;
    write(folder, name).with_context(|| format!("{} cannot be written", folder.display()))?;
    print(&format!(
        "{name} is in {folder}. What comes next:\n\n    \
         cd {folder}\n    \
         cargo test\n    \
         cargo build --release --target wasm32-wasip2\n    \
         berth serve --watch\n\n\
         and, in another terminal:\n\n    \
         curl localhost:8000/{name}\n\n\
         Its README.md says how it goes on.\n",
        folder = folder.display()
    ))?;
    Ok(())
}

/// Checks that hosts accept the name and its route, and that cargo builds it.
fn check_name(name: &str) -> Result<()> {
    berth_database::isolation::schema_name(name)?;
    let route = format!("/{name}").parse::<RoutePattern>();
    route
        .and_then(|route| OwnRoutes::default().check(&route))
        .map_err(|reason| anyhow!(reason))?;
    ensure!(
        !CARGOS_OWN.contains(&name),
        "cargo builds no program called `{name}`: choose another name"
    );
    Ok(())
}

fn check_empty(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mut entries = fs::read_dir(folder).with_context(|| format!("{} is no folder", folder.display()))?;
    if entries.next().is_some() {
        bail!(
            "{} is not empty: name another folder with --path",
            folder.display()
        );
    }
    Ok(())
}

fn write(folder: &Path, name: &str) -> Result<()> {
    for (path, text) in FILES.iter().chain(WIT) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text.replace(NAME, name))?;
    }
    for (place, sources) in CARRIED {
        carry(sources, &folder.join(place))?;
    }
    Ok(())
}

/// Writes sources without their tests.
fn carry(sources: &Dir<'_>, place: &Path) -> Result<()> {
    for path in ["Cargo.toml", "LICENSE", "README.md"] {
        let text = sources.get_file(path).and_then(File::contents_utf8);
        let text = text.with_context(|| format!("this program was built without {path}"))?;
        fs::create_dir_all(place)?;
        let changed = MANIFEST_CHANGES
            .iter()
            .fold(text.to_owned(), |text, (here, there)| text.replace(here, there));
        fs::write(place.join(path), changed)?;
    }
    for folder in ["src", "wit"] {
        if let Some(folder) = sources.get_dir(folder) {
            fs::create_dir_all(place.join(folder.path()))?;
            folder.extract(place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

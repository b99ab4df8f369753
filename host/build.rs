//! Sets the commit and wasmtime's version for `berth --version`.

use std::process::Command;
use std::{env, fs};

fn main() {
    #[expect(clippy::disallowed_methods, reason = "a build has no other configuration")]
    let given = env::var("BERTH_COMMIT").ok();
    let commit = given.or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    // New files of the console are found only by a new look.
    println!("cargo::rerun-if-changed=console");
    println!("cargo::rerun-if-env-changed=BERTH_COMMIT");
    // Git appends a line to this file at every commit and checkout.
    if let Some(log) = git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])
        && fs::exists(&log).is_ok_and(|exists| exists)
    {
        println!("cargo::rerun-if-changed={log}");
    }
    println!("cargo::rerun-if-changed=../Cargo.lock");
    println!(
        "cargo::rustc-env=BERTH_COMMIT={}",
        commit.as_deref().unwrap_or("unknown commit")
    );
    let lock = fs::read_to_string("../Cargo.lock").unwrap_or_default();
    println!(
        "cargo::rustc-env=BERTH_WASMTIME={}",
        wasmtime(&lock).unwrap_or("unknown")
    );
}

/// The output of git, if this is a clone.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The version of wasmtime in the lock file.
fn wasmtime(lock: &str) -> Option<&str> {
    let (_, after) = lock.split_once("name = \"wasmtime\"\nversion = \"")?;
    after.split('"').next()
}

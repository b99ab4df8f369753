//! Base images without a registry: the images of the Dockerfile's `FROM` lines, made of Debian's packages and imported
//! under the same names. They contain only the parts of the originals that the Dockerfile uses.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::command::run;
use crate::workspace::Workspace;

const TOOLS: [&str; 4] = ["buildah", "mmdebstrap", "podman", "runc"];

/// The Debian release of both originals.
const SUITE: &str = "trixie";

/// The folder of Rust in the original image; mmdebstrap's hooks see the same path.
const RUST: &str = "usr/local";

/// The reason why the tools are missing and cannot be installed; `None` if they are there or were installed now.
pub(crate) fn missing_tools() -> Option<String> {
    if are_there(&TOOLS) {
        return None;
    }
    if !are_there(&["apt-get"]) {
        return Some(format!(
            "{} are missing, and there is no apt-get to install them",
            TOOLS.join(", ")
        ));
    }
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(TOOLS);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    let installed = run(Command::new("apt-get").args(["update", "--quiet"])).and_then(|()| run(&mut install));
    installed
        .err()
        .map(|error| format!("{} cannot be installed: {error:#}", TOOLS.join(", ")))
}

/// Makes the base images of the Dockerfile that do not exist yet.
pub(crate) fn make(workspace: &Workspace) -> Result<()> {
    for name in base_images(&fs::read_to_string(workspace.root.join("Dockerfile"))?) {
        if exists(&name) {
            continue;
        }
        println!("Making {name}");
        if name.contains("/rust:") {
            rust(&name)?;
        } else if name.contains("/distroless/cc-") {
            distroless(&name)?;
        } else {
            bail!("there is no recipe for {name}: write one in {}", file!());
        }
    }
    Ok(())
}

/// The full names in `FROM` lines, without the Dockerfile's own stages.
fn base_images(dockerfile: &str) -> Vec<String> {
    let mut stages = Vec::new();
    let mut images = Vec::new();
    for line in dockerfile.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let ["FROM", image, stage @ ..] = &*words else {
            continue;
        };
        if !stages.contains(image) {
            images.push(if image.contains('/') {
                (*image).to_owned()
            } else {
                format!("docker.io/library/{image}")
            });
        }
        stages.extend(stage.last());
    }
    images
}

/// A C compiler, and this machine's toolchain as rustup's default.
fn rust(name: &str) -> Result<()> {
    let toolchain = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let toolchain = fs::canonicalize(toolchain.trim()).context("the toolchain's folder")?;
    let called = toolchain
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let rustup = output(Command::new("sh").args(["-c", "command -v rustup"]))?;
    let programs = Path::new(rustup.trim())
        .parent()
        .context("rustup's folder")?
        .display()
        .to_string();
    let toolchain = toolchain.display();
    let hooks = [
        format!("mkdir -p \"$1/{RUST}/cargo/bin\" \"$1/{RUST}/rustup/toolchains/{called}\""),
        format!("cp -a '{programs}/.' \"$1/{RUST}/cargo/bin\""),
        format!("cp -a '{toolchain}/bin' '{toolchain}/lib' \"$1/{RUST}/rustup/toolchains/{called}\""),
        format!(
            "printf 'version = \"12\"\\ndefault_toolchain = \"{called}\"\\n' > \"$1/{RUST}/rustup/settings.toml\""
        ),
        authorities(),
    ];
    let variables = [
        format!("ENV CARGO_HOME=/{RUST}/cargo"),
        format!("ENV RUSTUP_HOME=/{RUST}/rustup"),
        format!("ENV PATH=/{RUST}/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ];
    import(
        name,
        &["--variant=minbase", "--include=ca-certificates,gcc,libc6-dev"],
        &hooks,
        &variables,
    )
}

/// The C library and the files that belong to it, unpacked without any program run.
fn distroless(name: &str) -> Result<()> {
    let packages = ["--variant=extract", "--include=base-files,libc6,libgcc-s1,tzdata"];
    import(name, &packages, &[authorities()], &["USER 65532".to_owned()])
}

/// This machine's certificates, because it may reach registries through an authority of its own.
fn authorities() -> String {
    let file = "etc/ssl/certs/ca-certificates.crt";
    format!("mkdir -p \"$1/etc/ssl/certs\" && cp /{file} \"$1/{file}\"")
}

fn import(name: &str, packages: &[&str], hooks: &[String], changes: &[String]) -> Result<()> {
    let mut debian = Command::new("mmdebstrap")
        .arg("--quiet")
        .args(packages)
        .args(hooks.iter().map(|hook| format!("--customize-hook={hook}")))
        .args([SUITE, "-"])
        .stdout(Stdio::piped())
        .spawn()
        .context("mmdebstrap does not start")?;
    let root = debian.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let mut import = Command::new("podman");
    import
        .args(["import", "--quiet"])
        .args(changes.iter().map(|change| format!("--change={change}")));
    run(import.args(["-", name]).stdin(root))?;
    ensure!(debian.wait()?.success(), "mmdebstrap failed");
    Ok(())
}

fn exists(image: &str) -> bool {
    Command::new("podman")
        .args(["image", "exists", image])
        .status()
        .is_ok_and(|status| status.success())
}

fn are_there(programs: &[&str]) -> bool {
    #[expect(clippy::disallowed_methods, reason = "to look for programs")]
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).chain(["/usr/sbin".into()]).collect();
    programs
        .iter()
        .all(|program| folders.iter().any(|folder| folder.join(program).is_file()))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

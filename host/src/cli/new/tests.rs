#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};

use berth_runtime::Limits;
use toml::{Table, Value};

use super::*;
use crate::config::{Manifest, Variables};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn asked(name: &str, path: PathBuf) -> Result<()> {
    new(&New {
        name: name.to_owned(),
        path: Some(path),
    })
}

fn refusal(name: &str, path: PathBuf) -> String {
    asked(name, path).unwrap_err().to_string()
}

fn table(path: &Path) -> Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn a_package_is_written_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let hello = folder.path().join("there").join("hello-2");
    asked("hello-2", hello.clone()).unwrap();
    for (path, _) in FILES.iter().chain(WIT) {
        let text = fs::read_to_string(hello.join(path)).unwrap();
        assert!(!text.is_empty() && !text.contains("{{"), "{path}");
    }
    for (place, _) in CARRIED {
        let manifest = fs::read_to_string(hello.join(place).join("Cargo.toml")).unwrap();
        assert!(
            !manifest.contains("workspace") && !manifest.contains("../.."),
            "{manifest}"
        );
        assert!(hello.join(place).join("src/lib.rs").exists(), "{place}");
    }
    assert!(
        hello
            .join("vendor/berth-sdk/wit/deps/postgres/postgres.wit")
            .exists()
    );
    assert_eq!(
        table(&hello.join("Cargo.toml"))["package"]["name"].as_str(),
        Some("hello-2")
    );
}

#[test]
fn its_manifest_is_one_that_the_host_takes() {
    let folder = tempfile::tempdir().unwrap();
    asked("hello", folder.path().to_owned()).unwrap();
    let wasm = folder.path().join("target/wasm32-wasip2/release/hello.wasm");
    fs::create_dir_all(wasm.parent().unwrap()).unwrap();
    fs::write(&wasm, "").unwrap();
    let manifest = Manifest::read(
        &folder.path().join("berth.toml"),
        &Limits::default(),
        &Variables::default(),
    )
    .unwrap();
    assert_eq!(manifest.components[0].source, wasm);
    assert_eq!(manifest.components[0].rows, None);

    // With the lines that are comments, for a component that has tables.
    let path = folder.path().join("berth.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (text, rows) = text.split_once("# [components.hello.rows]").unwrap();
    let text = text.replace("\"logging\"]", "\"logging\", \"postgres\"]");
    let rows = rows.replace("\n# ", "\n");
    fs::write(&path, format!("{text}[components.hello.rows]{rows}")).unwrap();
    let manifest = Manifest::read(&path, &Limits::default(), &Variables::default()).unwrap();
    assert_eq!(manifest.components[0].rows.as_ref().unwrap().owner, "user_id");
}

#[test]
fn only_an_empty_folder_is_written_into() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine");
    fs::write(&file, "").unwrap();
    let refused = refusal("hello", folder.path().to_owned());
    assert!(
        refused.ends_with("is not empty: name another folder with --path"),
        "{refused}"
    );
    assert!(refusal("hello", file.clone()).ends_with("mine is no folder"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::remove_file(file).unwrap();
    asked("hello", folder.path().to_owned()).unwrap();
}

#[test]
fn a_name_that_no_host_or_cargo_takes_is_refused() {
    for name in [
        "", "Hello", "2hello", "hello_2", "../hello", "berth", "pg-hello", "health", "docs", "deps",
    ] {
        let folder = tempfile::tempdir().unwrap();
        assert!(asked(name, folder.path().join("new")).is_err(), "{name:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name:?}");
    }
}

/// The crates of the SDK name their versions themselves, because they are published and carried. The versions are those of
/// the workspace.
#[test]
fn the_sdk_depends_on_what_the_workspace_does() {
    fn requirement(dependency: &Value) -> Option<&str> {
        dependency
            .as_str()
            .or_else(|| dependency.get("version")?.as_str())
    }
    let workspace = table(&Path::new(ROOT).join("Cargo.toml"));
    let shared = &workspace["workspace"]["dependencies"];
    for manifest in ["sdk/rust/Cargo.toml", "host/contract/Cargo.toml"] {
        let package = table(&Path::new(ROOT).join(manifest));
        assert_eq!(
            package["package"]["rust-version"],
            workspace["workspace"]["package"]["rust-version"]
        );
        for (name, dependency) in package["dependencies"].as_table().unwrap() {
            if name != "berth-contract" {
                assert_eq!(requirement(dependency), requirement(&shared[name]), "{name}");
            }
        }
    }
}

/// The lock file lets a new package build offline wherever the workspace was built. To repair it, copy the workspace's
/// Cargo.lock over a new package's, run `cargo metadata --offline` there, and take the resulting file.
#[test]
fn its_lock_file_has_the_versions_of_the_workspaces() {
    let packages = |lock: &Table| -> BTreeMap<(String, String), Option<Value>> {
        let text = |package: &Value, key| package[key].as_str().unwrap().to_owned();
        let key = |package: &Value| (text(package, "name"), text(package, "version"));
        let all = lock["package"].as_array().unwrap().iter();
        all.map(|package| (key(package), package.get("checksum").cloned()))
            .collect()
    };
    let workspace = packages(&table(&Path::new(ROOT).join("Cargo.lock")));
    let own = packages(&include_str!("Cargo.lock").parse().unwrap());
    assert!(own.len() > 1);
    for (package, checksum) in own.iter().filter(|((name, _), _)| name != NAME) {
        assert_eq!(workspace.get(package), Some(checksum), "{package:?}");
    }
}

/// All files of wit/ except those of the project's own components.
#[test]
fn every_interface_of_the_host_is_there() {
    let mut files = BTreeSet::new();
    for package in fs::read_dir(Path::new(ROOT).join("wit/deps")).unwrap().flatten() {
        let package = package.path();
        for file in fs::read_dir(&package).unwrap().flatten() {
            files.insert(
                file.path()
                    .strip_prefix(ROOT)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
    }
    files.remove("wit/deps/tasks/tasks.wit");
    let written: BTreeSet<_> = WIT.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(written, files);
}

//! Modules use each other in one direction only.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

/// The layers, the lowest first. A module uses lower layers only.
const LAYERS: [&[&str]; 8] = [
    &[
        "metrics",
        "principal",
        "route_pattern",
        "settings",
        "source_lines",
    ],
    &["request"],
    &["limits"],
    &["ambient", "capabilities"],
    &["spec"],
    &["run"],
    &["engine"],
    &["load"],
];

/// The layer of a module, and its position among its neighbours.
fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The modules of the crate that a source uses by their paths.
fn used(source: &str) -> impl Iterator<Item = &str> {
    source.split("crate::").skip(1).filter_map(|rest| {
        rest.split(|character: char| !character.is_alphanumeric() && character != '_')
            .next()
    })
}

/// All sources at and below a path, without tests.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.file_stem().is_some_and(|name| name == "tests") {
        return Vec::new();
    }
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap();
    entries
        .flat_map(|entry| sources(&entry.unwrap().path()))
        .collect()
}

#[test]
fn every_module_uses_lower_layers_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["lib", "fixtures", "layers"].contains(&&*module) {
            continue;
        }
        let own = layer(&module);
        assert!(own.is_some(), "`{module}` has no layer");
        for source in sources(&path) {
            let text = fs::read_to_string(&source).unwrap();
            for other in used(&text).filter(|other| *other != module) {
                let (other_layer, place) = (layer(other), source.display());
                assert!(
                    other_layer.is_none_or(|other| Some(other) < own),
                    "{place}: `{module}` must not use `{other}`"
                );
            }
        }
    }
}

//! Versions of the fixture `version`, made by writing their settings into the built file.

use std::fs;
use std::path::Path;

use super::app::ROOT;
use super::components::Component;

/// The mark before the settings in the built file; the second constant is the length of both.
const MARK: &[u8] = b"SETTINGS OF THE FIXTURE:";
const LENGTH: usize = 256;

/// The wasm of a version: `version("name=two migrations=1,2!")`. The fixture describes the settings.
pub(crate) fn version(settings: &str) -> Vec<u8> {
    with_settings("tests/fixtures/version.wasm", MARK, LENGTH, settings)
}

/// A built file whose settings are replaced. `length` is the length of the mark and the settings.
pub(crate) fn with_settings(file: &str, mark: &[u8], length: usize, settings: &str) -> Vec<u8> {
    let path = Path::new(ROOT).join(file);
    let mut wasm =
        fs::read(&path).unwrap_or_else(|_| panic!("{} is not built: run `cargo xtask test`", path.display()));
    let at = wasm
        .windows(mark.len())
        .position(|window| window == mark)
        .unwrap();
    let place = &mut wasm[at + mark.len()..at + length];
    place.fill(b' ');
    place[..settings.len()].copy_from_slice(settings.as_bytes());
    wasm
}

/// The component `version`, whose file has these settings when the host starts. It answers at `/version`.
pub(crate) fn versioned(folder: &Path, settings: &str) -> Component {
    let file = folder.join("version.wasm");
    fs::write(&file, version(settings)).unwrap();
    Component::from_file("version", &file)
        .at("/version")
        .granted(&["postgres"])
}

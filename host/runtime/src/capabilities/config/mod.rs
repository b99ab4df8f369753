//! `wasi:config/store`: the `config` table of the manifest, and nothing of the host's environment.

use wasmtime::component::Linker;
use wasmtime_wasi_config::WasiConfig;

use crate::run::state::State;

/// Links the capability.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi_config::add_to_linker(linker, |state| WasiConfig::from(&*state.config))
}

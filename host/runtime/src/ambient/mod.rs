//! The interfaces of every component, without a grant: those that every toolchain imports.
//!
//! They give access to nothing by themselves. `wasi:cli` has the manifest's environment variables, and the log as
//! standard output (`stdio`). `wasi:http` sends requests to the destinations that the manifest lists
//! (`outgoing_http`).

pub(crate) mod outgoing_http;
mod stdio;

use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime_wasi::{WasiCtx, WasiView};
use wasmtime_wasi_http::WasiHttpView;

use self::stdio::LogStream;
use crate::request::RequestContext;
use crate::settings::Settings;

/// The packages of the worlds `wasi:cli` and `wasi:http`, which are linked in their 0.2 releases.
pub(crate) const PACKAGES: [&str; 7] = [
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:random",
    "wasi:sockets",
];

/// Links the interfaces.
pub(crate) fn add_to_linker<T: WasiView + WasiHttpView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// The whole `wasi:cli` world without access to anything, except that output is logged and the manifest's variables are
/// set.
pub(crate) fn wasi(request: &Arc<RequestContext>, environment: &Settings) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    builder
        .stdout(LogStream::stdout(Arc::clone(request)))
        .stderr(LogStream::stderr(Arc::clone(request)))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    for (name, value) in environment.entries() {
        builder.env(name, value);
    }
    builder.build()
}

//! The data of a store: everything that one instance can access.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::component_calls::Calls;
use super::meter::MemoryMeter;
use crate::ambient::outgoing_http::OutgoingHttp;
use crate::capabilities::{CapabilitiesView, Contexts};
use crate::request::RequestContext;

/// The data of a store. Made for one request and dropped with it, and with it everything that the guest held.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) outgoing_http: OutgoingHttp,
    pub(crate) capabilities: Contexts,
    pub(crate) calls: Calls,
    pub(crate) memory: MemoryMeter,
    pub(crate) request: Arc<RequestContext>,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outgoing_http,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl CapabilitiesView for State {
    fn capabilities(&mut self) -> (&mut Contexts, &mut ResourceTable) {
        (&mut self.capabilities, &mut self.table)
    }
}

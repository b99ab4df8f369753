//! One linked version of a component, ready to make instances.

use std::num::NonZeroU32;
use std::sync::Arc;

use berth_database::Migration;
use wasmtime::component::{Component, ResourceTable};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_config::WasiConfigVariables;
use wasmtime_wasi_http::WasiHttpCtx;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::background::Background;
use crate::backtrace::{Backtrace, Reason};
use crate::candidate::Authority;
use crate::capabilities::cohere::Cohere;
use crate::capabilities::outgoing_http::{Client, OutgoingHttp};
use crate::capabilities::postgres::Postgres;
use crate::capabilities::stdio::LogStream;
use crate::compile::Compiled;
use crate::component_spec::ComponentSpec;
use crate::guest_memory::{Charge, MemoryAccount};
use crate::instance::RequestContext;
use crate::limits::Overdrawn;
use crate::meter::{CpuMeter, MemoryMeter, Metered};
use crate::refused_statement::LastRefusal;
use crate::resources::Resources;
use crate::settings::Settings;
use crate::source_lines::SourceLines;
use crate::state::State;

/// Host resources that an instance may hold at a time: bodies, streams, transactions.
const MAX_RESOURCES: usize = 1000;

/// Bytes that the headers of one request or response may take, as wasmtime counts them.
const MAX_FIELDS: usize = 64 * 1024;

/// The bytes that a guest may pass to the host in one call, besides the parameters of a statement.
const HOSTCALL_ALLOWANCE: u64 = 2 * 1024 * 1024;

/// A version of a component: its code, linked against its grants. Clones share the version.
#[derive(Clone)]
pub struct Version {
    pub(crate) spec: Arc<ComponentSpec>,
    pub(crate) number: Option<NonZeroU32>,
    digest: Arc<str>,
    pub(crate) pre: ProxyPre<State>,
    /// The source lines of its code.
    pub(crate) lines: Option<Arc<SourceLines>>,
    pub(crate) openapi: Option<Arc<str>>,
    pub(crate) migrations: Arc<[Migration]>,
    /// The resources for its grants.
    pub(crate) resources: Resources,
    config: Arc<WasiConfigVariables>,
    client: Client,
    /// The account of trials for a version without a number.
    pub(crate) memory: MemoryAccount,
    pub(crate) background: Background,
}

impl Version {
    /// A version without a number, and without resources for its grants.
    pub(crate) fn new(
        spec: Arc<ComponentSpec>,
        compiled: &Compiled,
        pre: ProxyPre<State>,
        client: Client,
    ) -> Self {
        Self {
            number: None,
            digest: Arc::clone(&compiled.digest),
            lines: compiled.lines.clone(),
            memory: compiled.engine.memory().trials(),
            background: compiled.engine.background().clone(),
            pre,
            openapi: None,
            migrations: Arc::default(),
            resources: Resources::new(&spec, None, None),
            config: Arc::new(spec.config.0.clone().into_iter().collect()),
            client,
            spec,
        }
    }

    /// The version with its number, if it has one, and with `resources` for its grants.
    pub(crate) fn numbered(&self, number: Option<NonZeroU32>, resources: Resources) -> Self {
        let memory = self.memory.memory();
        let memory = if resources.is_trial {
            memory.trials()
        } else {
            memory.account(&self.spec.name)
        };
        Self {
            number,
            resources,
            memory,
            ..self.clone()
        }
    }

    /// The component, as the manifest describes it.
    #[must_use]
    pub fn spec(&self) -> &Arc<ComponentSpec> {
        &self.spec
    }

    /// The number of the version. None for a candidate, and in a dry run of bytes that the host has never seen.
    #[must_use]
    pub fn number(&self) -> Option<NonZeroU32> {
        self.number
    }

    /// The component and the number, as in `todo@3`; without a number, only the component.
    #[must_use]
    pub fn label(&self) -> String {
        match self.number {
            Some(number) => format!("{}@{number}", self.spec.name),
            None => self.spec.name.clone(),
        }
    }

    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The resources for its grants, for the next version.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The component's migrations.
    #[must_use]
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// The imported and exported interfaces.
    #[must_use]
    pub fn authority(&self) -> Authority {
        let (component, ty) = (self.component(), self.component().component_type());
        let sorted = |names: Vec<&str>| {
            let mut names: Vec<_> = names.into_iter().map(str::to_owned).collect();
            names.sort_unstable();
            names
        };
        Authority {
            imports: sorted(ty.imports(component.engine()).map(|(name, _)| name).collect()),
            exports: sorted(ty.exports(component.engine()).map(|(name, _)| name).collect()),
        }
    }

    /// The component's OpenAPI document, as JSON.
    #[must_use]
    pub fn openapi(&self) -> Option<&str> {
        self.openapi.as_deref()
    }

    /// A store for one instance, with every limit set, that begins with `memory`.
    pub(crate) fn store(
        &self,
        request: Arc<RequestContext>,
        meter: &Arc<CpuMeter>,
        memory: Charge,
    ) -> Store<State> {
        let limits = &self.spec.limits;
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_FIELDS);
        let state = State {
            table,
            wasi: wasi(&request, &self.spec.environment),
            http,
            outgoing_http: OutgoingHttp::new(self.client.clone(), Arc::clone(&request)),
            config: Arc::clone(&self.config),
            cohere: Cohere::new(self.resources.cohere.clone(), &request, limits.time),
            postgres: Postgres::new(self.resources.database.clone(), limits.rows, limits.result)
                .logged_for(&request),
            memory: MemoryMeter::new(limits.memory, memory, Arc::clone(meter)),
            request,
        };
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter_async(|state| &mut state.memory);
        store.set_max_component_handles(MAX_RESOURCES);
        let fuel = limits.result.saturating_add(HOSTCALL_ALLOWANCE);
        store.set_hostcall_fuel(usize::try_from(fuel).unwrap_or(usize::MAX));
        let (meter, budget) = (Arc::clone(meter), limits.cpu);
        // A new store's deadline is epoch 0, which traps at once.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            let over = meter.spent() > budget;
            if over {
                return Ok(UpdateDeadline::Interrupt);
            }
            meter.interrupt();
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }

    /// Whether the component exports an interface.
    pub(crate) fn exports(&self, interface: &str) -> bool {
        self.component().get_export_index(None, interface).is_some()
    }

    /// Its compiled code, which knows the types of what it imports and exports.
    pub(crate) fn component(&self) -> &Component {
        self.pre.instance_pre().component()
    }

    /// How much memory an instance asks for at its start, in bytes, if that is more than the component may have.
    pub(crate) async fn memory_at_start_beyond_limit(&self) -> Option<u64> {
        let (limit, unlimited) = (self.spec.limits.memory, u64::MAX);
        let (_, is_short) = self.memory_at_start(limit).await;
        if !is_short {
            return None;
        }
        let (used, _) = self.memory_at_start(unlimited).await;
        let resources = self.component().resources_required();
        let largest = resources
            .and_then(|resources| resources.max_initial_memory_size)
            .unwrap_or_default();
        Some(used.max(largest).max(limit + 1))
    }

    /// How much memory an instance has at its start, in bytes, and whether it asked for more than `limit`.
    async fn memory_at_start(&self, limit: u64) -> (u64, bool) {
        let meter = CpuMeter::new();
        let mut store = self.store(self.outside_of_requests(), &meter, self.memory.charge());
        store.data_mut().memory.set_limit(limit);
        let start = Metered::new(Arc::clone(&meter), async {
            // Other errors of starting are reported by its first request: the host may have no memory free at the
            // moment.
            let _ = self.pre.instance_pre().instantiate_async(&mut store).await;
            store.data().memory.used()
        });
        let used = tokio::time::timeout(self.spec.limits.time, start)
            .await
            .unwrap_or_default();
        (used, meter.has_reached_memory_limit())
    }

    /// The context of calls outside of requests.
    fn outside_of_requests(&self) -> Arc<RequestContext> {
        Arc::new(RequestContext {
            component: self.spec.name.clone(),
            version: self.number,
            request_id: String::new(),
            principal: None,
            callers: Vec::new(),
            registry: Arc::default(),
            log: self.resources.log.clone(),
            last_refusal: LastRefusal::default(),
        })
    }

    /// Calls the component outside of any request: without a caller, without the database, within the limits of a
    /// request.
    pub(crate) async fn ask<R>(
        &self,
        call: impl AsyncFnOnce(Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, String> {
        let meter = CpuMeter::new();
        let store = self.store(self.outside_of_requests(), &meter, self.memory.charge());
        let call = Metered::new(Arc::clone(&meter), call(store));
        match tokio::time::timeout(self.spec.limits.time, call).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                let (limits, has_reached) = (&self.spec.limits, meter.has_reached_memory_limit());
                let why = match Overdrawn::by(&error, has_reached) {
                    Some(overdrawn) => overdrawn.in_words(limits),
                    None => Reason(&error).to_string(),
                };
                let backtrace = Backtrace::of(&error).in_words(self.lines.as_ref()).await;
                Err(why + &backtrace.replace("\n   ", ""))
            }
            Err(_) => Err(Overdrawn::Time.in_words(&self.spec.limits)),
        }
    }
}

/// The whole `wasi:cli` world without access to anything, except that output is logged and the manifest's variables are
/// set.
fn wasi(request: &Arc<RequestContext>, environment: &Settings) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    builder
        .stdout(LogStream::stdout(Arc::clone(request)))
        .stderr(LogStream::stderr(Arc::clone(request)))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    for (name, value) in &environment.0 {
        builder.env(name, value);
    }
    builder.build()
}

impl std::fmt::Debug for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.label())
    }
}

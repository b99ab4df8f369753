//! One linked version of a component, ready to make instances.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::sync::Arc;

use berth_database::Migration;
use wasmtime::component::{Component, ResourceTable};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi_http::WasiHttpCtx;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::background::Background;
use super::component_calls::Calls;
use super::guest_memory::{Charge, GuestMemoryUse, MemoryAccount};
use super::memory_meter::MemoryMeter;
use super::meter::CpuMeter;
use super::resources::Resources;
use super::state::State;
use crate::ambient;
use crate::ambient::outgoing_http::{Client, OutgoingHttp};
use crate::capabilities::{Contexts, Scope};
use crate::request::{RequestContext, incident};
use crate::source_lines::SourceLines;
use crate::spec::ComponentSpec;

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
    client: Client,
    /// The account of trials for a version without a number.
    pub(crate) memory: MemoryAccount,
    pub(crate) background: Background,
}

/// The code of a component, linked against its grants.
pub(crate) struct LinkedCode {
    /// The SHA-256 of the component's bytes, in lower-case hexadecimal.
    pub(crate) digest: Arc<str>,
    pub(crate) lines: Option<Arc<SourceLines>>,
    pub(crate) pre: ProxyPre<State>,
}

impl Version {
    /// A version without a number, and without resources for its grants. `memory` is the account of trials.
    pub(crate) fn new(
        spec: Arc<ComponentSpec>,
        code: LinkedCode,
        client: Client,
        memory: MemoryAccount,
        background: Background,
    ) -> Self {
        let LinkedCode { digest, lines, pre } = code;
        Self {
            number: None,
            digest,
            lines,
            memory,
            background,
            pre,
            openapi: None,
            migrations: Arc::default(),
            resources: Resources::new(&spec, None, None, None, None),
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

    /// The component and the number, as in `shop@3`; without a number, only the component.
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
        calls: Calls,
        meter: &Arc<CpuMeter>,
        memory: Charge,
    ) -> Store<State> {
        let limits = &self.spec.limits;
        let capabilities = Contexts::new(&Scope {
            request: &request,
            limits,
            config: &self.spec.config,
            services: &self.resources.services,
        });
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_FIELDS);
        let state = State {
            table,
            wasi: ambient::wasi(&request, &self.spec.environment),
            http,
            outgoing_http: OutgoingHttp::new(self.client.clone(), Arc::clone(&request)),
            capabilities,
            calls,
            memory: MemoryMeter::new(
                limits.memory,
                memory,
                Arc::clone(meter),
                Arc::clone(&self.resources.metrics),
            ),
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
}

impl Version {
    /// Logs what is wrong with the response to a request, if the component's log budget allows it. The line is cut at 8
    /// KiB.
    pub fn warn(&self, request_id: &str, message: impl Display) {
        incident::warn(
            &self.resources.log,
            &self.spec.name,
            self.number,
            request_id,
            message,
        );
    }
}

impl std::fmt::Debug for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.label())
    }
}

impl Version {
    /// The component's present use of its limits.
    #[must_use]
    pub fn in_use(&self) -> Use {
        let concurrency = self.spec.limits.concurrency;
        let free = self.resources.permits.available_permits();
        Use {
            instances: concurrency.saturating_sub(free),
            max_instances: concurrency,
            memory: self.memory.in_use(),
            dropped_log: self.resources.log.dropped(),
        }
    }
}

/// A component's use of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Live instances.
    pub instances: usize,
    /// `limits.concurrency`
    pub max_instances: usize,
    /// The memory that its instances hold, and the component's share as the limit.
    pub memory: GuestMemoryUse,
    /// Lines beyond the log budget, and their bytes.
    pub dropped_log: (u64, u64),
}

/// The interfaces of a component, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// The imported interfaces.
    pub imports: Vec<String>,
    /// The exported interfaces.
    pub exports: Vec<String>,
}

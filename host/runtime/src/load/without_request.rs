//! Runs a component outside of any request: to see its memory at its start, and to call its exports.

use std::sync::Arc;

use wasmtime::Store;

use crate::request::RequestContext;
use crate::request::refused_statement::LastRefusal;
use crate::run::backtrace::{Backtrace, Reason};
use crate::run::component_calls::Calls;
use crate::run::meter::{CpuMeter, Metered};
use crate::run::overdrawn::Overdrawn;
use crate::run::state::State;
use crate::run::version::Version;

impl Version {
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
        let meter = CpuMeter::new(Arc::default());
        let mut store = self.store(
            self.outside_of_requests(),
            Calls::default(),
            &meter,
            self.memory.charge(),
        );
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
            route: None,
            principal: None,
            usage: Arc::default(),
            span: berth_traces::Span::none(),
            log: self.resources.log.clone(),
            traps: self.resources.traps.clone(),
            metrics: Arc::clone(&self.resources.metrics),
            last_refusal: LastRefusal::default(),
        })
    }

    /// Calls the component outside of any request: without a caller, without the database, within the limits of a
    /// request.
    pub(crate) async fn ask<R>(
        &self,
        call: impl AsyncFnOnce(Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, String> {
        let meter = CpuMeter::new(Arc::default());
        let store = self.store(
            self.outside_of_requests(),
            Calls::default(),
            &meter,
            self.memory.charge(),
        );
        let call = Metered::new(Arc::clone(&meter), call(store));
        match tokio::time::timeout(self.spec.limits.time, call).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                let (limits, has_reached) = (&self.spec.limits, meter.has_reached_memory_limit());
                let why = match Overdrawn::by(&error, has_reached) {
                    Some(overdrawn) => overdrawn.in_words(limits),
                    None => Reason(&error).to_string(),
                };
                let backtrace = Backtrace::from_error(&error).in_words(self.lines.as_ref()).await;
                Err(why + &backtrace.replace("\n   ", ""))
            }
            Err(_) => Err(Overdrawn::Time.in_words(&self.spec.limits)),
        }
    }
}

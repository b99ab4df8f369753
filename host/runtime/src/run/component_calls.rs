//! Calls from one component to another: an import that another component's export serves.
//!
//! The callee is the version that is live at the moment of the call. The callee runs in a fresh instance,
//! with its own grants and limits, for the caller's request and principal, and ends when its caller does.
//!
//! If the callee returns no result, the caller is told if possible: a function that returns a `result` whose error
//! has a case `unavailable`, with a string or without a value, returns that case. Any other function traps, and the
//! caller's request fails in the same way as the callee.

use std::sync::Arc;

use berth_metrics::Operation;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{Component, ComponentExportIndex, LinkerInstance, Type, Val};

use super::handle_error::HandleError;
use super::registry::Registry;
use super::state::State;
use super::version::Version;
use crate::metrics::{CallOutcome, Limit};
use crate::request::RequestContext;
use crate::request::usage::Wait;

/// The maximum depth of calls, counted from the component that serves the client's request.
const MAX_DEPTH: usize = 4;

/// The error case for a callee that returned no result.
const UNAVAILABLE: &str = "unavailable";

/// The calls that an instance can make.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    /// The callers of the instance's component, from the component that the client reached; empty for that component.
    callers: Vec<String>,
    /// The registry of the versions that can be called.
    registry: Arc<Registry>,
}

impl Calls {
    /// The calls of the component that the client reached.
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self {
            callers: Vec::new(),
            registry,
        }
    }

    /// The calls of a component that `caller` has called.
    fn called_by(&self, caller: &str) -> Self {
        let callers = self.callers.iter().map(String::as_str).chain([caller]);
        Self {
            callers: callers.map(str::to_owned).collect(),
            registry: Arc::clone(&self.registry),
        }
    }
}

/// A function of another component.
pub(crate) struct Target {
    pub(crate) callee: String,
    pub(crate) interface: String,
    pub(crate) function: String,
}

impl Target {
    /// Links the function.
    pub(crate) fn define(self, linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
        let target = Arc::new(self);
        let name = target.function.clone();
        linker.func_new_async(&name, move |store, signature, params, results| {
            let target = Arc::clone(&target);
            let State { request, calls, .. } = store.data();
            let (caller, calls) = (Arc::clone(request), calls.called_by(&request.component));
            Box::new(async move {
                let metrics = caller.metrics.calls.get(target.callee.as_str());
                let operation = Operation::begin(&metrics.outcomes, &metrics.times, CallOutcome::Abandoned);
                let answer = target.call(&caller, calls, params.to_vec(), results.len());
                let answer = answer.await;
                operation.end(outcome(&answer));
                let values = match answer {
                    Ok(values) => values,
                    Err(error) => vec![unavailable(&signature, &error).ok_or(error)?],
                };
                for (result, value) in results.iter_mut().zip(values) {
                    *result = value;
                }
                Ok(())
            })
        })
    }

    /// Calls the live version on behalf of `caller`. The callee can make `calls`.
    async fn call(
        self: Arc<Self>,
        caller: &RequestContext,
        calls: Calls,
        params: Vec<Val>,
        results: usize,
    ) -> Result<Vec<Val>, CallError> {
        let callers = &calls.callers;
        if callers.len() > MAX_DEPTH {
            caller.metrics.limits.increment(Limit::CallDepth);
            let error = CallError::TooDeep {
                chain: format!("{} → {}", callers.join(" → "), self.callee),
            };
            return Err(error.logged(caller));
        }
        let Some(version) = calls.registry.current().version(&self.callee) else {
            let error = CallError::NotLive {
                callee: self.callee.clone(),
            };
            return Err(error.logged(caller));
        };
        let span = version.begin_span(&caller.span);
        span.rename(|| format!("{}/{}", self.interface, self.function));
        let context = RequestContext {
            component: self.callee.clone(),
            version: version.number(),
            request_id: caller.request_id.clone(),
            route: caller.route.clone(),
            principal: caller.principal.clone(),
            usage: Arc::clone(&caller.usage),
            span: span.clone(),
            log: version.resources.log.clone(),
            traps: version.resources.traps.clone(),
            metrics: Arc::clone(&version.resources.metrics),
            last_refusal: caller.last_refusal.clone(),
        };
        let name = self.callee.clone();
        let values = self.run(&version, context, calls, params, results).await;
        if let Err(error) = &values {
            span.fail(|| format!("{error:?}"));
        }
        span.end();
        values.map_err(|error| CallError::Failed { callee: name, error })
    }

    /// Calls the function in a fresh instance of `version`. Dropping the returned future ends the instance.
    async fn run(
        self: Arc<Self>,
        version: &Arc<Version>,
        context: RequestContext,
        calls: Calls,
        params: Vec<Val>,
        results: usize,
    ) -> Result<Vec<Val>, HandleError> {
        let admission = version.admit(&context).await?;
        let work = version.run(
            Arc::new(context),
            calls,
            admission,
            move |version, mut store| async move {
                let function = self.find(version.component())?;
                let context = Arc::clone(&store.data().request);
                let making = context.usage.wait(Wait::Instance);
                let instance = version.pre.instance_pre().instantiate_async(&mut store).await?;
                drop(making);
                let function = instance
                    .get_func(&mut store, function)
                    .ok_or_else(|| self.missing())?;
                let mut values = vec![Val::Bool(false); results];
                function.call_async(&mut store, &params, &mut values).await?;
                Ok(values)
            },
        );
        // In a separate task, so that the callee's execution time does not count for its caller.
        AbortOnDropHandle::new(tokio::spawn(work))
            .await
            .unwrap_or(Err(HandleError::Failed))
    }

    fn find(&self, component: &Component) -> wasmtime::Result<ComponentExportIndex> {
        let interface = component
            .get_export_index(None, &*self.interface)
            .ok_or_else(|| self.missing())?;
        component
            .get_export_index(Some(&interface), &*self.function)
            .ok_or_else(|| self.missing())
    }

    fn missing(&self) -> wasmtime::Error {
        let Self {
            interface, function, ..
        } = self;
        wasmtime::format_err!("it exports no function `{function}` in `{interface}`")
    }
}

/// The outcome of a call, for its caller's numbers.
fn outcome<T>(answer: &Result<T, CallError>) -> CallOutcome {
    match answer {
        Ok(_) => CallOutcome::Ok,
        Err(CallError::NotLive { .. } | CallError::TooDeep { .. }) => CallOutcome::Refused,
        Err(CallError::Failed { error, .. }) => match error {
            HandleError::TimedOut => CallOutcome::TimedOut,
            HandleError::Busy => CallOutcome::Busy,
            HandleError::Failed | HandleError::BodyTooLarge(_) | HandleError::BodyBroken => {
                CallOutcome::Failed
            }
        },
    }
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The callee is not live.
    #[error("the component `{callee}` is not live")]
    NotLive { callee: String },
    /// The calls are circular, or nested too deep.
    #[error("calls are nested more than {MAX_DEPTH} deep: {chain}")]
    TooDeep { chain: String },
    /// The callee failed, and its failure has been logged.
    #[error("the component `{callee}` gave no answer: {error}")]
    Failed { callee: String, error: HandleError },
}

impl CallError {
    /// The outcome of the caller's request, if the caller cannot be told.
    pub(crate) fn outcome(&self) -> HandleError {
        match self {
            Self::NotLive { .. } | Self::TooDeep { .. } => HandleError::Failed,
            Self::Failed { error, .. } => *error,
        }
    }

    fn logged(self, caller: &RequestContext) -> Self {
        caller.error("a call to another component was refused", &self);
        self
    }
}

/// The result that reports a failed call to the caller, if its type has a case for it.
fn unavailable(signature: &ComponentFunc, reason: &CallError) -> Option<Val> {
    let Type::Result(result) = signature.results().next()? else {
        return None;
    };
    let error = match result.err()? {
        Type::Enum(cases) => cases
            .names()
            .any(|name| name == UNAVAILABLE)
            .then(|| Val::Enum(UNAVAILABLE.to_owned()))?,
        Type::Variant(variant) => {
            let case = variant.cases().find(|case| case.name == UNAVAILABLE)?;
            let payload = match case.ty {
                None => None,
                Some(Type::String) => Some(Box::new(Val::String(reason.to_string()))),
                Some(_) => return None,
            };
            Val::Variant(UNAVAILABLE.to_owned(), payload)
        }
        _ => return None,
    };
    Some(Val::Result(Err(Some(Box::new(error)))))
}

#[cfg(test)]
mod tests;

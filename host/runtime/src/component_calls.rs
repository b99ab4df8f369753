//! Calls from one component to another: an import that another component's export serves.
//!
//! Values are copied by their WIT types, so any two components can be linked without the host knowing their
//! interface. The callee is the version that is live at the moment of the call. The callee runs in a fresh instance,
//! with its own grants and limits, for the caller's request and principal, and ends when its caller does.
//!
//! If the callee returns no result, the caller is told if possible: a function that returns a `result` whose error
//! has a case `unavailable`, with a string or without a value, returns that case. Any other function traps, and the
//! caller's request fails in the same way as the callee.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Linker, LinkerInstance, Type, Val};

use crate::component_spec::ComponentSpec;
use crate::instance::{HandleError, RequestContext};
use crate::link::LinkError;
use crate::state::State;
use crate::version::Version;
use crate::wit_type;

/// The namespaces of the host's interfaces. Every other import must be served by another component.
const HOST_NAMESPACES: [&str; 2] = ["wasi:", "berth:"];

/// The maximum depth of calls, counted from the component that serves the client's request.
const MAX_DEPTH: usize = 4;

/// The error case for a callee that returned no result.
const UNAVAILABLE: &str = "unavailable";

/// Whether an interface belongs to the host.
pub(crate) fn is_of_the_host(interface: &str) -> bool {
    HOST_NAMESPACES
        .iter()
        .any(|namespace| interface.starts_with(namespace))
}

/// The interfaces that a component imports from others.
pub(crate) fn imports(component: &Component) -> Vec<(String, ComponentInstance)> {
    let ty = component.component_type();
    ty.imports(component.engine())
        .filter(|(name, _)| !is_of_the_host(name))
        .filter_map(|(name, item)| match item.ty {
            ComponentItem::ComponentInstance(interface) => Some((name.to_owned(), interface)),
            _ => None,
        })
        .collect()
}

/// The interfaces that a component exports to others, as text.
pub(crate) fn exports(component: &Component) -> String {
    let ty = component.component_type();
    let names: Vec<_> = ty
        .exports(component.engine())
        .filter(|(name, _)| !is_of_the_host(name))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

/// Links each import that the manifest assigns to another component. The callee's exports are not checked here,
/// because they may change before the call; [`check_compatibility`](crate::check_compatibility) ensures that they
/// stay compatible.
pub(crate) fn add_to_linker(
    linker: &mut Linker<State>,
    component: &Component,
    spec: &ComponentSpec,
) -> Result<(), LinkError> {
    for (import, interface) in imports(component) {
        let callee = callee(&import, spec)?;
        let functions = functions(&import, &interface, component.engine())?;
        let mut instance = linker.instance(&import).map_err(LinkError::Mismatch)?;
        for function in functions {
            let target = Target {
                callee: callee.to_owned(),
                interface: import.clone(),
                function,
            };
            target.define(&mut instance).map_err(LinkError::Mismatch)?;
        }
    }
    Ok(())
}

/// The component that the manifest assigns to an import.
pub(crate) fn callee<'a>(import: &str, spec: &'a ComponentSpec) -> Result<&'a str, LinkError> {
    spec.callee(import).ok_or_else(|| LinkError::Unassigned {
        interface: without_version(import).to_owned(),
        component: spec.name.clone(),
        import: import.to_owned(),
    })
}

/// `todo:tasks/tasks@0.1.0` → `todo:tasks/tasks`
pub(crate) fn without_version(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

/// The functions of an interface, if all their values can be copied from one component to another.
fn functions(
    import: &str,
    interface: &ComponentInstance,
    engine: &wasmtime::Engine,
) -> Result<Vec<String>, LinkError> {
    let refuse = |what: String| LinkError::CannotCross {
        import: import.to_owned(),
        what,
    };
    let mut functions = Vec::new();
    for (name, item) in interface.exports(engine) {
        match item.ty {
            ComponentItem::Resource(_) => return Err(refuse(format!("has the resource `{name}`"))),
            ComponentItem::ComponentFunc(function) => {
                if let Some(place) = wit_type::find(&function, is_tied_to_its_instance) {
                    let signature = wit_type::signature(&function);
                    return Err(refuse(format!(
                        "has `{name}: {signature}` ({})",
                        place.join(", ")
                    )));
                }
                functions.push(name.to_owned());
            }
            _ => {}
        }
    }
    Ok(functions)
}

fn is_tied_to_its_instance(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Own(_) | Type::Borrow(_) | Type::Future(_) | Type::Stream(_) | Type::ErrorContext
    )
}

/// A function of another component.
struct Target {
    callee: String,
    interface: String,
    function: String,
}

impl Target {
    fn define(self, linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
        let target = Arc::new(self);
        let name = target.function.clone();
        linker.func_new_async(&name, move |store, signature, params, results| {
            let target = Arc::clone(&target);
            let caller = Arc::clone(&store.data().request);
            Box::new(async move {
                let values = match target.call(&caller, params.to_vec(), results.len()).await {
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

    /// Calls the live version on behalf of `caller`.
    async fn call(
        self: Arc<Self>,
        caller: &RequestContext,
        params: Vec<Val>,
        results: usize,
    ) -> Result<Vec<Val>, CallError> {
        let callers: Vec<String> = caller
            .callers
            .iter()
            .chain([&caller.component])
            .cloned()
            .collect();
        if callers.len() > MAX_DEPTH {
            let error = CallError::TooDeep {
                chain: format!("{} → {}", callers.join(" → "), self.callee),
            };
            return Err(error.logged(caller));
        }
        let Some(version) = caller.registry.current().version(&self.callee) else {
            let error = CallError::NotLive {
                callee: self.callee.clone(),
            };
            return Err(error.logged(caller));
        };
        let context = RequestContext {
            component: self.callee.clone(),
            version: version.number(),
            request_id: caller.request_id.clone(),
            principal: caller.principal.clone(),
            callers,
            registry: Arc::clone(&caller.registry),
            log: version.resources.log.clone(),
            last_refusal: caller.last_refusal.clone(),
        };
        let name = self.callee.clone();
        self.run(&version, context, params, results)
            .await
            .map_err(|error| CallError::Failed { callee: name, error })
    }

    /// Calls the function in a fresh instance of `version`. Dropping the returned future ends the instance.
    async fn run(
        self: Arc<Self>,
        version: &Arc<Version>,
        context: RequestContext,
        params: Vec<Val>,
        results: usize,
    ) -> Result<Vec<Val>, HandleError> {
        let admission = version.admit(&context).await?;
        let work = version.run(
            Arc::new(context),
            admission,
            move |version, mut store| async move {
                let function = self.find(version.component())?;
                let instance = version.pre.instance_pre().instantiate_async(&mut store).await?;
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

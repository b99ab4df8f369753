//! Calls from one component to another: an import that is not the host's, answered by what another component exports.
//!
//! Values cross by their WIT types alone, so any two components can be joined without the host knowing their
//! interface. The callee is the version that is live at the moment of the call. It runs in a fresh instance, with its
//! own grants and limits, for the same request and the same principal, and ends when its caller does.
//!
//! When the callee gives no result, the caller learns of it if it can be told: a function that returns a `result`
//! whose error has a case `unavailable`, with a string or with nothing, returns that. Any other function traps, and
//! the caller's request fails in the way in which the callee did.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Linker, LinkerInstance, Type, Val};

use crate::instance::{HandleError, RequestContext};
use crate::link::LinkError;
use crate::state::State;
use crate::version::{ComponentSpec, Version};
use crate::wit_type;

/// The namespaces of what the host gives. Every other import is for another component to answer.
const HOST_NAMESPACES: [&str; 2] = ["wasi:", "berth:"];

/// How many calls may lead from the component that a client reached to the last that runs for it.
const MAX_DEPTH: usize = 4;

/// The case of an error that says that there was no answer.
const UNAVAILABLE: &str = "unavailable";

/// Whether an interface is one that the host gives, or asks for.
pub(crate) fn is_of_the_host(interface: &str) -> bool {
    HOST_NAMESPACES.iter().any(|namespace| interface.starts_with(namespace))
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

/// The interfaces that a component has for others, in words.
pub(crate) fn exports(component: &Component) -> String {
    let ty = component.component_type();
    let names: Vec<_> = ty
        .exports(component.engine())
        .filter(|(name, _)| !is_of_the_host(name))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Links each import that the manifest assigns to another component. What that one exports is not looked at: it may
/// change until the call, and [`check_compatibility`](crate::check_compatibility) sees to it that it still fits.
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
            let target = Target { callee: callee.to_owned(), interface: import.clone(), function };
            target.define(&mut instance).map_err(LinkError::Mismatch)?;
        }
    }
    Ok(())
}

/// The component that answers an import, by the manifest.
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

/// The functions of an interface, if all that they pass can be copied from one component to another.
fn functions(
    import: &str,
    interface: &ComponentInstance,
    engine: &wasmtime::Engine,
) -> Result<Vec<String>, LinkError> {
    let refuse = |what: String| LinkError::CannotCross { import: import.to_owned(), what };
    let mut functions = Vec::new();
    for (name, item) in interface.exports(engine) {
        match item.ty {
            ComponentItem::Resource(_) => return Err(refuse(format!("has the resource `{name}`"))),
            ComponentItem::ComponentFunc(function) => {
                if let Some(place) = wit_type::find(&function, is_tied_to_its_instance) {
                    let signature = wit_type::signature(&function);
                    return Err(refuse(format!("has `{name}: {signature}` ({})", place.join(", "))));
                }
                functions.push(name.to_owned());
            }
            _ => {}
        }
    }
    Ok(functions)
}

fn is_tied_to_its_instance(ty: &Type) -> bool {
    matches!(ty, Type::Own(_) | Type::Borrow(_) | Type::Future(_) | Type::Stream(_) | Type::ErrorContext)
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

    /// Calls the version that is live now, on behalf of `caller`.
    async fn call(
        self: Arc<Self>,
        caller: &RequestContext,
        params: Vec<Val>,
        results: usize,
    ) -> Result<Vec<Val>, CallError> {
        let callers: Vec<String> = caller.callers.iter().chain([&caller.component]).cloned().collect();
        if callers.len() > MAX_DEPTH {
            let error =
                CallError::TooDeep { chain: format!("{} → {}", callers.join(" → "), self.callee) };
            return Err(error.logged(caller));
        }
        let Some(version) = caller.registry.current().version(&self.callee) else {
            let error = CallError::NotLive { callee: self.callee.clone() };
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

    /// Calls the function in a fresh instance of `version`, which ends when the returned future is dropped.
    async fn run(
        self: Arc<Self>,
        version: &Arc<Version>,
        context: RequestContext,
        params: Vec<Val>,
        results: usize,
    ) -> Result<Vec<Val>, HandleError> {
        let admission = version.admit(&context).await?;
        let work = version.run(Arc::new(context), admission, move |version, mut store| async move {
            let function = self.find(version.component())?;
            let instance = version.pre.instance_pre().instantiate_async(&mut store).await?;
            let function = instance.get_func(&mut store, function).ok_or_else(|| self.missing())?;
            let mut values = vec![Val::Bool(false); results];
            function.call_async(&mut store, &params, &mut values).await?;
            Ok(values)
        });
        // In a task of its own, so that its execution is not counted as its caller's.
        AbortOnDropHandle::new(tokio::spawn(work)).await.unwrap_or(Err(HandleError::Failed))
    }

    fn find(&self, component: &Component) -> wasmtime::Result<ComponentExportIndex> {
        let interface = component.get_export_index(None, &*self.interface).ok_or_else(|| self.missing())?;
        component.get_export_index(Some(&interface), &*self.function).ok_or_else(|| self.missing())
    }

    fn missing(&self) -> wasmtime::Error {
        let Self { interface, function, .. } = self;
        wasmtime::format_err!("it exports no function `{function}` in `{interface}`")
    }
}

/// Why a call had no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// There is no such component at the moment.
    #[error("the component `{callee}` is not live")]
    NotLive { callee: String },
    /// Components call each other in a circle, or in a chain that is too long.
    #[error("calls are nested more than {MAX_DEPTH} deep: {chain}")]
    TooDeep { chain: String },
    /// The callee failed, and has been logged.
    #[error("the component `{callee}` gave no answer: {error}")]
    Failed { callee: String, error: HandleError },
}

impl CallError {
    /// What becomes of the caller's request, where the caller cannot be told.
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

/// The result that tells the caller that there was no answer, if its type has a place for that.
fn unavailable(signature: &ComponentFunc, reason: &CallError) -> Option<Val> {
    let Type::Result(result) = signature.results().next()? else { return None };
    let error = match result.err()? {
        Type::Enum(cases) => {
            cases.names().any(|name| name == UNAVAILABLE).then(|| Val::Enum(UNAVAILABLE.to_owned()))?
        }
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

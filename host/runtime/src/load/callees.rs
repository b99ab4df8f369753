//! Imports of a component that other components serve.
//!
//! Values are copied by their WIT types, so any two components can be linked without the host knowing their
//! interface. [`component_calls`](crate::run::component_calls) makes the calls.

use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, Type};

use super::link_error::LinkError;
use super::wit_type;
use crate::run::component_calls::Target;
use crate::run::state::State;
use crate::spec::{ComponentSpec, without_version};

/// The namespaces of the host's interfaces. Every other import must be served by another component.
const HOST_NAMESPACES: [&str; 2] = ["wasi:", "berth:"];

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
            let callee = callee.to_owned();
            let interface = import.clone();
            let target = Target {
                callee,
                interface,
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
